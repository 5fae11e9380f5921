"""Optuna's samplers, each made anew for a question, so that none has a memory but the journal."""

import warnings
from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, NSGAIISampler, QMCSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from vlstudy.study.order import searched
from vlstudy.study.spec import Arm, SearchSpec

_NOTES = ("cma:", "NSGAIISampler:")  # what the names of the states that samplers keep in trials begin with
_STARTUP = 10  # Optuna's default number of random trials before a model, said here so that an update changes no study


def sampler_of(
    arm: Arm, search: SearchSpec, seed: int, number: int, space: Mapping[str, BaseDistribution]
) -> BaseSampler:
    """The sampler that a study names, for setting `number` of an arm.

    Args:
        arm: its conditions decide whether TPE models groups of knobs.
        search: which sampler.
        seed: of this one question, below 2**32.
        number: which point of a sequence it is; the other samplers do not look at it.
        space: every knob that may be drawn.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # `group`, QMC and Gaussian processes are marked so
        match search.sampler:
            case "tpe":
                return TPESampler(
                    n_startup_trials=_STARTUP,
                    n_ei_candidates=24,  # likewise
                    seed=seed,
                    multivariate=True,
                    group=any(dimension.when for dimension in searched(arm)),
                    constant_liar=True,
                )
            case "cmaes":
                return CmaEsSampler(seed=seed, warn_independent_sampling=False)
            case "gp":
                return GPSampler(seed=seed, n_startup_trials=_STARTUP, warn_independent_sampling=False)
            case "nsga2":
                return NSGAIISampler(seed=seed, population_size=population(search))
            case "qmc":
                return _Sequence(number, space, search.seed)
            case "random" | "grid":  # a grid's values are enumerated; there is nothing to draw
                return RandomSampler(seed=seed)


def patience(search: SearchSpec) -> int:
    """How many draws a sampler has for a setting that is not forbidden (our choice).

    A Gaussian process takes a second for each, and comes back to its optimum whatever the seed.
    """
    return 3 if search.sampler == "gp" else 20


def kept(notes: Mapping[str, Any]) -> dict[str, Any]:
    """What of a sampler's notes belongs into the journal: CMA-ES's model and generations, and not what was drawn.

    TPE and the Gaussian processes note their draw for other processes, which see it before its trial has values; here
    a trial begins with its values, without those that its conditions ruled out.
    """
    return {name: value for name, value in notes.items() if name.startswith(_NOTES)}


def population(search: SearchSpec) -> int:
    """Settings of one generation: a quarter of the trials, at most Optuna's 50 (our choice).

    With 50 a search of 24 trials would never leave its first, random generation.
    """
    return min(50, max(4, search.trials // 4))


class _Sequence(QMCSampler):
    """Sobol's sequence, whose place is the number of the setting and not a counter in the storage."""

    def __init__(self, number: int, space: Mapping[str, BaseDistribution], seed: int) -> None:
        super().__init__(
            seed=seed % 2**32, scramble=True, warn_asynchronous_seeding=False, warn_independent_sampling=False
        )
        self._number, self._space = number, {name: drawn for name, drawn in space.items() if not drawn.single()}

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Every knob, also those whose condition may not hold: each keeps its dimension of the sequence."""
        return self._space

    def _find_sample_id(self, study: Study, search_space: Mapping[str, Any]) -> int:
        return self._number
