"""What the next trial of an arm is: a function of the journal, the seed and the trial's number."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState, create_trial

from vlstudy.journal.ledger import Ledger
from vlstudy.rng import derive
from vlstudy.study.space import Axis, Choice, Dimension, Distribution, Grid, Int, LogInt, LogUniform, Uniform
from vlstudy.study.spec import Arm, SearchSpec

_PLAIN = (type(None), bool, int, float, str)  # what Optuna stores as a category


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """One setting, as training sees it (`settings`) and as Optuna does."""

    settings: Mapping[str, Any]
    params: Mapping[str, Any]
    distributions: Mapping[str, BaseDistribution]


def wanted(arm: Arm, search: SearchSpec) -> int:
    """How many trials an arm has: its cells if all it searches are grids, 1 if it searches nothing."""
    searched = _searched(arm)
    if all(isinstance(dimension.distribution, Grid) for dimension in searched):
        return len(_cells(arm))
    return search.trials


def suggest(ledger: Ledger, arm: Arm, search: SearchSpec, number: int) -> Suggestion:
    """The setting of trial `number`, given everything that the journal knows now."""
    sampler = _sampler(arm, search, number)
    study, _ = ledger.rehearsal(arm.name, sampler=sampler)
    trial = create_trial(state=TrialState.RUNNING, params={}, distributions={})
    trial.number, trial._trial_id = number, -1  # not in the journal yet: it goes there whole, with its values
    sampler.before_trial(study, trial)
    drawn = sampler.sample_relative(study, trial, sampler.infer_relative_search_space(study, trial))
    cells = _cells(arm)
    cell = cells[number % len(cells)]
    settings: dict[str, Any] = {}
    params: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}
    for dimension in _ordered(arm):
        if not _matters(dimension, settings, arm):
            continue
        name, distribution = dimension.name, _to_optuna(dimension.distribution)
        if name in cell:
            params[name] = _category(cell[name])
        elif name in drawn and distribution._contains(distribution.to_internal_repr(drawn[name])):
            params[name] = drawn[name]
        else:
            params[name] = sampler.sample_independent(study, trial, name, distribution)
        settings[name] = _value(dimension.distribution, params[name])
        distributions[name] = distribution
    return Suggestion(settings=settings, params=params, distributions=distributions)


def _sampler(arm: Arm, search: SearchSpec, number: int) -> BaseSampler:
    """A new sampler for every question, so that it has no memory but the journal."""
    seed = derive(search.seed, f"sampler/{arm.name}", number) % 2**32  # numpy's legacy generator takes 32 bits
    if search.sampler == "random":
        return RandomSampler(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # `group`, which alone models conditional knobs jointly
        return TPESampler(
            n_startup_trials=10,  # Optuna's default, said here so that an update does not change a study
            n_ei_candidates=24,  # likewise
            seed=seed,
            multivariate=True,
            group=any(dimension.when for dimension in arm.space),
            constant_liar=True,
        )


def _cells(arm: Arm) -> list[dict[str, Any]]:
    """The cross product of the arm's grids; a grid whose condition fails in a cell does not split it."""
    cells: list[dict[str, Any]] = [{}]
    grids = [dimension for dimension in _ordered(arm) if isinstance(dimension.distribution, Grid)]
    sampled = {dimension.name for dimension in _searched(arm)} - {dimension.name for dimension in grids}
    for dimension in grids:
        open_question = bool(sampled & set(dimension.when))  # only the draw will tell whether it matters
        cells = [
            {**cell, **extra}
            for cell in cells
            for extra in (
                [{dimension.name: value} for value in _values(dimension.distribution)]
                if open_question or _matters(dimension, cell, arm)
                else [{}]
            )
        ]
    return cells


def _matters(dimension: Dimension, settings: Mapping[str, Any], arm: Arm) -> bool:
    known = {"method": arm.method, "schedule": arm.schedule, **arm.fixed, **settings}
    return all(name in known and known[name] == value for name, value in dimension.when.items())


def _searched(arm: Arm) -> list[Dimension]:
    return [dimension for dimension in arm.space if not isinstance(dimension.distribution, Axis)]


def _ordered(arm: Arm) -> list[Dimension]:
    """The searched dimensions, each after those that its condition names."""
    ordered: list[Dimension] = []
    pending = _searched(arm)
    while pending:
        waiting = {dimension.name for dimension in pending}
        ready = [dimension for dimension in pending if not waiting & (set(dimension.when) - {dimension.name})]
        if not ready:  # a circle of conditions: none of them can hold
            return ordered
        ordered += ready
        pending = [dimension for dimension in pending if dimension not in ready]
    return ordered


def _values(distribution: Distribution) -> Sequence[Any]:
    assert isinstance(distribution, Choice | Grid | Axis)
    return distribution.values


def _to_optuna(distribution: Distribution) -> BaseDistribution:
    match distribution:
        case Uniform(low, high):
            return FloatDistribution(low, high)
        case LogUniform(low, high):
            return FloatDistribution(low, high, log=True)
        case Int(low, high):
            return IntDistribution(low, high)
        case LogInt(low, high):
            return IntDistribution(low, high, log=True)
        case Choice(values) | Grid(values):
            return CategoricalDistribution([_category(value) for value in values])
        case Axis():
            raise ValueError("an axis is measured, not searched")


def _category(value: Any) -> Any:
    """Optuna stores only plain values; a list stands for itself as text."""
    return value if isinstance(value, _PLAIN) else json.dumps(value)


def _value(distribution: Distribution, param: Any) -> Any:
    """The inverse of `_category`."""
    if isinstance(distribution, Choice | Grid):
        return next(value for value in distribution.values if _category(value) == param)
    return param
