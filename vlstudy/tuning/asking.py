"""What the next trial of an arm is: a function of the journal, the seed and the setting's number."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from vlstudy.errors import VlstudyError
from vlstudy.journal.ledger import Ledger
from vlstudy.rng import derive
from vlstudy.study.forbidding import allowed, forbidden
from vlstudy.study.order import matters, ordered, searched, tied
from vlstudy.study.space import Axis, Choice, Dimension, Distribution, Grid, Int, LogInt, LogUniform, Tied, Uniform
from vlstudy.study.spec import Arm, SearchSpec
from vlstudy.tuning.as_now import as_now
from vlstudy.tuning.cells import cell_for, cells_of, enumerated
from vlstudy.tuning.groups import shown
from vlstudy.tuning.samplers import kept, patience, sampler_of

_PLAIN = (type(None), bool, int, float, str)  # what Optuna stores as a category
_TRIES = 1000  # draws, by the sampler and then at random, before an allowed setting is looked up


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """One setting, as training sees it (`settings`) and as Optuna does, with what the sampler keeps of it."""

    settings: Mapping[str, Any]
    params: Mapping[str, Any]
    distributions: Mapping[str, BaseDistribution]
    notes: Mapping[str, Any]


def wanted(arm: Arm, search: SearchSpec) -> int:
    """How many settings an arm has: its cells if all it searches are grids, 1 if it searches nothing."""
    arm = enumerated(arm, search)
    if all(isinstance(dimension.distribution, Grid) for dimension in searched(arm)):
        return len(cells_of(arm))
    return search.trials


def suggest(
    ledger: Ledger, arm: Arm, search: SearchSpec, number: int, *, fixed: Mapping[str, Any] | None = None
) -> Suggestion:
    """The setting with this number, given everything that the journal knows now.

    A forbidden one is drawn again: by the sampler with other seeds, then at random, which is uniform among the
    allowed ones; where those are too few to be hit, the knobs that decide get values that are allowed. So what is
    forbidden means the same under every sampler.

    Args:
        ledger: whose trials the sampler learns from.
        arm: what is searched.
        search: with which sampler and seed.
        number: of the setting; of a grid it is the cell.
        fixed: dotted knob -> value that the setting must have.

    Raises:
        VlstudyError: every setting with the values in `fixed` is forbidden.
    """
    arm = enumerated(arm, search)
    given = cell_for(arm, ledger.trials(arm.name), number, fixed or {})
    for attempt in range(_TRIES):
        suggestion = _drawn(ledger, arm, search, number, given, attempt)
        if not forbidden(arm, suggestion.settings):
            return suggestion
    way_out = allowed(arm, given)
    if way_out is None:
        raise VlstudyError(f"{arm.name}: every setting with {dict(given)} is forbidden. Loosen `forbid`.")
    return _drawn(ledger, arm, search, number, {**given, **way_out}, _TRIES)


def _drawn(
    ledger: Ledger, arm: Arm, search: SearchSpec, number: int, given: Mapping[str, Any], attempt: int
) -> Suggestion:
    space = {_label(arm, dimension): to_optuna(dimension.distribution) for dimension in ordered(arm)}
    sampler = _sampler(arm, search, number, attempt, space)
    study, notes = ledger.rehearsal(
        arm.name, sampler=sampler, view=lambda trials: as_now(_learnt(shown(trials)), space)
    )
    trial = create_trial(state=TrialState.RUNNING, params={}, distributions={})
    trial.number, trial._trial_id = number, -1  # not in the journal yet: it goes there whole, with its values
    sampler.before_trial(study, trial)
    drawn = sampler.sample_relative(study, trial, sampler.infer_relative_search_space(study, trial))
    settings: dict[str, Any] = {}
    params: dict[str, Any] = {}
    for dimension in ordered(arm):
        if not matters(dimension, settings, arm):
            continue
        name, label = dimension.name, _label(arm, dimension)
        if name in given:
            params[label] = _category(given[name]) if _listed(dimension) else given[name]
        elif label in drawn and space[label]._contains(space[label].to_internal_repr(drawn[label])):
            params[label] = drawn[label]
        else:
            params[label] = sampler.sample_independent(study, trial, label, space[label])
        settings[name] = _value(dimension.distribution, params[label])
    distributions = {label: space[label] for label in params}
    return Suggestion(settings=tied(arm, settings), params=params, distributions=distributions, notes=kept(notes))


def _learnt(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """What a sampler can learn from: of several objectives Optuna knows no pruned trials, and theirs are not final."""
    return [trial for trial in trials if trial.state != TrialState.PRUNED or len(trial.values or ()) < 2]


def _sampler(
    arm: Arm, search: SearchSpec, number: int, attempt: int = 0, space: Mapping[str, BaseDistribution] | None = None
) -> BaseSampler:
    """A new sampler for every question, so that it has no memory but the journal."""
    stream = f"sampler/{arm.name}{f'/again/{attempt}' if attempt else ''}"
    seed = derive(search.seed, stream, number) % 2**32  # numpy's legacy generator takes 32 bits
    if attempt >= patience(search):
        return RandomSampler(seed=seed)
    place = number + 1_000_003 * attempt  # of a sequence: a forbidden point's substitute lies far behind
    return sampler_of(arm, search, seed, place, space or {})


def _label(arm: Arm, dimension: Dimension) -> str:
    """The knob as Optuna knows it: two blocks may have knobs of one name, which are different parameters."""
    if sum(other.name == dimension.name for other in arm.space) == 1:
        return dimension.name
    return f"{dimension.name} when {', '.join(f'{name} = {value}' for name, value in dimension.when.items())}"


def _listed(dimension: Dimension) -> bool:
    return isinstance(dimension.distribution, Choice | Grid)


def to_optuna(distribution: Distribution) -> BaseDistribution:
    """The distribution in Optuna's terms; axes and ties are nothing that Optuna draws."""
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
        case Axis() | Tied():
            raise ValueError("an axis is measured and a tie is computed; neither is drawn")


def _category(value: Any) -> Any:
    """Optuna stores only plain values; a list stands for itself as text."""
    return value if isinstance(value, _PLAIN) else json.dumps(value)


def _value(distribution: Distribution, param: Any) -> Any:
    """The inverse of `_category`."""
    if isinstance(distribution, Choice | Grid):
        return next(value for value in distribution.values if _category(value) == param)
    return param
