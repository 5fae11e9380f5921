"""One entry of `arms:` as an arm, checked against the tables of methods and loss schedules."""

import math
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from itertools import product
from typing import Any

from vlstudy.errors import suggest
from vlstudy.knobs import knobs
from vlstudy.methods import METHODS
from vlstudy.schedules import SCHEDULES
from vlstudy.study.forbidding import allowed
from vlstudy.study.reading.blocks import SCHEDULE, Block, blocks, check_blocks
from vlstudy.study.reading.blocks import dimensions as dimensions_of
from vlstudy.study.reading.combinations import check_forbidden, forbid
from vlstudy.study.reading.condition import conditioned
from vlstudy.study.reading.distribution import distribution, one_value
from vlstudy.study.reading.place import Place
from vlstudy.study.reading.points import check_points, points
from vlstudy.study.reading.tie import check_tie
from vlstudy.study.reading.words import line, word
from vlstudy.study.space import Axis, Dimension, Grid, Tied
from vlstudy.study.spec import Arm
from vlstudy.training import TrainSettings

Owners = Mapping[str, type]
_KEYS = ("name", "method", "on", "schedule", "fixed", "space", "forbid", "points")
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
    told = len(place.faults.problems)
    keys = place.mapping(_KEYS, required=("name", "method"))
    method = word(keys["method"], METHODS) if "method" in keys else None
    schedule = word(keys["schedule"], SCHEDULES) if "schedule" in keys else "fixed"
    chosen = _blocks(keys, method)
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
    if "space" in keys:
        arm = _with_space(arm, keys["space"], keys.get("fixed"), owners, chosen)
    if "forbid" in keys:
        arm = replace(arm, forbid=forbid(keys["forbid"], arm, owners))
    if "points" in keys:
        arm = replace(arm, points=points(keys["points"], arm, owners, trials))
    if len(place.faults.problems) == told:
        _check_whole(keys, arm, trials)
    return arm


def _check_whole(keys: Mapping[str, Place], arm: Arm, trials: int) -> None:
    """What only shows when all parts of the arm are known."""
    if "forbid" in keys:
        check_forbidden(keys["forbid"], arm)
    if "points" in keys:
        check_points(keys["points"], arm)
    if "space" in keys:
        _check_cells(keys["space"], arm, trials)


def _blocks(keys: Mapping[str, Place], method: str | None) -> tuple[Block, ...]:
    """The schedules that the arm chooses from; () if it has one."""
    place = keys["space"].children().get(SCHEDULE) if "space" in keys else None
    found = blocks(place) if place else ()
    if place and SCHEDULE in keys:
        keys[SCHEDULE].wrong_key("the schedule is searched under `space` as well. Keep one of the two.")
    for block in found if method else ():
        _check_governs(block.place, method or "", block.name)
    return found


def _with_space(arm: Arm, place: Place, fixed: Place | None, owners: Owners, chosen: tuple[Block, ...]) -> Arm:
    """The arm with its dimensions and their conditions."""
    known, fixed_names = _known(place, owners, searched=bool(chosen)), list(fixed.children()) if fixed else []
    dimensions: list[Dimension] = []
    for dotted, inner in sorted(known.items()):
        if dotted in fixed_names:
            inner.wrong_key(f"`{dotted}` is under `fixed` as well. Keep one of the two.")
        elif (drawn := distribution(inner, *_field(dotted, owners))) is not None:
            dimensions.append(Dimension(name=dotted, distribution=drawn))
    if chosen:
        arm = replace(arm, schedule=chosen[0].name)
    arm = replace(arm, space=tuple(sorted([*dimensions, *dimensions_of(chosen)], key=lambda item: item.name)))
    arm = conditioned(arm, known, fixed_names, owners)
    for item in arm.space:
        if isinstance(item.distribution, Tied) and item.name in known:
            check_tie(known[item.name], item, arm.space, _field(item.name, owners)[0])
    check_blocks(chosen, arm.space)
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


def _known(place: Place, owners: Owners, *, searched: bool = False) -> dict[str, Place]:
    """The entries whose knobs exist and can make a difference; the others are told."""
    if not place.is_mapping():
        place.wrong(f"needs a mapping of knobs such as `train.lr`, got {place.got()}. Without any, leave the key out.")
    known = [f"{part}.{name}" for part, owner in owners.items() for name in knobs(owner)]
    found: dict[str, Place] = {}
    for dotted, inner in place.children().items():
        part = dotted.split(".")[0]
        if dotted == SCHEDULE and place.where.endswith(".space"):
            continue  # read as blocks
        if searched and part == SCHEDULE:
            inner.wrong_key(f"`{dotted}` belongs to one of the schedules. Write it in the block of that schedule.")
        elif dotted in known and part == "train" and "method" in owners and not owners["method"].terms:  # type: ignore[attr-defined]
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
    """Whether every allowed cell of the grids can get a trial; a grid with a condition counts as one cell."""
    grids = {
        item.name: item.distribution.values
        for item in arm.space
        if isinstance(item.distribution, Grid) and not item.when
    }
    cells = math.prod(map(len, grids.values()))
    if arm.forbid and cells <= _MOST_CELLS:
        each = (dict(zip(grids, cell, strict=True)) for cell in product(*grids.values()))
        cells = sum(allowed(arm, cell) is not None for cell in each)
    searched = [item for item in arm.space if not isinstance(item.distribution, Grid | Axis | Tied)]
    way_out = f"`choice` in place of `grid` searches values without trying all: {', '.join(grids)}."
    if cells > _MOST_CELLS:
        place.wrong(f"the grids have {cells} cells, more than {_MOST_CELLS}. {way_out}")
    elif searched and cells > trials:
        place.wrong(
            f"the grids have {cells} cells, but there are {trials} trials, so that some cells would get none. "
            f"Set search.trials to {cells} or a multiple. {way_out}"
        )
