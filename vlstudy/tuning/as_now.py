"""Trials of a study whose space was widened since, as if they had been drawn from the space of now."""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, create_trial


def as_now(trials: Sequence[FrozenTrial], space: Mapping[str, BaseDistribution]) -> list[FrozenTrial]:
    """The trials as if they had been drawn from the space of now: a sampler drops a knob whose ranges differ.

    A value outside, which a narrower range would have left behind, keeps the distribution that it was drawn from.
    CMA-ES begins anew: its model is a place within the ranges of then.
    """
    return [_as_now(trial, space) for trial in trials]


def _as_now(trial: FrozenTrial, space: Mapping[str, BaseDistribution]) -> FrozenTrial:
    if all(space.get(name, before) == before for name, before in trial.distributions.items()):
        return trial
    distributions = {
        name: now if (now := space.get(name)) and _holds(now, trial.params[name]) else before
        for name, before in trial.distributions.items()
    }
    shown = create_trial(
        state=trial.state,
        values=trial.values,
        params=trial.params,
        distributions=distributions,
        user_attrs=trial.user_attrs,
        system_attrs={name: value for name, value in trial.system_attrs.items() if not name.startswith("cma:")},
        intermediate_values=trial.intermediate_values,
    )
    shown.number, shown._trial_id = trial.number, trial._trial_id
    shown.datetime_start, shown.datetime_complete = trial.datetime_start, trial.datetime_complete
    return shown


def _holds(distribution: BaseDistribution, value: Any) -> bool:
    try:
        return distribution._contains(distribution.to_internal_repr(value))
    except ValueError:  # a category that is not there
        return False
