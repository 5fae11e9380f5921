"""The setting that stands for all of an arm when its cost is foretold."""

import math
import random
from collections.abc import Mapping
from typing import Any

from vlstudy.study.forbidding import forbidden
from vlstudy.study.order import matters, ordered, tied
from vlstudy.study.space import Axis, Choice, Distribution, Grid, Int, LogInt, LogUniform, Tied, Uniform
from vlstudy.study.spec import Arm

_TRIES = 1000  # other places in the ranges, if the middle is forbidden


def typical(arm: Arm) -> dict[str, Any]:
    """Dotted knob -> the middle of its range; the arm's first known-good point goes before it.

    The middle of a logarithmic range is its geometric mean, that of a list the value in its middle. A forbidden middle
    gives way to a random place, always the same one.

    >>> from vlstudy.study.space import Dimension
    >>> typical(Arm(name="a", method="fma", space=(Dimension(name="train.lr", distribution=LogUniform(1e-4, 1e-2)),)))
    {'train.lr': 0.001}
    """
    given = dict(arm.points[0]) if arm.points else {}
    places = random.Random(0)
    settings = _setting(arm, given, None)
    for _ in range(_TRIES):
        if not forbidden(arm, settings):
            break
        settings = _setting(arm, given, places)
    return settings


def _setting(arm: Arm, given: Mapping[str, Any], places: random.Random | None) -> dict[str, Any]:
    """Every knob whose condition holds, at a random place of its range or in the middle."""
    settings: dict[str, Any] = {}
    for item in ordered(arm):
        if matters(item, settings, arm):
            place = places.random() if places else 0.5
            settings[item.name] = given.get(item.name, _at(item.distribution, place))
    return tied(arm, settings)


def _at(distribution: Distribution, place: float) -> Any:
    """The value at a place in [0, 1) of a range or list."""
    match distribution:
        case Uniform(low, high):
            return low + place * (high - low)
        case LogUniform(low, high):
            return float(f"{_geometric(low, high, place):.6g}")  # 1e-3, and not 0.00099999
        case Int(low, high):
            return low + int(place * (high - low + 1))
        case LogInt(low, high):
            return min(high, int(_geometric(low, high + 1, place)))
        case Choice(values) | Grid(values):
            return values[int(place * len(values))]
        case Axis() | Tied():
            raise ValueError("an axis is measured and a tie is computed; neither is drawn")


def _geometric(low: float, high: float, place: float) -> float:
    return math.exp(math.log(low) + place * (math.log(high) - math.log(low)))
