"""Which of an arm's trials stand best, and on which of another arm's trials its own are trained."""

import json
from collections.abc import Mapping
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from vlstudy.journal.ledger import SETTINGS, Ledger
from vlstudy.study.spec import Arm, StudySpec

ON = "on."  # what the stored settings of the lower arm's trial begin with


def best_trials(ledger: Ledger, arm: str, top: int) -> list[FrozenTrial]:
    """The arm's best complete trials with different settings; of equals the earlier one."""
    sign = -1 if ledger.header.direction == "maximize" else 1
    complete = [trial for trial in ledger.trials(arm) if trial.state == TrialState.COMPLETE]
    complete.sort(key=lambda trial: (sign * (trial.value or 0.0), trial.number))
    distinct = {json.dumps(trial.user_attrs[SETTINGS], sort_keys=True): trial for trial in reversed(complete)}
    return [trial for trial in complete if trial in distinct.values()][:top]


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
