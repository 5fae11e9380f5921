"""The trials of an arm as settings: one group for each, with a trial for each of its seeds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from optuna.trial import FrozenTrial, TrialState, create_trial

from vlstudy.journal.entries import CONSTRAINT, GROUP, REPLICATE


@dataclass(frozen=True, kw_only=True)
class Group:
    """One setting and its trials, one a seed, in the order of their replicates.

    Attributes:
        number: of its first trial.
        trials: the last trial of each replicate: one that was tried again stands for the one that failed.
    """

    number: int
    trials: tuple[FrozenTrial, ...]

    @property
    def complete(self) -> tuple[FrozenTrial, ...]:
        """The trials that were trained to their end."""
        return tuple(trial for trial in self.trials if trial.state == TrialState.COMPLETE)

    @property
    def values(self) -> tuple[float, ...]:
        """The first objective of each complete trial, in the order of the seeds."""
        return tuple(trial.values[0] for trial in self.complete)

    @property
    def running(self) -> bool:
        """Whether one of its trials is not over."""
        return any(not trial.state.is_finished() for trial in self.trials)

    @property
    def given_up(self) -> bool:
        """Whether one of its trials was pruned or failed, after which the setting gets no more seeds."""
        return any(trial.state in (TrialState.PRUNED, TrialState.FAIL) for trial in self.trials)

    @property
    def violations(self) -> dict[str, float]:
        """Constraint, as Optuna's attribute is named -> by how much the complete trials violate it in the mean."""
        names = {name for trial in self.complete for name in trial.system_attrs if name.startswith(CONSTRAINT)}
        return {name: fmean(trial.system_attrs[name] for trial in self.complete) for name in sorted(names)}

    @property
    def feasible(self) -> bool:
        """Whether all constraints hold, in the mean of the seeds as for an objective (our choice)."""
        return all(violation <= 0 for violation in self.violations.values())


def groups_of(trials: Iterable[FrozenTrial]) -> list[Group]:
    """The trials by setting, in the order of the settings' first trials."""
    found: dict[int, dict[int, FrozenTrial]] = {}
    for trial in trials:
        seeds = found.setdefault(trial.user_attrs.get(GROUP, trial.number), {})
        seeds[trial.user_attrs.get(REPLICATE, 0)] = trial
    return [
        Group(number=number, trials=tuple(seeds[replicate] for replicate in sorted(seeds)))
        for number, seeds in sorted(found.items())
    ]


def shown(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """What a sampler or a pruner sees: one trial for each setting, with the means over its seeds."""
    groups = groups_of(trials)
    return trials if len(groups) == len(trials) else [_as_one(group) for group in groups]


def _as_one(group: Group) -> FrozenTrial:
    """The group as a trial, with what its first one noted."""
    if len(group.trials) == 1:
        return group.trials[0]
    noted = group.trials[0]
    state = _state(group)
    counted = group.complete if state == TrialState.COMPLETE else [trial for trial in group.trials if trial.values]
    one = create_trial(
        state=state,
        values=means([trial.values for trial in counted])
        if state in (TrialState.COMPLETE, TrialState.PRUNED)
        else None,
        params=noted.params,
        distributions=noted.distributions,
        user_attrs=noted.user_attrs,
        system_attrs={**noted.system_attrs, **group.violations},
        intermediate_values=_intermediate(group.trials),
    )
    one.number, one._trial_id = group.number, noted._trial_id
    one.datetime_start = group.trials[0].datetime_start
    ended = [trial.datetime_complete for trial in group.trials if trial.datetime_complete]
    one.datetime_complete = None if group.running else max(ended)
    return one


def _state(group: Group) -> TrialState:
    """Complete with one seed that is, unless the setting was given up."""
    states = {trial.state for trial in group.trials}
    for state in (TrialState.FAIL, TrialState.PRUNED, TrialState.COMPLETE):
        if state in states:
            return state
    return TrialState.RUNNING


def _intermediate(trials: Sequence[FrozenTrial]) -> dict[int, float]:
    percents = sorted({percent for trial in trials for percent in trial.intermediate_values})
    seen: dict[int, list[Any]] = {
        percent: [t.intermediate_values[percent] for t in trials if percent in t.intermediate_values]
        for percent in percents
    }
    return {percent: fmean(values) for percent, values in seen.items()}


def means(rows: Sequence[Sequence[float]]) -> list[float]:
    """The mean of each column.

    >>> means([[1.0, 0.5], [3.0, 0.5]])
    [2.0, 0.5]
    """
    return [fmean(column) for column in zip(*rows, strict=True)]
