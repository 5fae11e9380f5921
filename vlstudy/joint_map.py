"""Held-out pairs before and after training on one map, for the report."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from vlstudy.metrics import METRICS, Pairs

Evidence = dict[str, np.ndarray]
MOST = 250  # pairs on the map: 500 points of each modality, as TPC-CMA pools 500 + 500
FEWEST = 5  # pairs: fewer make no map
PERPLEXITY = 30.0
SEED = 42  # of the variance-aware repository's t-SNE


def joint_map(before: Pairs, after: Pairs, classes: Sequence[str]) -> Evidence:
    """What the report draws of up to 250 pairs, spread over those given: `tsne`, `tsne_classes`, `tsne_metrics`.

    One joint fit of all four clouds (untouched and trained; images and first captions), so that their places may be
    compared. The numbers beside it are of the same pairs. Nothing for fewer than five pairs.

    Args:
        before: test pairs as the untouched backbone sees them.
        after: the same pairs as the trained model does.
        classes: names of the classes that their labels count.

    Source: t-SNE of pairs in TPC-CMA (arXiv 2604.00279) and the variance-aware paper; an illustration only, the claim
    of mixing rests on the numbers.
    """
    rows = torch.linspace(0, len(after.labels) - 1, min(MOST, len(after.labels))).long()
    if len(rows) < FEWEST:
        return {}
    shown = [_first(pairs, rows) for pairs in (before, after)]
    labels = after.labels.cpu()[rows].tolist()
    return {
        "tsne": placed([part for pairs in shown for part in (pairs.image_features, pairs.text_features)]),
        "tsne_classes": np.array([classes[label] if label >= 0 else "" for label in labels]),
        "tsne_metrics": np.array([[_mixing(pairs), matched_minus_mismatched(pairs)] for pairs in shown], np.float32),
    }


def placed(clouds: Sequence[Float[Tensor, "n d"]]) -> np.ndarray:
    """Where the points of untouched images, untouched texts, trained images and trained texts lie: [2 2 n 2].

    Cosine distances, a start from PCA, a fixed seed, and perplexity 30 or, of few points, a third of their number. A
    narrower cloud gets coordinates of 0: that changes no distance inside it (our choice).
    """
    from sklearn.manifold import TSNE

    width = max(cloud.shape[1] for cloud in clouds)
    points = torch.cat([functional.pad(cloud.cpu().float(), (0, width - cloud.shape[1])) for cloud in clouds])
    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    fit = TSNE(perplexity=perplexity, metric="cosine", init="pca", random_state=SEED)
    return np.asarray(fit.fit_transform(points.numpy()), dtype=np.float32).reshape(2, 2, -1, 2)


def matched_minus_mismatched(pairs: Pairs) -> float:
    """Mean cosine of images with their own caption minus that with the others', for one caption an image.

    >>> eye = torch.eye(2)
    >>> matched_minus_mismatched(Pairs(image_features=eye, text_features=eye, image_of=None, labels=None))
    1.0
    """
    cosines = pairs.image_features.double() @ pairs.text_features.double().T
    matched, n = cosines.trace(), len(cosines)
    return float(matched / n - (cosines.sum() - matched) / (n * (n - 1)))


def _mixing(pairs: Pairs) -> float:
    """The share of neighbours of the other modality, as the metric has it; NaN where it has none."""
    compare = METRICS["knn_mixing"].compare
    value = compare(pairs) if compare else None
    return float("nan") if value is None else value


def _first(pairs: Pairs, rows: Tensor) -> Pairs:
    """The images at `rows`, each with its first caption."""
    kept = rows.to(pairs.image_features.device)
    first = torch.searchsorted(pairs.image_of, kept)
    return Pairs(
        image_features=pairs.image_features[kept],
        text_features=pairs.text_features[first],
        image_of=torch.arange(len(kept), device=kept.device),
        labels=pairs.labels[kept],
    )
