"""When a search has found enough or spent enough: all from the journal, so that a resumed one stops there too."""

from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from vlstudy.journal.entries import MEASUREMENT, SERVED
from vlstudy.journal.ledger import Ledger
from vlstudy.study.space import plain
from vlstudy.study.spec import Arm, StudySpec
from vlstudy.tuning.groups import groups_of, shown

_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def why_stop(spec: StudySpec, ledger: Ledger, *, seconds: float) -> str | None:
    """Why nothing new is asked for, as a sentence's end; None if the search goes on.

    Args:
        spec: its `budget` and `stop`.
        ledger: all trials.
        seconds: of search so far, in all sittings.
    """
    budget, stop = spec.budget, spec.stop
    if budget.minutes is not None and seconds >= 60 * budget.minutes:
        return f"its {plain(budget.minutes)} minutes are over"
    trials = [(arm.name, trial) for arm in spec.arms for trial in ledger.trials(arm.name)]
    if budget.trials is not None and len(trials) >= budget.trials:
        return f"{len(trials)} trials were begun, which is all that budget.trials allows"
    if said := _spent(spec, [trial for _, trial in trials]):
        return said
    if stop.target is not None:
        return _reached(spec, ledger, stop.target)
    return None


def rests(spec: StudySpec, ledger: Ledger, arm: Arm) -> str | None:
    """Why an arm asks for no new setting; None if it does.

    A plateau is that many finished settings without a better one. (Optuna's regret bound, its `terminator`, is
    deprecated and leaves with version 6, so that it is not offered.)
    """
    patience = spec.stop.patience
    if patience is None:
        return None
    sign = 1 if ledger.header.direction == "maximize" else -1
    best, since = None, 0
    for trial in _finished(shown(ledger.trials(arm.name))):
        value = sign * trial.values[0] if trial.state == TrialState.COMPLETE and trial.values else None
        if value is not None and (best is None or value > best):
            best, since = value, 0
        else:
            since += 1
    if since < patience:
        return None
    return f"{arm.name} found nothing better in {since} settings"


def gpu_hours(spec: StudySpec, trials: Sequence[FrozenTrial]) -> float:
    """Hours of GPUs that trials have taken: their training and measuring times the GPUs of a trial."""
    seconds = sum(
        max((value["seconds"] for name, value in trial.user_attrs.items() if name.startswith(MEASUREMENT)), default=0.0)
        for trial in trials
        if SERVED not in trial.user_attrs
    )
    return seconds * spec.resources.gpus / 3600


def _spent(spec: StudySpec, trials: Sequence[FrozenTrial]) -> str | None:
    budget = spec.budget
    if budget.gpu_hours is None and budget.money is None:
        return None
    hours = gpu_hours(spec, trials)
    if budget.gpu_hours is not None and hours >= budget.gpu_hours:
        return f"{hours:.2f} GPU hours are spent, of {plain(budget.gpu_hours)}"
    if budget.money is not None and budget.price_per_gpu_hour is not None:
        cost = hours * budget.price_per_gpu_hour
        if cost >= budget.money:
            return f"{cost:.2f} are spent on {hours:.2f} GPU hours, of {plain(budget.money)}"
    return None


def _reached(spec: StudySpec, ledger: Ledger, target: float) -> str | None:
    """A setting that is complete with all its seeds, holds all constraints, and is as good as was hoped."""
    sign = 1 if ledger.header.direction == "maximize" else -1
    for arm in spec.arms:
        whole = {g.number for g in groups_of(ledger.trials(arm.name)) if len(g.complete) == spec.search.replicates}
        for trial in shown(ledger.trials(arm.name)):
            if trial.number not in whole or not all(amount <= 0 for amount in trial.constraints.values()):
                continue
            if sign * trial.values[0] >= sign * target:
                return f"{arm.name} {trial.number} reached {trial.values[0]:.6g}, and the target is {plain(target)}"
    return None


def _finished(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """In the order in which they came to their end."""
    ended = [trial for trial in trials if trial.state in _FINISHED]
    return sorted(ended, key=lambda trial: (trial.datetime_complete or trial.datetime_start, trial.number))
