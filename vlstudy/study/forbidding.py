"""Combinations of knobs that no trial may have."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from vlstudy.bounds import Bound
from vlstudy.study.order import facts, matters, ordered
from vlstudy.study.space import Choice, Dimension, Grid, Int, LogInt, LogUniform, Uniform, fits
from vlstudy.study.spec import Arm

_FEW = 1000  # whole numbers that are looked at one by one


def forbidden(arm: Arm, settings: Mapping[str, Any]) -> bool:
    """Whether a setting has one of the arm's forbidden combinations; a knob that is not set is in none.

    Args:
        arm: its fixed values count too.
        settings: dotted knob -> value.
    """
    known = {**facts(arm), **settings}
    return any(
        all(name in known and _fits(known[name], wanted) for name, wanted in combination.items())
        for combination in arm.forbid
    )


def allowed(arm: Arm, given: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Values of the knobs that decide, with which a setting is not forbidden; None if there are none.

    Args:
        arm: what is forbidden in it.
        given: dotted knob -> value that the setting has in any case.
    """
    return next(_ways(arm, arm.forbid, given), None)


def occurs(arm: Arm, combination: Mapping[str, Any]) -> bool:
    """Whether a setting of the arm can have a combination, forbidden or not."""
    only = replace(arm, forbid=(combination,))
    return any(forbidden(only, way) for way in _ways(replace(arm, forbid=()), (combination,), {}))


def _fits(value: Any, wanted: Any) -> bool:
    return wanted.holds(value) if isinstance(wanted, Bound) else value in wanted


def _ways(arm: Arm, combinations: Sequence[Mapping[str, Any]], given: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The settings that are not forbidden, of the knobs in these combinations, one for each way they can turn out."""
    names = {name for combination in combinations for name in combination}
    while more := {other for item in arm.space if item.name in names for other in item.when} - names:
        names |= more
    dimensions = [item for item in ordered(arm) if item.name in names]
    yield from _completed(arm, dimensions, {}, combinations, given)


def _completed(
    arm: Arm,
    dimensions: Sequence[Dimension],
    settings: Mapping[str, Any],
    combinations: Sequence[Mapping[str, Any]],
    given: Mapping[str, Any],
) -> Iterator[Mapping[str, Any]]:
    if forbidden(arm, settings):  # and every setting that has more knobs too
        return
    if not dimensions:
        yield settings
        return
    first, rest = dimensions[0], dimensions[1:]
    if not matters(first, settings, arm):
        yield from _completed(arm, rest, settings, combinations, given)
        return
    values = [given[first.name]] if first.name in given else _different(arm, first, combinations)
    for value in values:
        yield from _completed(arm, rest, {**settings, first.name: value}, combinations, given)


def _different(arm: Arm, dimension: Dimension, combinations: Sequence[Mapping[str, Any]]) -> list[Any]:
    """One value of a knob for each way in which the combinations and the other knobs' conditions can tell them."""
    name = dimension.name
    asked = [combination[name] for combination in combinations if name in combination]
    waited = [item.when[name] for item in arm.space if name in item.when]
    found: dict[tuple[bool, ...], Any] = {}
    for value in _values(dimension, asked):
        answers = (*(_fits(value, wanted) for wanted in asked), *(fits(value, wanted) for wanted in waited))
        found.setdefault(answers, value)
    return list(found.values())


def _values(dimension: Dimension, asked: Sequence[Any]) -> Iterable[Any]:
    """Values of which each that can be told from the others has an equal."""
    limits = [wanted.limit for wanted in asked if isinstance(wanted, Bound)]
    named = {value for wanted in asked if not isinstance(wanted, Bound) for value in wanted}
    match dimension.distribution:
        case Choice(values) | Grid(values):
            return values
        case Int(low, high) | LogInt(low, high):
            near = {math.floor(limit) + step for limit in (*limits, *named) for step in (-1, 0, 1, 2)}
            some = sorted({low, high} | {value for value in near if low <= value <= high})
            return range(low, high + 1) if high - low < _FEW else some
        case Uniform(low, high) | LogUniform(low, high):  # no draw hits a single value between the ends
            ends = sorted({low, high} | {limit for limit in limits if low < limit < high})
            return [*(_between(a, b, named) for a, b in pairwise(ends)), *ends]
        case _:
            raise ValueError("an axis is measured and a tie is computed; neither is drawn")


def _between(low: float, high: float, without: set[float]) -> float:
    """A number inside that is none of some."""
    parts = len(without) + 2
    return next(x for part in range(1, parts) if (x := low + (high - low) * part / parts) not in without)
