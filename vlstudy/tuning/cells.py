"""The cells of an arm's grids, and which of them a setting gets."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from optuna.trial import FrozenTrial

from vlstudy.journal.entries import GROUP, QUEUED, SETTINGS
from vlstudy.study.forbidding import allowed
from vlstudy.study.order import matters, ordered, searched
from vlstudy.study.space import Choice, Distribution, Grid, Int, LogInt
from vlstudy.study.spec import Arm, SearchSpec


def enumerated(arm: Arm, search: SearchSpec) -> Arm:
    """The arm with every list and whole range as a grid, if that is the sampler."""
    if search.sampler != "grid":
        return arm

    def every(distribution: Distribution) -> Distribution:
        match distribution:
            case Choice(values):
                return Grid(values)
            case Int(low, high) | LogInt(low, high):
                return Grid(tuple(range(low, high + 1)))
            case _:
                return distribution

    return replace(arm, space=tuple(replace(item, distribution=every(item.distribution)) for item in arm.space))


def cells_of(arm: Arm) -> list[dict[str, Any]]:
    """The cross product of the arm's grids; a grid whose condition fails in a cell does not split it.

    A cell that no allowed setting has is left out.
    """
    cells: list[dict[str, Any]] = [{}]
    sampled = {dimension.name for dimension in searched(arm) if not isinstance(dimension.distribution, Grid)}
    for dimension in ordered(arm):
        if not isinstance(dimension.distribution, Grid):
            continue
        open_question = bool(sampled & set(dimension.when))  # only the draw will tell whether it matters
        values = [{dimension.name: value} for value in dimension.distribution.values]
        cells = [
            {**cell, **extra}
            for cell in cells
            for extra in (values if open_question or matters(dimension, cell, arm) else [{}])
        ]
    return [cell for cell in cells if allowed(arm, cell) is not None] if arm.forbid else cells


def cell_for(arm: Arm, trials: Sequence[FrozenTrial], number: int, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """The cell of setting `number`, with the values that it must have in any case.

    Where nothing else is searched it is the next one that no trial has had yet, so that points that were tried first
    are not tried again and none is left out. Else the cells take turns.

    Args:
        arm: whose grids are looked at.
        trials: the arm's, from the journal.
        number: of the setting among those that the search came to by itself.
        fixed: dotted knob -> value.
    """
    cells = cells_of(arm)
    fitting = [cell for cell in cells if all(cell.get(name, value) == value for name, value in fixed.items())]
    cells = fitting or cells or [{}]
    names = {dimension.name for dimension in searched(arm)}
    if all(isinstance(dimension.distribution, Grid) for dimension in searched(arm)):
        begun = {_key(trial.user_attrs[SETTINGS], names) for trial in trials}
        left = [cell for cell in cells if _key(cell, names) not in begun]
        asked = sum(GROUP not in trial.user_attrs and QUEUED not in trial.user_attrs for trial in trials)
        place = 0 if fixed else number - asked
        if 0 <= place < len(left):
            return {**left[place], **fixed}
    return {**cells[number % len(cells)], **fixed}


def _key(settings: Mapping[str, Any], names: set[str]) -> str:
    """The same for a cell and for what the journal has of it, where tuples are lists."""
    return json.dumps({name: value for name, value in settings.items() if name in names}, sort_keys=True)
