"""Whether images and captions of a class fall into one cluster: k-means over both modalities."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from vlstudy.metrics.matched import matched
from vlstudy.metrics.metric import Metric, Pairs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

SEEDS = range(5)
STARTS, STEPS = 10, 300  # of k-means: n_init, max_iter
MAJORITY = 0.9


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """One clustering of images and captions beside their classes.

    Attributes:
        joint_ari, joint_nmi: adjusted Rand index and normalised mutual information over all points.
        image_ari, text_ari: the index over the points of one modality alone.
        single_modality: share of the clusters of which more than 90 % is of one modality.
    """

    joint_ari: float
    joint_nmi: float
    image_ari: float
    text_ari: float
    single_modality: float


def compared(clusters: ArrayLike, labels: ArrayLike, is_text: ArrayLike) -> Clusters:
    """What the clusters of the points are worth beside their labels and their modality.

    Source: Hubert & Arabie, Journal of Classification 2 (1985), for the index; section 7.3 of TPC-CMA's specification
    (arXiv 2604.00279) for what is compared.

    >>> found = compared([0, 0, 1, 1], [0, 0, 1, 1], [False, True, False, True])
    >>> found.joint_ari, found.joint_nmi, found.single_modality
    (1.0, 1.0, 0.0)
    """
    import numpy as np
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    found, wanted, text = np.asarray(clusters), np.asarray(labels), np.asarray(is_text, dtype=bool)
    shares = [text[found == cluster].mean() for cluster in np.unique(found)]
    return Clusters(
        joint_ari=float(adjusted_rand_score(wanted, found)),
        joint_nmi=float(normalized_mutual_info_score(wanted, found)),
        image_ari=float(adjusted_rand_score(wanted[~text], found[~text])),
        text_ari=float(adjusted_rand_score(wanted[text], found[text])),
        single_modality=float(np.mean([max(share, 1 - share) > MAJORITY for share in shares])),
    )


def kmeans(points: NDArray[np.float64], count: int, seed: int) -> NDArray[np.int32]:
    """The cluster of each point: the best of 10 starts of k-means, at most 300 steps each."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # fewer different points than clusters, of a collapsed model: the indices tell
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = KMeans(count, n_init=STARTS, max_iter=STEPS, random_state=seed).fit(points)
    found: NDArray[np.int32] = fitted.labels_
    return found


@lru_cache(maxsize=1)  # five metrics ask for the same clusters
def joint(pairs: Pairs) -> tuple[Clusters, ...]:
    """Images and first captions in as many clusters as there are classes, once for each of five seeds.

    () where the class of an image is unknown, or all are of one class.

    Differs from the paper: it clusters 200 classes of ImageNet; k-means, its constants and one caption an image, which
    balances both modalities, are our choice.
    Source: TPC-CMA (arXiv 2604.00279), joint clustering.
    """
    import numpy as np

    labels = pairs.labels.cpu().numpy()
    count = len(np.unique(labels))
    if count < 2 or labels.min() < 0:
        return ()
    points = np.concatenate([side.cpu().numpy() for side in matched(pairs)])
    is_text = np.repeat([False, True], len(labels))
    return tuple(compared(kmeans(points, count, seed), np.tile(labels, 2), is_text) for seed in SEEDS)


def _metric(
    name: str, field: str, meaning: str, *, source: str, low: float = 0.0, unit: str = "fraction", least: bool = False
) -> Metric:
    def compare(pairs: Pairs) -> float | None:
        found = [float(getattr(clusters, field)) for clusters in joint(pairs)]
        return sum(found) / len(found) if found else None

    return Metric(
        name=name,
        direction="minimize" if least else "maximize",
        unit=unit,
        low=low,
        high=1.0,
        meaning=meaning,
        source=source,
        compare=compare,
        split="test",
    )


_INDEX = "Hubert & Arabie, Journal of Classification 2 (1985); use in TPC-CMA, arXiv 2604.00279"
_LOW = -0.5  # of the adjusted Rand index: Chacon & Rastrojo, arXiv 2002.03677
JOINT_ARI = _metric(
    "joint_ari",
    "joint_ari",
    "adjusted Rand index of k-means clusters of images and captions together against their classes",
    source=_INDEX,
    low=_LOW,
    unit="ARI",
)
JOINT_NMI = _metric(
    "joint_nmi",
    "joint_nmi",
    "mutual information of k-means clusters of images and captions together with their classes, over its mean entropy",
    source="Strehl & Ghosh, JMLR 3 (2002), arithmetic mean; use in TPC-CMA, arXiv 2604.00279",
    unit="NMI",
)
IMAGE_ARI = _metric(
    "image_ari", "image_ari", "as joint_ari, same clusters, images alone", source=_INDEX, low=_LOW, unit="ARI"
)
TEXT_ARI = _metric(
    "text_ari", "text_ari", "as joint_ari, same clusters, captions alone", source=_INDEX, low=_LOW, unit="ARI"
)
SINGLE_MODALITY_CLUSTERS = _metric(
    "single_modality_clusters",
    "single_modality",
    "share of the joint clusters of which more than 90 % is of one modality",
    source="our choice",
    least=True,
)
CLUSTERINGS = (JOINT_ARI, JOINT_NMI, IMAGE_ARI, TEXT_ARI, SINGLE_MODALITY_CLUSTERS)
