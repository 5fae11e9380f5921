"""The `when` of a searched knob, checked against the rest of its arm."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from vlstudy.errors import suggest
from vlstudy.knobs import knobs
from vlstudy.study.reading.distribution import one_value
from vlstudy.study.reading.place import Place
from vlstudy.study.space import AnyOf, Axis, Choice, Dimension, Distribution, Grid, Int, LogInt, Tied, describe, plain
from vlstudy.study.spec import Arm


def conditioned(arm: Arm, places: Mapping[str, Place], fixed: Iterable[str], owners: Mapping[str, type]) -> Arm:
    """The arm with the conditions of its dimensions; what is wrong with them is told.

    Args:
        arm: its dimensions have no conditions yet.
        places: dotted knob -> its entry in the file's `space`.
        fixed: the dotted knobs that the file fixes.
        owners: `train`, `method` and `schedule` -> dataclass, as far as they are known.
    """
    named = {*places, *fixed, "method", "schedule"}
    space = tuple(
        _with_condition(item, places[item.name], arm, named, owners) if item.name in places else item
        for item in arm.space
    )
    for item in _circle(space):
        places[item.name].children()["when"].wrong(
            f"`{item.name}` waits for {', '.join(item.when)}, which in turn wait for it. Remove one of the conditions."
        )
    return replace(arm, space=space)


def _with_condition(item: Dimension, place: Place, arm: Arm, named: set[str], owners: Mapping[str, type]) -> Dimension:
    when = place.children().get("when")
    if when is None:
        return item
    if isinstance(item.distribution, Axis):
        when.wrong_key("an axis is measured in every trial, so that it can have no condition. Remove `when`.")
    elif not when.children():
        when.wrong(f"needs a mapping of a knob to the value that it must have, got {when.got()}.")
    pairs = {name: _any(name, value, arm, named, owners) for name, value in when.children().items()}
    return replace(item, when={name: value for name, value in sorted(pairs.items()) if value is not None})


def _any(name: str, place: Place, arm: Arm, named: set[str], owners: Mapping[str, type]) -> Any:
    """The value, or any of those in a list, unless the knob takes lists itself and this is one."""
    items = place.items()
    dimension = next((item for item in arm.space if item.name == name), None)
    if not items or _lists(name, dimension, arm) is not bool(items[0].items()):
        return _wanted(name, place, arm, named, owners)
    values = [_wanted(name, item, arm, named, owners) for item in items]
    for index, value in enumerate(values):
        if value is not None and value in values[:index]:
            items[index].wrong(f"`{plain(value)}` stands in the list twice. Keep one.")
    return None if None in values else AnyOf(tuple(values))


def _lists(name: str, dimension: Dimension | None, arm: Arm) -> bool:
    """Whether the values of a knob are lists."""
    listed = dimension.distribution if dimension else None
    value = listed.values[0] if isinstance(listed, Choice | Grid) else arm.fixed.get(name)
    return isinstance(value, tuple)


def _wanted(name: str, place: Place, arm: Arm, named: set[str], owners: Mapping[str, type]) -> Any:
    """The value that the knob `name` must have, in its own type; None if the condition is told to be wrong."""
    if name not in named:
        way_out = "Only what the arm fixes or searches can be a condition. "
        place.wrong_key(f"`{name}` is neither fixed nor searched in this arm. {way_out}{suggest(name, named)}")
        return None
    searched = next((item.distribution for item in arm.space if item.name == name == "schedule"), None)
    if searched is not None:
        possible = _possible(searched, place.value())
        return place.value() if _holds(place, possible, f"is searched as {describe(searched)}") else None
    if name in ("method", "schedule"):
        known = {"method": arm.method, "schedule": arm.schedule}[name]
        return place.value() if not known or _holds(place, place.value() == known, f"is {known}") else None
    dimension = next((item for item in arm.space if item.name == name), None)
    if name not in arm.fixed and dimension is None:
        return None  # its own entry is faulty, which is told there
    if dimension is not None and isinstance(dimension.distribution, Tied):
        place.wrong_key(f"`{name}` is tied to `{dimension.distribution.to}`. Name that knob in its place.")
        return None
    part, field = name.split(".", 1)
    value = one_value(place, owners[part], knobs(owners[part])[field])
    if value is None:
        return None
    if dimension is None:
        return value if _holds(place, value == arm.fixed[name], f"is fixed at {plain(arm.fixed[name])}") else None
    possible = _possible(dimension.distribution, value)
    return value if _holds(place, possible, f"is searched as {describe(dimension.distribution)}") else None


def _holds(place: Place, possible: bool, fact: str) -> bool:
    if not possible:
        name = place.where.split(".when.")[-1].split("[")[0]
        place.wrong(f"this is never so: {name} {fact}. Change the value, or remove the knob.")
    return possible


def _possible(distribution: Distribution, value: Any) -> bool:
    """Whether a draw can be exactly `value`; a real number never is, an axis has all its values at once."""
    match distribution:
        case Choice(values) | Grid(values):
            return value in values
        case Int(low, high) | LogInt(low, high):
            return bool(low <= value <= high)
        case _:
            return False


def _circle(space: tuple[Dimension, ...]) -> list[Dimension]:
    """The dimensions that can never be drawn, each waiting for another."""
    waiting = [item for item in space if item.when]
    while True:
        names = {item.name for item in waiting}
        still = [item for item in waiting if names & item.when.keys()]
        if len(still) == len(waiting):
            return waiting
        waiting = still
