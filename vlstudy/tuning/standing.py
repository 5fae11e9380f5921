"""Which of an arm's settings stand best, and on which of another arm's trials its own are trained."""

import json
import math
from collections.abc import Mapping
from typing import Any

from optuna.trial import FrozenTrial

from vlstudy.journal.entries import SETTINGS, measurements_of
from vlstudy.journal.ledger import Ledger
from vlstudy.measurement import Point
from vlstudy.study.spec import Arm, StudySpec
from vlstudy.tuning.groups import groups_of, shown
from vlstudy.tuning.pareto import order

ON = "on."  # what the stored settings of the lower arm's trial begin with


def best_trials(ledger: Ledger, arm: str, top: int) -> list[FrozenTrial]:
    """The first trials of the arm's best different settings; of equals the earlier one.

    A setting is complete when all of its seeds are, and is judged by their mean. Where a budget ended the search
    before any was, those with the most seeds count.
    """
    complete = [group for group in groups_of(ledger.trials(arm)) if group.complete]
    groups = [group for group in complete if not group.given_up] or complete
    feasible = [group for group in groups if group.feasible] or groups
    most = max((len(group.complete) for group in feasible), default=0)
    standing = {group.number: group for group in groups if len(group.complete) >= most}
    ranked = order([trial for trial in shown(ledger.trials(arm)) if trial.number in standing], ledger.header.directions)
    ordered = [standing[trial.number].trials[0] for trial in ranked]
    distinct = {json.dumps(trial.user_attrs[SETTINGS], sort_keys=True): trial for trial in reversed(ordered)}
    return [trial for trial in ordered if trial in distinct.values()][:top]


def chosen_axis(ledger: Ledger, arm: str, trial: FrozenTrial) -> Mapping[str, float]:
    """The point of the inference axes that is best on validation at the end of a setting, in the mean of its seeds."""
    group = next(one for one in groups_of(ledger.trials(arm)) if trial in one.trials)
    ends = [measurements_of(each)[-1] for each in group.complete]
    if len(ends) == 1:
        return ends[0].points[ends[0].choice].axis
    sign = 1 if ledger.header.direction == "maximize" else -1
    columns: list[tuple[Point, ...]] = list(zip(*(end.points for end in ends), strict=True))
    sums = [sign * sum(point.metrics[ledger.header.objective] for point in column) for column in columns]
    return columns[max(range(len(sums)), key=lambda index: (not math.isnan(sums[index]), sums[index]))][0].axis


def carried(trial: FrozenTrial) -> dict[str, Any]:
    """What a trial that is trained on this one stores of it: its number and its settings."""
    return {f"{ON}trial": trial.number, **{f"{ON}{name}": value for name, value in trial.user_attrs[SETTINGS].items()}}


def base_of(spec: StudySpec, arm: Arm, settings: Mapping[str, Any]) -> tuple[Arm, Mapping[str, Any]] | None:
    """The arm that a trial with these settings is trained on, with that arm's own; None for the backbone."""
    base = spec.base_of(arm)
    if base is None:
        return None
    own = {name: value for name, value in settings.items() if name.startswith(ON) and name != f"{ON}trial"}
    return base, {name.removeprefix(ON): value for name, value in own.items()}
