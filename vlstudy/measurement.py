"""What a trial says at one moment: plain numbers that can cross a process, a journal and a page."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Point:
    """The metrics at one point of the inference axes, such as `axis={"solver_steps": 3}`.

    Attributes:
        axis: inference knob -> value; empty for a method without inference axes.
        metrics: metric name with its split, such as `val/accuracy`, -> fraction or number in the metric's unit.
    """

    axis: Mapping[str, float]
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """All metrics of a trial after `step` optimiser steps.

    Attributes:
        step: optimiser steps done.
        progress: fraction of the training that is done, in [0, 1].
        points: one per value of the inference axes (exactly one if there are none).
        choice: index into `points` of the point that is best on the objective; ties go to the first.
        terms: name of each loss term -> its mean since the last measurement.
        signals: what the loss schedule said of itself at this step, such as `alpha`.
        seconds: training and measuring time so far, in all sittings.
    """

    step: int
    progress: float
    points: tuple[Point, ...]
    choice: int
    terms: Mapping[str, float] = field(default_factory=dict)
    signals: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics at the chosen point."""
        return self.points[self.choice].metrics

    @property
    def percent(self) -> int:
        """Progress as a whole percentage: the unit in which pruners count resource."""
        return round(100 * self.progress)

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` makes an equal measurement."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        points = tuple(Point(axis=point["axis"], metrics=point["metrics"]) for point in value["points"])
        return cls(**{**value, "points": points})
