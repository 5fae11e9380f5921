"""What a study will take, foretold from what a training of each arm took.

The law, in seconds of one worker. A training of `n` steps and `m` measurements takes

    T(f) = start + f * (n * step + m * measurement)

up to the fraction `f` of its steps. A trial meets a rung at its first measurement at or after the rung's percentage.
`N` trials of an arm cost, with `N_k` of them coming as far as rung `k` at the fraction `f_k`,

    sum_k (N_k - N_{k+1}) * T(f_k) + N_end * T(1),        N_1 = N

The expectation takes the middle setting of the space and the pruner's shares. The least takes the fewest steps that the
space allows, with all trials but the first stopped at the first rung (the first always passes); the most takes the most
steps, with none stopped and every setting trained on all its seeds.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from vlstudy.study.plan import Length, length
from vlstudy.study.spec import Arm, StudySpec
from vlstudy.tuning.asking import wanted
from vlstudy.tuning.header import confirm_seeds
from vlstudy.tuning.racing import SHARE
from vlstudy.tuning.rehearsal import Rehearsal
from vlstudy.tuning.shares import surviving

TRIAL_BYTES, LINE_BYTES = (
    1500,
    400,
)  # of the journal, beside a trial's and a measurement's own content; seen in journals


@dataclass(frozen=True)
class Span:
    """The least, the expected and the most of something."""

    least: float = 0.0
    expected: float = 0.0
    most: float = 0.0

    def __add__(self, other: Self) -> Self:
        return type(self)(self.least + other.least, self.expected + other.expected, self.most + other.most)

    def times(self, factor: float) -> Self:
        """All three, multiplied."""
        return type(self)(self.least * factor, self.expected * factor, self.most * factor)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What an arm will take.

    Attributes:
        settings: how many are tried.
        reaching: expected trials at each rung, and last at the end.
        seeds: further trainings of settings that the race does not tell apart.
        search, confirm: seconds of one worker.
        confirmations: trainings of the confirmation.
        longest: seconds of one whole training, at most.
        journal: bytes.
    """

    settings: int
    reaching: tuple[float, ...]
    seeds: Span
    search: Span
    confirm: Span
    confirmations: int
    longest: float
    journal: float


def cost(spec: StudySpec, arm: Arm, rehearsal: Rehearsal, below: Rehearsal | None = None) -> Cost:
    """What an arm will take.

    Args:
        spec: the study.
        arm: one of its arms.
        rehearsal: what a training of it took.
        below: what one of the arm took on whose features it is trained; that arm is trained once more for each seed.
    """
    settings, ends = wanted(arm, spec.search), length(arm, spec.data_of(arm).training_images())
    met = [_met(rung, rehearsal.measurements) for rung in spec.pruner.rungs]
    stops = [fraction for fraction in met if fraction < 1]  # who comes to the end is complete, and never stopped
    reaching = surviving(spec.pruner, settings)[: len(stops) + 1]
    seeds = further_seeds(settings, reaching[-1], spec.search.replicates)
    whole = Span(
        _fewest(rehearsal, ends, 1.0), rehearsal.seconds, _until(rehearsal, ends.steps[1], ends.measurements[1])
    )
    first = min([_met(rung, ends.measurements[0]) for rung in spec.pruner.rungs], default=1.0)
    search = Span(
        whole.least + (settings - 1) * _fewest(rehearsal, ends, first),
        _stopped(rehearsal, reaching, stops) + seeds.expected * whole.expected,
        (settings + seeds.most) * whole.most,
    )
    count = min(spec.confirm.top, settings) * len(confirm_seeds(spec.confirm, spec.search.seed))
    tested = rehearsal.measurement if rehearsal.steps else rehearsal.start  # as if test were as large as validation
    confirm = (whole + Span(tested, tested, tested)).times(count)
    if below is not None:
        search += Span(1, spec.search.replicates, spec.search.replicates).times(below.seconds)
        confirm += Span(count, count, count).times(below.seconds)
    measured = rehearsal.measurements * (settings + seeds.expected) + count
    return Cost(
        settings=settings,
        reaching=reaching,
        seeds=seeds,
        search=search,
        confirm=confirm,
        confirmations=count,
        longest=whole.most,
        journal=measured * (rehearsal.line + LINE_BYTES) + (settings + seeds.expected + count) * TRIAL_BYTES,
    )


def wall(costs: Sequence[Cost], at_once: int, *, boot: float, once: float) -> Span:
    """Seconds from a launch to its end, with all slots busy; no phase is shorter than its longest training.

    Three times a process starts: Ray itself, the workers of the search, and those of the confirmation.

    Args:
        costs: of all arms.
        at_once: trials that run beside each other.
        boot: seconds until a process has its imports.
        once: seconds that a worker's first training takes more than the others.
    """
    starts = 3 * boot + 2 * once
    total = Span(starts, starts, starts)
    longest = max((one.longest for one in costs), default=0.0)
    for phase in (in_all(one.search for one in costs), in_all(one.confirm for one in costs)):
        shared = phase.times(1 / at_once)
        total += Span(shared.least, shared.expected, max(shared.most, longest))
    return total


def in_all(spans: Iterable[Span]) -> Span:
    """The sum."""
    return sum(spans, Span())


def further_seeds(settings: int, complete: float, replicates: int) -> Span:
    """Trainings of settings on further seeds: one in `SHARE` of those with a seed gets the next, and the best all.

    >>> further_seeds(24, complete=8, replicates=3)
    Span(least=0, expected=6.0, most=48)
    """
    expected = math.fsum(max(1.0, complete / SHARE**seed) for seed in range(1, replicates))
    return Span(0, expected, settings * (replicates - 1))


def _met(rung: int, measurements: int) -> float:
    """The fraction of the training at the first measurement at or after a rung, as whole percent are counted."""
    done = (index / measurements for index in range(1, measurements + 1))
    return next(fraction for fraction in done if round(100 * fraction) >= rung)


def _stopped(rehearsal: Rehearsal, reaching: Sequence[float], stops: Sequence[float]) -> float:
    """Seconds of the trials that stop at each rung and of those that come to the end."""
    total = reaching[-1] * rehearsal.seconds
    for (before, after), fraction in zip(pairwise(reaching), stops, strict=True):
        total += (before - after) * _until(rehearsal, fraction * rehearsal.steps, fraction * rehearsal.measurements)
    return total


def _fewest(rehearsal: Rehearsal, ends: Length, fraction: float) -> float:
    """Seconds of the shortest training that the space allows, up to a fraction of it."""
    return _until(rehearsal, fraction * ends.steps[0], fraction * ends.measurements[0])


def _until(rehearsal: Rehearsal, steps: float, measurements: float) -> float:
    return rehearsal.start + steps * rehearsal.step + measurements * rehearsal.measurement
