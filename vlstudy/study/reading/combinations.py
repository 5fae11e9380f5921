"""An arm's `forbid`: combinations of knobs that are never tried."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vlstudy.bounds import Bound
from vlstudy.study.forbidding import allowed, occurs
from vlstudy.study.order import searched
from vlstudy.study.reading.drawn import Owners, drawn, in_words, listed, value_of
from vlstudy.study.reading.place import Place
from vlstudy.study.space import Choice, Dimension, Grid, describe, plain
from vlstudy.study.spec import Arm

_COMPARISON = re.compile(r"\s*(<=|>=|<|>)\s*(\S+)\s*")


def forbid(place: Place, arm: Arm, owners: Owners) -> tuple[Mapping[str, Any], ...]:
    """The forbidden combinations; what is wrong with their knobs and values is told."""
    if not place.items():
        place.wrong(
            f'needs a list of combinations such as {{train.lr: "> 0.01", method.blocks: 8}}, got {place.got()}.'
        )
    return tuple(_combination(item, arm, owners) for item in place.items())


def check_forbidden(place: Place, arm: Arm) -> None:
    """Tells a combination that never occurs, and what leaves nothing to search.

    Args:
        place: the list in the file.
        arm: with everything in it read without a fault.
    """
    for item, combination in zip(place.items(), arm.forbid, strict=True):
        if not occurs(arm, combination):
            item.wrong(f"this never occurs: {_reason(arm, combination)} Change it, or remove it.")
        elif allowed(replace(arm, forbid=(combination,)), {}) is None:
            item.wrong("this forbids every setting of the arm. Name the knobs and values that do not go together.")
            return
    if allowed(arm, {}) is None:
        place.wrong("together these forbid every setting of the arm. Leave one of them out.")


def bound(place: Place) -> Bound | None:
    """A comparison such as `>= 8`; None, and told, if it is none."""
    value = place.value()
    match = _COMPARISON.fullmatch(value) if isinstance(value, str) else None
    try:
        limit = float(match[2]) if match else math.nan
    except ValueError:
        limit = math.nan
    if match is None or not math.isfinite(limit):
        way_out = f' Write ">= {plain(value)}" or "<= {plain(value)}".' if isinstance(value, int | float) else ""
        place.wrong(f'needs a comparison with a number, such as ">= 8"; got {place.got()}.{way_out}')
        return None
    return Bound(match[1], limit)  # type: ignore[arg-type]


def _combination(place: Place, arm: Arm, owners: Owners) -> dict[str, Any]:
    if not place.children():
        place.wrong(f"needs a mapping of searched knobs to what is forbidden together, got {place.got()}.")
    found: dict[str, Any] = {}
    for name, inner in place.children().items():
        dimensions = drawn(inner, name, arm, fixed=True)
        if dimensions and (what := _forbidden(inner, dimensions, owners)) is not None:
            found[name] = what
    return found


def _forbidden(place: Place, dimensions: list[Dimension], owners: Owners) -> Any:
    """A comparison, or the values that are forbidden."""
    value, first = place.value(), dimensions[0]
    if isinstance(value, str) and value.strip()[:1] in ("<", ">"):
        if isinstance(first.distribution, Choice | Grid) and not all(map(_number, first.distribution.values)):
            place.wrong(f"`{first.name}` is {describe(first.distribution)}, which has no order. List values.")
            return None
        return bound(place)
    each = place.items() and listed(first) is bool(place.items()[0].items())
    values = [value_of(item, dimensions, owners) for item in (place.items() if each else [place])]
    return None if None in values else tuple(values)


def _reason(arm: Arm, combination: Mapping[str, Any]) -> str:
    """The knob that can never be so, or that some of them are never set together."""
    for name, wanted in combination.items():
        if not occurs(arm, {name: wanted}):
            said = str(wanted) if isinstance(wanted, Bound) else " or ".join(map(plain, wanted))
            found = [item for item in searched(arm) if item.name == name]
            return f"`{name}` is {in_words(found) or plain(arm.fixed.get(name))}, of which no draw is {said}."
    return f"{' and '.join(f'`{name}`' for name in combination)} are never so in one setting."


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
