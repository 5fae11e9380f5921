"""The table of metrics: each knows its direction, unit and bounds."""

from vlstudy.metrics.attention import ATTENTION_ON_OBJECT
from vlstudy.metrics.calibration import EXPECTED_CALIBRATION_ERROR
from vlstudy.metrics.captioning import CIDER, CIDER_MEMORY
from vlstudy.metrics.classification import ACCURACY, CROSS_ENTROPY, MEAN_CLASS_ACCURACY, WORST_CLASS_ACCURACY
from vlstudy.metrics.clustering import CLUSTERINGS
from vlstudy.metrics.dispersion import DISPERSIONS
from vlstudy.metrics.geometry import GAPS
from vlstudy.metrics.groups import BASE_ACCURACY, DOMAIN_ACCURACY, HARMONIC_MEAN, NEW_ACCURACY, WORST_DOMAIN_ACCURACY
from vlstudy.metrics.metric import Metric, Pairs
from vlstudy.metrics.mixing import KNN_MIXING, MODALITY_PROBE
from vlstudy.metrics.retrieval import MEAN_RECALL, MEDIAN_RANKS, RECALLS
from vlstudy.metrics.robustness import CAPTION_NOISE_ROBUSTNESS, PIXEL_NOISE_ROBUSTNESS

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        ACCURACY,
        MEAN_CLASS_ACCURACY,
        WORST_CLASS_ACCURACY,
        CROSS_ENTROPY,
        EXPECTED_CALIBRATION_ERROR,
        BASE_ACCURACY,
        NEW_ACCURACY,
        HARMONIC_MEAN,
        DOMAIN_ACCURACY,
        WORST_DOMAIN_ACCURACY,
        ATTENTION_ON_OBJECT,
        *RECALLS,
        MEAN_RECALL,
        *MEDIAN_RANKS,
        *GAPS,
        *DISPERSIONS,
        KNN_MIXING,
        MODALITY_PROBE,
        *CLUSTERINGS,
        CIDER,
        CIDER_MEMORY,
        CAPTION_NOISE_ROBUSTNESS,
        PIXEL_NOISE_ROBUSTNESS,
    )
}


def named(name: str) -> Metric:
    """The metric of a measured name, with or without its split and group.

    >>> named("test/accuracy@sketch").name, named("test/image_to_text_recall@5@caption=0.1").name
    ('accuracy', 'image_to_text_recall@5')
    """
    bare = name.partition("/")[2] or name
    while bare not in METRICS and "@" in bare:
        bare = bare.rpartition("@")[0]
    return METRICS[bare]


__all__ = ["METRICS", "Metric", "Pairs", "named"]
