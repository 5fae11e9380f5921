"""An arm's `points`: settings that are tried first."""

from collections.abc import Mapping
from typing import Any

from vlstudy.study.forbidding import allowed, forbidden
from vlstudy.study.order import facts, matters, ordered, searched
from vlstudy.study.reading.drawn import Owners, drawn, value_of
from vlstudy.study.reading.place import Place
from vlstudy.study.space import Dimension, Grid, fits, plain
from vlstudy.study.spec import Arm


def points(place: Place, arm: Arm, owners: Owners, trials: int) -> tuple[Mapping[str, Any], ...]:
    """The settings to be tried first; what is wrong with them is told.

    Args:
        place: the list in the file.
        arm: with its space and what it forbids.
        owners: `train`, `method` and `schedule` -> dataclass.
        trials: that the arm has, unless it searches only grids.
    """
    if not place.items():
        place.wrong(f"needs a list of settings such as {{train.lr: 0.001}}, got {place.got()}.")
    found = [_point(item, arm, owners) for item in place.items()]
    for index, item in enumerate(place.items()):
        if found[index] in found[:index] and all(_settles(found[index], dimension, arm) for dimension in ordered(arm)):
            item.wrong("this setting stands in the list twice. Keep one.")
    if len(found) > trials and not all(isinstance(item.distribution, Grid) for item in searched(arm)):
        place.wrong(
            f"{len(found)} points, but an arm has {trials} trials. Set search.trials to {len(found)} or more "
            f"(`vlstudy extend STUDY --trials {len(found)}` once it was launched)."
        )
    return tuple(found)


def check_points(place: Place, arm: Arm) -> None:
    """Tells a point that the arm forbids.

    Args:
        place: the list in the file.
        arm: with everything in it read without a fault.
    """
    for item, point in zip(place.items(), arm.points, strict=True):
        if forbidden(arm, point):
            item.wrong("this setting is one that the arm forbids. Change it, or loosen `forbid`.")
        elif allowed(arm, point) is None:
            item.wrong("the arm forbids every setting with these values. Change them, or loosen `forbid`.")


def _point(place: Place, arm: Arm, owners: Owners) -> dict[str, Any]:
    if not place.children():
        place.wrong(f"needs a mapping of searched knobs to values, got {place.got()}.")
    named = place.children()
    block = named["schedule"].value() if "schedule" in named else None
    found: dict[str, Any] = {}
    dimensions = {name: _of_block(drawn(inner, name, arm), block) for name, inner in named.items()}
    for name, inner in named.items():
        if dimensions[name] and (value := value_of(inner, dimensions[name], owners)) is not None:
            found[name] = value
    for name, inner in named.items():
        if name in found:
            _check_condition(inner, dimensions[name], {**facts(arm), **found}, set(named))
    return found


def _of_block(dimensions: list[Dimension], block: Any) -> list[Dimension]:
    """Those of the block that the point has, if one is named."""
    own = [item for item in dimensions if block is not None and fits(block, item.when.get("schedule", block))]
    return own or dimensions


def _check_condition(place: Place, dimensions: list[Dimension], known: Mapping[str, Any], named: set[str]) -> None:
    """Tells a knob that the point's other values rule out, or leave open."""
    if any(item.matters(known) for item in dimensions):
        return
    name = dimensions[0].name
    for other, wanted in dimensions[0].when.items():
        if other in known and not fits(known[other], wanted):
            place.wrong_key(f"`{name}` matters only when {other} is {plain(wanted)}; here it is {plain(known[other])}.")
        elif other not in known and other not in named:
            place.wrong_key(f"`{name}` matters only when {other} is {plain(wanted)}. Name `{other}` in the point too.")


def _settles(point: Mapping[str, Any], dimension: Dimension, arm: Arm) -> bool:
    """Whether a point leaves nothing of a knob to the sampler."""
    return dimension.name in point or not matters(dimension, point, arm)
