"""How far images and their captions lie apart: the gap as a whole, and its two parts."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Literal

from vlstudy.metrics.matched import matched
from vlstudy.metrics.metric import Metric

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float
    from torch import Tensor

ROUNDING = 1e-24  # variance that rounding leaves of equal unit rows
PROJECTIONS = 256  # directions of the sliced distance
_TPC = "TPC-CMA, arXiv 2604.00279"
_CHOICE = f"{_TPC}; formula our choice"


def raw_gap(images: Float[Tensor, "n d"], texts: Float[Tensor, "n d"]) -> float:
    """Root mean square distance of the pairs: G_R = sqrt(mean_i ||x_i - y_i||^2), G_R^2 = G_C^2 + G_D^2.

    Differs from the paper: its formula is unknown; this one is our choice.
    Source: TPC-CMA (arXiv 2604.00279), raw gap.

    >>> import torch
    >>> raw_gap(torch.eye(2), torch.eye(2) + torch.tensor([3.0, 4.0]))
    5.0
    """
    return float((images.double() - texts.double()).square().sum(dim=-1).mean().sqrt())


def centroid_gap(images: Float[Tensor, "n d"], texts: Float[Tensor, "n d"]) -> float:
    """Distance of the two means: G_C = ||mean(X) - mean(Y)||.

    Its square is too large by G_D^2 / n on average: see `centroid_gap_unbiased`.

    Source: TPC-CMA (arXiv 2604.00279), centroid gap; Liang et al., arXiv 2203.02053.

    >>> import torch
    >>> round(centroid_gap(torch.eye(2), -torch.eye(2)), 4)  # sqrt(1 + 1)
    1.4142
    """
    return float((images.double().mean(dim=0) - texts.double().mean(dim=0)).norm())


def centroid_gap_unbiased(images: Float[Tensor, "n d"], texts: Float[Tensor, "n d"]) -> float | None:
    """The distance of the means with what few pairs add to its square taken away; None for one pair.

    G^2 = G_C^2 - sum_i ||(x_i - y_i) - delta||^2 / (n (n - 1)),   delta = mean(X) - mean(Y);   0 where that is below 0

    Differs from the paper: our choice, beside the plain value.
    Source: TPC-CMA (arXiv 2604.00279), centroid gap.
    """
    n = len(images)
    if n < 2:
        return None
    return sqrt(max(0.0, centroid_gap(images, texts) ** 2 - distribution_gap(images, texts) ** 2 / (n - 1)))


def distribution_gap(images: Float[Tensor, "n d"], texts: Float[Tensor, "n d"]) -> float:
    """What is left of the gap once the means agree: G_D = sqrt(mean_i ||(x_i - mean(X)) - (y_i - mean(Y))||^2).

    Differs from the paper: its formula is unknown; the paired one is our choice, for only then is the gap the sum of
    its parts, G_R^2 = G_C^2 + G_D^2.
    Source: TPC-CMA (arXiv 2604.00279), distribution gap.

    >>> import torch
    >>> distribution_gap(torch.eye(2), torch.eye(2) + 3), round(distribution_gap(torch.eye(2), torch.eye(2)[[1, 0]]), 4)
    (0.0, 1.4142)
    """
    return raw_gap(*_centred(images, texts))


def bures_gap(images: Float[Tensor, "n d"], texts: Float[Tensor, "n d"]) -> float:
    """The distribution gap without regard to pairs, if both clouds were Gaussian; at most `distribution_gap`.

        G^2 = tr S_x + tr S_y - 2 tr((S_x^1/2 S_y S_x^1/2)^1/2),   S the population covariances

    The last trace is the sum of the singular values of R_x R_y^T / n, with X = Q_x R_x centred; no root of a
    covariance, with its loss of half the digits, is taken.

    Differs from the paper: our choice, an alternative to its unknown formula.
    Source: Heusel et al., arXiv 1706.08500, equation 6, on centred data.
    """
    import torch

    left, right = (torch.linalg.qr(cloud, mode="r").R for cloud in _centred(images, texts))
    shared = torch.linalg.svdvals(left @ right.T).sum() / len(images)
    return sqrt(max(0.0, _spread(images) + _spread(texts) - 2 * float(shared)))


def sliced_gap(images: Float[Tensor, "n d"], texts: Float[Tensor, "n d"], directions: Float[Tensor, "l d"]) -> float:
    """The distribution gap without regard to pairs, seen along unit `directions`: sliced 2-Wasserstein distance.

        G^2 = mean over u and i of (sort(Xc u)_i - sort(Yc u)_i)^2,   Xc, Yc centred

    It is at most `distribution_gap`, and about 1 / sqrt(d) of the distance in full.

    Differs from the paper: our choice, an alternative to its unknown formula.
    Source: Bonneel et al., Sliced and Radon Wasserstein barycenters of measures, JMIV 51 (2015).
    """
    left, right = ((cloud @ directions.double().T).sort(dim=0).values for cloud in _centred(images, texts))
    return float((left - right).square().mean().sqrt())


def projections(width: int, like: Tensor) -> Float[Tensor, "256 d"]:
    """256 unit directions, the same ones whenever the width is."""
    import torch

    drawn = torch.randn(PROJECTIONS, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return torch.nn.functional.normalize(drawn, dim=-1).to(like)


def normalized_gap(images: Float[Tensor, "n d"], texts: Float[Tensor, "n d"]) -> float | None:
    """G_D^2 / (tr S_x + tr S_y): 0 where the centred pairs coincide, 1 where they are uncorrelated; at most 2.

    Unlike the gaps it does not fall when all features shrink into one cone. None where nothing is spread.

    Differs from the paper: our choice, a companion without scale.
    Source: TPC-CMA (arXiv 2604.00279), distribution gap.
    """
    spread = _spread(images) + _spread(texts)
    return distribution_gap(images, texts) ** 2 / spread if spread > ROUNDING else None


def _centred(*clouds: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "n d"], ...]:
    return tuple(cloud.double() - cloud.double().mean(dim=0) for cloud in clouds)


def _spread(cloud: Float[Tensor, "n d"]) -> float:
    """Trace of the population covariance."""
    return float(_centred(cloud)[0].square().sum(dim=-1).mean())


def _gap(
    name: str,
    meaning: str,
    measure: Callable[[Tensor, Tensor], float | None],
    *,
    source: str = _CHOICE,
    unit: str = "distance",
    direction: Literal["maximize", "minimize"] = "minimize",
    bounds: tuple[float, float] = (0.0, 2.0),  # of unit vectors
) -> Metric:
    return Metric(
        name=name,
        direction=direction,
        unit=unit,
        low=bounds[0],
        high=bounds[1],
        meaning=meaning,
        source=source,
        compare=lambda pairs: measure(*matched(pairs)),
    )


RAW_GAP = _gap("raw_gap", "root mean square distance between images and their captions", raw_gap)
RAW_GAP_MEAN = _gap(
    "raw_gap_mean",
    "mean distance between images and their captions",
    lambda images, texts: float((images - texts).norm(dim=-1).mean()),
)
MATCHED_COSINE = _gap(
    "matched_cosine",
    "mean cosine of images with their captions; of unit vectors 1 - raw_gap^2 / 2",
    lambda images, texts: float((images * texts).sum(dim=-1).mean()),
    source="Wang & Isola, arXiv 2005.10242, section 4 (alignment)",
    unit="cosine",
    direction="maximize",
    bounds=(-1.0, 1.0),
)
CENTROID_GAP = _gap(
    "centroid_gap",
    "distance between the mean image and the mean caption",
    centroid_gap,
    source=f"{_TPC}; Liang et al., arXiv 2203.02053",
)
CENTROID_GAP_UNBIASED = _gap(
    "centroid_gap_unbiased", "centroid gap less what few pairs add to it", centroid_gap_unbiased
)
DISTRIBUTION_GAP = _gap(
    "distribution_gap", "root mean square distance of the pairs once the means agree", distribution_gap
)
DISTRIBUTION_GAP_BURES = _gap(
    "distribution_gap_bures", "distance of the centred clouds as Gaussians (Bures), whatever goes with what", bures_gap
)
DISTRIBUTION_GAP_SLICED = _gap(
    "distribution_gap_sliced",
    "distance of the centred clouds along 256 directions (sliced Wasserstein), whatever goes with what",
    lambda images, texts: sliced_gap(images, texts, projections(images.shape[1], images)),
)
DISTRIBUTION_GAP_NORMALIZED = _gap(
    "distribution_gap_normalized",
    "squared distribution gap relative to the spread of both modalities: 1 if they are uncorrelated",
    normalized_gap,
    unit="ratio",
)
GAPS = (
    RAW_GAP,
    RAW_GAP_MEAN,
    MATCHED_COSINE,
    CENTROID_GAP,
    CENTROID_GAP_UNBIASED,
    DISTRIBUTION_GAP,
    DISTRIBUTION_GAP_BURES,
    DISTRIBUTION_GAP_SLICED,
    DISTRIBUTION_GAP_NORMALIZED,
)
