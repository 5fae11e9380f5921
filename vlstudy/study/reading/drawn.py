"""Knobs and values that `points` and `forbid` name, against what the arm searches."""

from collections.abc import Mapping
from typing import Any

from vlstudy.errors import suggest
from vlstudy.knobs import knobs
from vlstudy.schedules import SCHEDULES
from vlstudy.study.order import searched
from vlstudy.study.reading.distribution import one_value
from vlstudy.study.reading.place import Place
from vlstudy.study.space import (
    Axis,
    Choice,
    Dimension,
    Distribution,
    Grid,
    Int,
    LogInt,
    LogUniform,
    Uniform,
    describe,
    plain,
)
from vlstudy.study.spec import Arm

Owners = Mapping[str, type]


def drawn(place: Place, name: str, arm: Arm, *, fixed: bool = False) -> list[Dimension]:
    """The dimensions of a knob, one a block that has it; [], and told, if nothing can be said of it.

    Args:
        place: where the knob is named.
        name: the dotted knob.
        arm: with its space.
        fixed: whether a knob that the arm fixes may be named too.
    """
    if found := [item for item in searched(arm) if item.name == name]:
        return found
    if computed := [item for item in arm.space if item.name == name]:
        axis = isinstance(computed[0].distribution, Axis)
        why = "is measured at all its values in every trial" if axis else f"is {describe(computed[0].distribution)}"
        place.wrong_key(f"`{name}` {why}, so that a setting does not have it. Remove it.")
    elif name in arm.fixed and fixed:
        return [Dimension(name=name, distribution=Choice((arm.fixed[name],)))]
    elif name in arm.fixed:
        place.wrong_key(f"`{name}` is fixed at {plain(arm.fixed[name])}. Remove it.")
    else:
        place.wrong_key(f"`{name}` is not searched in this arm. {suggest(name, {item.name for item in searched(arm)})}")
    return []


def value_of(place: Place, dimensions: list[Dimension], owners: Owners) -> Any:
    """A value that the knob can be drawn as; None, and told, if it cannot."""
    first = dimensions[0]
    if first.name == "schedule":
        value = place.value()
    else:
        owner, field = _owner(first, owners)
        value = one_value(place, owner, knobs(owner)[field])
        if value is None:
            return None
    if not any(_contains(item.distribution, value) for item in dimensions):
        place.wrong(f"{plain(value)} cannot be drawn: `{first.name}` is {in_words(dimensions)}.")
        return None
    return value


def in_words(dimensions: list[Dimension]) -> str:
    """How a knob is searched, in each of the blocks that have it."""
    return " or ".join(dict.fromkeys(describe(item.distribution) for item in dimensions))


def listed(dimension: Dimension) -> bool:
    """Whether a value of the knob is a list."""
    values = dimension.distribution.values if isinstance(dimension.distribution, Choice | Grid) else ()
    return bool(values) and isinstance(values[0], tuple)


def _contains(distribution: Distribution, value: Any) -> bool:
    match distribution:
        case Choice(values) | Grid(values):
            return value in values
        case Uniform(low, high) | LogUniform(low, high) | Int(low, high) | LogInt(low, high):
            return bool(low <= value <= high)
        case _:
            return False


def _owner(dimension: Dimension, owners: Owners) -> tuple[type, str]:
    part, field = dimension.name.split(".", 1)
    block = dimension.when.get("schedule") if part == "schedule" else None
    return SCHEDULES[block] if isinstance(block, str) else owners[part], field
