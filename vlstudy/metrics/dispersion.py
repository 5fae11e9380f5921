"""How far the features of a modality are spread: what collapses when a gap is closed the cheap way."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Literal

from vlstudy.metrics.matched import matched
from vlstudy.metrics.metric import Metric, Pairs
from vlstudy.metrics.parts import parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float
    from torch import Tensor

ROUNDING = 1e-24  # variance that rounding leaves of equal unit rows
_CHOICE = "TPC-CMA, arXiv 2604.00279; formula our choice"


def effective_dimension(features: Float[Tensor, "n d"]) -> float | None:
    """Participation ratio (sum l)^2 / sum l^2 of the covariance's eigenvalues l, in [1, d]; None if all rows agree.

    sum l = tr S and sum l^2 = ||S||^2, so no eigenvalue is computed.

    Differs from the paper: it names an effective dimension; this formula is our choice.
    Source: TPC-CMA (arXiv 2604.00279), effective dimension.

    >>> import torch
    >>> effective_dimension(torch.eye(2)), effective_dimension(torch.cat([torch.eye(3), -torch.eye(3)]))
    (1.0, 3.0)
    """
    covariance = _covariance(features)
    total = float(covariance.trace())
    return total**2 / float(covariance.square().sum()) if total > ROUNDING else None


def effective_rank(features: Float[Tensor, "n d"]) -> float | None:
    """exp(-sum p log p) with p = l / sum l of the covariance's eigenvalues l, in [1, d]; None if all rows agree.

    Differs from the paper: our choice, beside the effective dimension.
    Source: Roy & Vetterli, The effective rank, EUSIPCO 2007, of the covariance rather than of the matrix.

    >>> import torch
    >>> round(effective_rank(torch.cat([torch.eye(3), -torch.eye(3)])), 6)
    3.0
    """
    import torch

    eigenvalues = torch.linalg.eigvalsh(_covariance(features)).clamp(min=0)
    total = eigenvalues.sum()
    return float(torch.special.entr(eigenvalues / total).sum().exp()) if float(total) > ROUNDING else None


def uniformity(features: Float[Tensor, "n d"]) -> float | None:
    """Log mean_{a != b} exp(-2 ||a - b||^2) over the rows, in [-8, 0] for unit vectors; None for one row.

    The lower, the more evenly they cover the sphere.

    Source: Wang & Isola, arXiv 2005.10242, section 4 (uniformity, t = 2).

    >>> import torch
    >>> uniformity(torch.eye(2))  # one pair, ||a - b||^2 = 2
    -4.0
    """
    import torch

    points, n = features.double(), len(features)
    if n < 2:
        return None
    norms, sums = points.square().sum(dim=-1), []
    for part in parts(n, n):
        squares = (norms[part, None] + norms - 2 * points[part] @ points.T).clamp(min=0)
        squares.diagonal(part.start).fill_(torch.inf)  # not to itself
        sums.append((-2 * squares).flatten().logsumexp(dim=0))
    return float(torch.stack(sums).logsumexp(dim=0)) - log(n * (n - 1))


def mean_cosine(features: Float[Tensor, "n d"]) -> float | None:
    """Mean cosine of two different unit rows, (||sum x||^2 - sum ||x||^2) / (n (n - 1)); None for one row.

    Source: Liang et al., arXiv 2203.02053 (the cone effect).

    >>> import torch
    >>> mean_cosine(torch.eye(2)), mean_cosine(torch.ones(3, 1))
    (0.0, 1.0)
    """
    n = len(features)
    if n < 2:
        return None
    points = features.double()
    return float(points.sum(dim=0).square().sum() - points.square().sum()) / (n * (n - 1))


def _covariance(features: Float[Tensor, "n d"]) -> Float[Tensor, "d d"]:
    centred = features.double() - features.double().mean(dim=0)
    return centred.T @ centred / len(features)


def _spread(
    name: str,
    meaning: str,
    measure: Callable[[Tensor], float | None],
    *,
    of: Literal["image", "text", "pooled"],
    unit: str = "dimensions",
    direction: Literal["maximize", "minimize"] = "maximize",
    bounds: tuple[float, float | None] = (1.0, None),
    source: str = _CHOICE,
) -> Metric:
    def compare(pairs: Pairs) -> float | None:
        import torch

        images, texts = matched(pairs)
        return measure({"image": images, "text": texts}[of] if of != "pooled" else torch.cat([images, texts]))

    name = name if of == "pooled" else f"{of}_{name}"
    whose = {"image": "images", "text": "captions, one an image", "pooled": "images and captions together"}[of]
    return Metric(
        name=name,
        direction=direction,
        unit=unit,
        low=bounds[0],
        high=bounds[1],
        meaning=f"{meaning}: {whose}",
        source=source,
        compare=compare,
    )


def _dimension(of: Literal["image", "text", "pooled"]) -> Metric:
    meaning = "number of directions that the features fill (participation ratio)"
    return _spread("effective_dimension", meaning, effective_dimension, of=of)


def _uniformity(of: Literal["image", "text"]) -> Metric:
    return _spread(
        "uniformity",
        "how evenly the features cover the sphere, the lower the more",
        uniformity,
        of=of,
        unit="nats",
        direction="minimize",
        bounds=(-8.0, 0.0),
        source="Wang & Isola, arXiv 2005.10242, section 4",
    )


def _cosine(of: Literal["image", "text"]) -> Metric:
    return _spread(
        "mean_cosine",
        "mean cosine of two different features, 1 in a cone without width",
        mean_cosine,
        of=of,
        unit="cosine",
        direction="minimize",
        bounds=(-1.0, 1.0),
        source="Liang et al., arXiv 2203.02053",
    )


EFFECTIVE_DIMENSION = _dimension("pooled")
IMAGE_EFFECTIVE_DIMENSION, TEXT_EFFECTIVE_DIMENSION = _dimension("image"), _dimension("text")
EFFECTIVE_RANK = _spread(
    "effective_rank",
    "number of directions that the features fill (entropy)",
    effective_rank,
    of="pooled",
    source="Roy & Vetterli, EUSIPCO 2007, of the covariance (our choice)",
)
IMAGE_UNIFORMITY, TEXT_UNIFORMITY = _uniformity("image"), _uniformity("text")
IMAGE_MEAN_COSINE, TEXT_MEAN_COSINE = _cosine("image"), _cosine("text")
DISPERSIONS = (
    EFFECTIVE_DIMENSION,
    IMAGE_EFFECTIVE_DIMENSION,
    TEXT_EFFECTIVE_DIMENSION,
    EFFECTIVE_RANK,
    IMAGE_UNIFORMITY,
    TEXT_UNIFORMITY,
    IMAGE_MEAN_COSINE,
    TEXT_MEAN_COSINE,
)
