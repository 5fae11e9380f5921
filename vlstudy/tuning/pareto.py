"""Several objectives and constraints: what a measurement says of them, and who is dominated."""

import math
from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial

from vlstudy.bounds import Bound
from vlstudy.journal.entries import measurements_of
from vlstudy.journal.ledger import Ledger
from vlstudy.measurement import Measurement
from vlstudy.study.spec import PrunerSpec, StudySpec

RANK = "rung_rank"
_RUNG = "rung_values_"


def objectives_of(measurement: Measurement, spec: StudySpec) -> tuple[float, ...] | str:
    """The values of all objectives at the measurement's chosen point, or why there are none.

    With several objectives the point of the inference axes is chosen on the first one (our choice).
    """
    absent = [name for name in (*spec.objectives, *spec.constraints) if name not in measurement.metrics]
    return f"{absent[0]} was not measured" if absent else tuple(measurement.metrics[name] for name in spec.objectives)


def constraint_notes(spec: StudySpec, measurement: Measurement) -> dict[str, float]:
    """Metric -> by how much it violates its constraint; it holds if that is not positive, as in Optuna."""
    return {name: violation(bound, measurement.metrics[name]) for name, bound in spec.constraints.items()}


def violation(bound: Bound, value: float) -> float:
    """How far a value lies on the wrong side; infinite for NaN.

    >>> violation(Bound(">=", 8.0), 7.5), violation(Bound("<", 1.0), 0.25)
    (0.5, -0.75)
    """
    if math.isnan(value):
        return math.inf
    up = bound.sign in (">", ">=")
    distance = bound.limit - value if up else value - bound.limit
    return 5e-324 if distance == 0 and bound.sign in ("<", ">") else distance


def ranks(rows: Sequence[Sequence[float]]) -> list[int]:
    """The front of each row, 0 for those that no other row dominates; larger values are better.

    >>> ranks([(1, 1), (2, 0), (0, 0), (1, 0)])
    [0, 0, 2, 1]
    """
    left, found, front = set(range(len(rows))), [0] * len(rows), 0
    while left:
        now = {index for index in left if not any(_dominates(rows[other], rows[index]) for other in left)}
        for index in now:
            found[index] = front
        left, front = left - now, front + 1
    return found


def crowding(rows: Sequence[Sequence[float]]) -> list[float]:
    """NSGA-II's crowding distance of each row among all rows: large where a front is thin, infinite at its ends."""
    found = [0.0] * len(rows)
    for column in range(len(rows[0]) if rows else 0):
        order = sorted(range(len(rows)), key=lambda index: rows[index][column])
        width = rows[order[-1]][column] - rows[order[0]][column]
        found[order[0]] = found[order[-1]] = math.inf
        for place in range(1, len(order) - 1):
            step = rows[order[place + 1]][column] - rows[order[place - 1]][column]
            found[order[place]] += step / width if width else 0.0
    return found


def dominated(ledger: Ledger, arm: str, number: int, percent: int, spec: PrunerSpec) -> tuple[bool, dict[str, Any]]:
    """Whether a trial of a Pareto study stops at a rung, and what the journal notes of it.

    At each rung the trials that reached it are sorted by their front and then by crowding, as in MOASHA; a trial
    goes on if it is among the best 1/reduction, at least one. Rungs are those of successive halving, which lie at
    `grace * reduction^k` of the training.

    Source: Schmucker et al. 2021, arXiv:2106.12639. NSGA-II's crowding in place of the epsilon net is our choice.
    """
    trials, trial = ledger.trials(arm), ledger.trial(arm, number)
    shown = next(one for one in reversed(measurements_of(trial)) if one.percent == percent)
    signs = [1.0 if direction == "maximize" else -1.0 for direction in ledger.header.directions]
    own = [sign * shown.metrics[name] for sign, name in zip(signs, ledger.header.objectives, strict=True)]
    notes: dict[str, Any] = {RANK: 0}
    for rung in spec.rungs:
        name = f"{_RUNG}{rung}"
        if rung > percent or name in trial.system_attrs:
            continue
        notes[name] = own
        company = [other.system_attrs[name] for other in trials if name in other.system_attrs] + [own]
        place, notes[RANK] = _place(company)
        if place >= max(1, len(company) // spec.reduction):
            return True, notes
    return False, notes


def order(trials: Sequence[FrozenTrial], directions: Sequence[str]) -> list[FrozenTrial]:
    """Complete trials, the best first: those that hold all constraints, then by front, first objective and number.

    Where none holds them, by the sum of the violations.
    """
    signs = [1.0 if direction == "maximize" else -1.0 for direction in directions]
    rows = [[sign * value for sign, value in zip(signs, trial.values, strict=True)] for trial in trials]
    excess = [sum(max(0.0, value) for value in trial.constraints.values()) for trial in trials]
    feasible = [index for index, amount in enumerate(excess) if amount == 0]
    fronts = dict(zip(feasible, ranks([rows[index] for index in feasible]), strict=True))
    keys = {
        index: (excess[index], fronts.get(index, 0), -rows[index][0], trials[index].number)
        for index in range(len(trials))
    }
    return [trials[index] for index in sorted(keys, key=keys.__getitem__)]


def _place(company: Sequence[Sequence[float]]) -> tuple[int, int]:
    """Where the last of the company stands when sorted, from 0, and its front."""
    fronts = ranks(company)
    last = len(company) - 1
    mates = [index for index in range(len(company)) if fronts[index] == fronts[last]]
    thin = dict(zip(mates, crowding([company[index] for index in mates]), strict=True))
    better = sum(front < fronts[last] for front in fronts)
    return better + sum(thin[index] > thin[last] for index in mates if index != last), fronts[last]


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a >= b for a, b in zip(one, other, strict=True)) and any(a > b for a, b in zip(one, other, strict=True))
