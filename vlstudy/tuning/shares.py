"""How many trials of a search are expected to come how far."""

import math
import random
from bisect import insort
from collections.abc import Sequence
from statistics import fmean, median

from vlstudy.study.spec import PrunerSpec

SEARCHES = 200  # that are imagined; fewer of many trials
STARTUP = 5  # trials that are complete before the median pruner stops one, as `pruning` asks of it


def surviving(pruner: PrunerSpec, trials: int) -> tuple[float, ...]:
    """How many trials are expected to come to each rung, and last to the end.

    The mean over imagined searches, whose trials come one after the other, in any order of merit, and keep that order
    as they train (our choice: if training changes it, fewer come to the later rungs). Of trials that are compared one
    after the other more than one in `reduction` pass a rung: the first always does.

    Source: successive halving as Optuna's pruner does it, arXiv 1810.05934, algorithm 2, with `reduction` for eta.

    >>> surviving(PrunerSpec(name="none"), 9)
    (9.0,)
    >>> first, second, _ = surviving(PrunerSpec(name="asha", reduction=3, grace=0.2), 2)
    >>> first, round(second, 1)  # the second trial passes if it is the better one
    (2.0, 1.5)
    """
    if not pruner.rungs:
        return (float(trials),)
    places = random.Random(0)
    searches = [_search(pruner, trials, places) for _ in range(min(SEARCHES, 20 + 20_000 // trials))]
    return tuple(fmean(column) for column in zip(*searches, strict=True))


def _search(pruner: PrunerSpec, trials: int, places: random.Random) -> list[int]:
    """How many trials of one search come to each rung and to the end."""
    merits = [places.random() for _ in range(trials)]
    passed = _by_median(merits) if pruner.name == "median" else _by_halving(pruner, merits, places)
    return [trials, *(sum(count > rung for count in passed) for rung in range(len(pruner.rungs)))]


def _by_median(merits: Sequence[float]) -> list[int]:
    """For each trial 1 if it comes to the end, as those do that are no worse than the median of those that did."""
    complete: list[float] = []
    for merit in merits:
        if len(complete) < STARTUP or merit >= median(complete):
            complete.append(merit)
    ended = set(complete)
    return [int(merit in ended) for merit in merits]


def _by_halving(pruner: PrunerSpec, merits: Sequence[float], places: random.Random) -> list[int]:
    """How many rungs each trial passes; in hyperband's later brackets the first ones ask nothing."""
    count = len(pruner.rungs)
    brackets = _brackets(pruner.reduction, count) if pruner.name == "hyperband" else [1]
    rungs: dict[tuple[int, int], list[float]] = {}
    passed = []
    for merit in merits:
        (bracket,) = places.choices(range(len(brackets)), brackets)
        rung = bracket
        while rung < count:
            met = rungs.setdefault((bracket, rung), [])
            insort(met, merit)
            if merit < met[-max(1, len(met) // pruner.reduction)]:
                break
            rung += 1
        passed.append(rung)
    return passed


def _brackets(reduction: int, count: int) -> list[int]:
    """The weights by which Optuna shares trials out among brackets."""
    return [math.ceil(count * reduction ** (count - 1 - place) / (count - place)) for place in range(count)]
