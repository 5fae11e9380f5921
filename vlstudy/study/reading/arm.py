"""One entry of `arms:` as an arm, checked against the tables of methods and loss schedules."""

import math
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from vlstudy.errors import suggest
from vlstudy.knobs import knobs
from vlstudy.methods import METHODS
from vlstudy.schedules import SCHEDULES
from vlstudy.study.reading.condition import conditioned
from vlstudy.study.reading.distribution import distribution, one_value
from vlstudy.study.reading.place import Place
from vlstudy.study.reading.words import line, word
from vlstudy.study.space import Axis, Dimension, Grid
from vlstudy.study.spec import Arm
from vlstudy.training import TrainSettings

Owners = Mapping[str, type]
_MOST_CELLS = 10_000  # more trials than any search of ours; the cells are enumerated


def arms(place: Place, trials: int) -> tuple[Arm, ...]:
    """All arms; what is wrong with them is told."""
    if not place.items():
        place.wrong(f"needs a list of at least one arm, each with `name` and `method`; got {place.got()}.")
    entries = [(item, _arm(item, trials)) for item in place.items()]
    first: dict[str, Place] = {}
    for item, arm in entries:
        name = item.children().get("name", item)
        if arm.name and arm.name in first:
            seen = first[arm.name].node.start_mark.line + 1
            name.wrong(f"two arms are called `{arm.name}`, the first on line {seen}. Rename one.")
        first.setdefault(arm.name, name)
    return tuple(arm for _, arm in entries)


def _arm(place: Place, trials: int) -> Arm:
    keys = place.mapping(("name", "method", "on", "schedule", "fixed", "space"), required=("name", "method"))
    method = word(keys["method"], METHODS) if "method" in keys else None
    schedule = word(keys["schedule"], SCHEDULES) if "schedule" in keys else "fixed"
    owners: dict[str, type] = {"train": TrainSettings}
    owners |= {"method": METHODS[method]} if method else {}
    owners |= {"schedule": SCHEDULES[schedule]} if schedule else {}
    if method and schedule:
        _check_governs(keys.get("schedule", place), method, schedule)
    fixed = _fixed(keys["fixed"], owners) if "fixed" in keys else {}
    name = line(keys["name"]) if "name" in keys else ""
    arm = Arm(
        name=name,
        family=name,
        on=line(keys["on"]) if "on" in keys else "",
        method=method or "",
        schedule=schedule or "",
        fixed=dict(sorted(fixed.items())),
    )
    return _with_space(arm, keys["space"], keys.get("fixed"), owners, trials) if "space" in keys else arm


def _with_space(arm: Arm, place: Place, fixed: Place | None, owners: Owners, trials: int) -> Arm:
    """The arm with its dimensions and their conditions."""
    known, fixed_names = _known(place, owners), list(fixed.children()) if fixed else []
    dimensions: list[Dimension] = []
    for dotted, inner in sorted(known.items()):
        if dotted in fixed_names:
            inner.wrong_key(f"`{dotted}` is under `fixed` as well. Keep one of the two.")
        elif (drawn := distribution(inner, *_field(dotted, owners))) is not None:
            dimensions.append(Dimension(name=dotted, distribution=drawn))
    arm = conditioned(replace(arm, space=tuple(dimensions)), known, fixed_names, owners)
    _check_cells(place, arm, trials)
    return arm


def _check_governs(place: Place, method: str, schedule: str) -> None:
    absent = [term for term in SCHEDULES[schedule].governs if term not in METHODS[method].terms]
    if absent:
        has = ", ".join(METHODS[method].terms) or "none"
        fitting = [name for name, other in SCHEDULES.items() if set(other.governs) <= set(METHODS[method].terms)]
        place.wrong(
            f"schedule `{schedule}` governs the loss terms {', '.join(absent)}, which method `{method}` does not have "
            f"(it has {has}). Schedules that fit: {', '.join(fitting)}."
        )


def _fixed(place: Place, owners: Owners) -> dict[str, Any]:
    """Dotted knob -> value."""
    found: dict[str, Any] = {}
    for dotted, inner in _known(place, owners).items():
        owner, name = _field(dotted, owners)
        value = one_value(inner, owner, knobs(owner)[name])
        if value is not None:
            found[dotted] = value
    return found


def _field(dotted: str, owners: Owners) -> tuple[type, str]:
    part, name = dotted.split(".", 1)
    return owners[part], name


def _known(place: Place, owners: Owners) -> dict[str, Place]:
    """The entries whose knobs exist and can make a difference; the others are told."""
    if not place.is_mapping():
        place.wrong(f"needs a mapping of knobs such as `train.lr`, got {place.got()}. Without any, leave the key out.")
    known = [f"{part}.{name}" for part, owner in owners.items() for name in knobs(owner)]
    found: dict[str, Place] = {}
    for dotted, inner in place.children().items():
        part = dotted.split(".")[0]
        if dotted in known and part == "train" and "method" in owners and not owners["method"].terms:  # type: ignore[attr-defined]
            inner.wrong_key(f"`{dotted}` changes nothing: the method is not trained by optimiser steps. Remove it.")
        elif dotted in known:
            found[dotted] = inner
        elif part == "data":
            inner.wrong_key(f"`{dotted}` is the same for all arms. Set it under the file's `data`.")
        elif part in owners or part not in ("method", "schedule"):  # else its owner is the fault, told already
            inner.wrong_key(f"unknown knob `{dotted}`. {_nearest(dotted, known)}")
    return found


def _nearest(dotted: str, known: list[str]) -> str:
    """As `suggest`, but the knob's own name counts more than the part before the dot."""
    by_name = {name.split(".", 1)[1]: name for name in known}
    near = get_close_matches(dotted.split(".")[-1], by_name, n=1, cutoff=0.6)
    return f"Did you mean `{by_name[near[0]]}`? Known: {', '.join(sorted(known))}." if near else suggest(dotted, known)


def _check_cells(place: Place, arm: Arm, trials: int) -> None:
    """Whether every cell of the grids can get a trial; a grid with a condition counts as one cell."""
    unconditional = [item for item in arm.space if not item.when]
    grids = {item.name: len(item.distribution.values) for item in unconditional if isinstance(item.distribution, Grid)}
    cells = math.prod(grids.values())
    searched = [item for item in arm.space if not isinstance(item.distribution, Grid | Axis)]
    way_out = f"`choice` in place of `grid` searches values without trying all: {', '.join(grids)}."
    if cells > _MOST_CELLS:
        place.wrong(f"the grids have {cells} cells, more than {_MOST_CELLS}. {way_out}")
    elif searched and cells > trials:
        place.wrong(
            f"the grids have {cells} cells, but there are {trials} trials, so that some cells would get none. "
            f"Set search.trials to {cells} or a multiple. {way_out}"
        )
