"""The table of metrics: each knows its direction, unit and bounds."""

from vlstudy.metrics.classification import ACCURACY, CROSS_ENTROPY, WORST_CLASS_ACCURACY
from vlstudy.metrics.metric import Metric

METRICS: dict[str, Metric] = {metric.name: metric for metric in (ACCURACY, WORST_CLASS_ACCURACY, CROSS_ENTROPY)}

__all__ = ["METRICS", "Metric"]
