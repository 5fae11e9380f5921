"""Whether images and captions mingle: what their neighbours are, and whether a line can tell them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlstudy.metrics.matched import matched
from vlstudy.metrics.metric import Metric
from vlstudy.metrics.parts import parts

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vlstudy.metrics.metric import Pairs

NEIGHBOURS = 10
FEWEST = 4  # pairs: two to fit the line, two to try it


def knn_mixing(images: Float[Tensor, "n d"], texts: Float[Tensor, "n d"]) -> float | None:
    """Share of the 10 nearest neighbours that are of the other modality, relative to chance; None for one pair.

        m / (n / (2n - 1)),   m = mean over the 2n points of that share, itself excluded, by cosine

    0: apart; about 1: drawn from one cloud; up to (2n - 1) / n where each sits among the other's. Of several
    neighbours that tie for the last places each counts in part. Fewer than 10 others: all of them.

    Differs from the paper: it names a measure of mixing; this formula is our choice.
    Source: TPC-CMA (arXiv 2604.00279), modality mixing.

    >>> import torch
    >>> apart = torch.tensor([[1.0, 0.0], [1.0, 0.0]]).repeat(6, 1)
    >>> knn_mixing(apart, -apart)
    0.0
    """
    import torch
    from torch.nn.functional import normalize

    n = len(images)
    if n < 2:
        return None
    points = normalize(torch.cat([images, texts]).double(), dim=-1)
    is_text = torch.arange(2 * n, device=points.device) >= n
    nearest, shares = min(NEIGHBOURS, 2 * n - 1), []
    for part in parts(2 * n, 2 * n):
        cosines = (points[part] @ points.T).float()  # so that equal points tie, however they were summed
        cosines.diagonal(part.start).fill_(-torch.inf)  # not to itself
        other = is_text != is_text[part, None]
        last = cosines.topk(nearest, dim=1).values[:, -1:]
        nearer, tied = cosines > last, cosines == last
        of_tied = (nearest - nearer.sum(dim=1)) * (tied & other).sum(dim=1) / tied.sum(dim=1).double()
        shares.append(((nearer & other).sum(dim=1) + of_tied) / nearest)
    return float(torch.cat(shares).mean()) * (2 * n - 1) / n


def modality_probe(images: Float[Tensor, "n d"], texts: Float[Tensor, "n d"]) -> float | None:
    """Held-out accuracy of logistic regression that tells images from captions, in [0, 1]; None below four pairs.

    1: a plane separates them; 0.5: it is left to guess. A seeded half of the pairs is fitted, the other half told
    apart; both of a pair stand in the same half.

    Differs from the paper: no source names it; the split and a ridge of 1 are our choice.
    Source: the probe of TPC-CMA's specification (arXiv 2604.00279), section 3.6.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    n = len(images)
    if n < FEWEST:
        return None
    order = np.random.default_rng(0).permutation(n)
    sides = [cloud.cpu().double().numpy() for cloud in (images, texts)]
    (seen, seen_side), (held, held_side) = (
        (np.concatenate([side[rows] for side in sides]), np.repeat([0, 1], len(rows)))
        for rows in (order[: n // 2], order[n // 2 :])
    )
    return float(LogisticRegression(max_iter=1000).fit(seen, seen_side).score(held, held_side))


def _mixing(pairs: Pairs) -> float | None:
    return knn_mixing(*matched(pairs))


def _probe(pairs: Pairs) -> float | None:
    return modality_probe(*matched(pairs))


KNN_MIXING = Metric(
    name="knn_mixing",
    direction="maximize",
    unit="ratio",
    low=0.0,
    high=2.0,
    meaning="share of the 10 nearest neighbours that are of the other modality, 1 where as many as by chance",
    source="TPC-CMA, arXiv 2604.00279; formula our choice",
    compare=_mixing,
)
MODALITY_PROBE = Metric(
    name="modality_probe",
    direction="minimize",
    unit="fraction",
    low=0.0,
    high=1.0,
    meaning="held-out accuracy of logistic regression telling images from captions: one half where it must guess",
    source="our choice",
    compare=_probe,
    split="test",
)
