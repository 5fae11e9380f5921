"""What a study will do, as numbers that are known before anything runs."""

import math
from dataclasses import dataclass
from typing import Any

from vlstudy.knobs import knobs
from vlstudy.methods import METHODS
from vlstudy.study.space import Axis, Choice, Distribution, Grid, Int, LogInt, LogUniform, Tied, Uniform
from vlstudy.study.spec import Arm
from vlstudy.training import TrainSettings


@dataclass(frozen=True, kw_only=True)
class Length:
    """How long one trial of an arm can be.

    Attributes:
        steps: fewest and most optimiser steps.
        measurements: fewest and most measurements.
        points: values of the inference axes at each measurement.
    """

    steps: tuple[int, int]
    measurements: tuple[int, int]
    points: int


def length(arm: Arm, images: int) -> Length:
    """The length of one trial that trains on `images` images: epochs * ceil(images / batch) steps.

    Methods on pairs leave out the last, smaller batch.

    >>> length(Arm(name="a", method="fma", fixed={"train.epochs": 3, "train.batch": 32}), images=100).steps
    (12, 12)
    >>> length(Arm(name="a", method="contrastive", fixed={"train.epochs": 3, "train.batch": 32}), images=100).steps
    (9, 9)
    """
    axes = [item.distribution.values for item in arm.space if isinstance(item.distribution, Axis)]
    points = math.prod(map(len, axes))
    if not METHODS[arm.method].terms:
        return Length(steps=(0, 0), measurements=(1, 1), points=points)
    epochs, batch, evaluations = (_bounds(arm, name) for name in ("epochs", "batch", "evaluations"))
    pairs = "labels" not in METHODS[arm.method].trains_on
    few, many = (max(1, images // size) if pairs else math.ceil(images / size) for size in reversed(batch))
    fewest, most = epochs[0] * few, epochs[1] * many
    measurements = min(evaluations[0], fewest), min(evaluations[1], most)
    return Length(steps=(fewest, most), measurements=measurements, points=points)


def _bounds(arm: Arm, name: str) -> tuple[int, int]:
    """The least and the greatest value that a training setting can have in an arm."""
    dotted = f"train.{name}"
    searched = next((item.distribution for item in arm.space if item.name == dotted), None)
    if searched is not None:
        drawn = _ends(searched, arm)
        default = [] if all(not item.when for item in arm.space if item.name == dotted) else [_default(name)]
        return min(drawn + default), max(drawn + default)
    value = arm.fixed.get(dotted, _default(name))
    return value, value


def _default(name: str) -> Any:
    return knobs(TrainSettings)[name].default


def _ends(distribution: Distribution, arm: Arm) -> list[Any]:
    match distribution:
        case Uniform(low, high) | LogUniform(low, high) | Int(low, high) | LogInt(low, high):
            return [low, high]
        case Choice(values) | Grid(values) | Axis(values):
            return list(values)
        case Tied(to, times):
            targets = [item.distribution for item in arm.space if item.name == to]
            return [end if times == 1 else times * end for target in targets for end in _ends(target, arm)]
