"""How often a search crowns the wrong setting: seeds raced against one seed each, at the same budget of steps.

    python -m tests.benchmarks.false_winners --repetitions 200 --out reports/gallery/false_winners.md

Both searches are the real one: the same journal, sampler (random), pruner (asha) and race. Only the training is made
up: a setting has a true height, every seed shifts it, and a measurement shows it with a learning curve.
"""

import argparse
import math
import os
import platform
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from optuna.storages.journal import BaseJournalBackend
from scipy.stats import binomtest

from tests.tuning.fakes import FakeWork, study
from vlstudy.journal import book
from vlstudy.journal.entries import SETTINGS
from vlstudy.journal.folder import write_header
from vlstudy.journal.ledger import Ledger
from vlstudy.measurement import Measurement, Point
from vlstudy.study.space import Dimension, Uniform
from vlstudy.study.spec import Arm, PrunerSpec, SearchSpec, StudySpec
from vlstudy.tuning.search import Search
from vlstudy.tuning.standing import best_trials
from vlstudy.tuning.turns import Handout

MEASUREMENTS, SETTINGS_ASKED, REPLICATES = 9, 24, 5
OPTIMUM = 0.4
TOLERANCE = 0.25  # of the spread of true heights: a winner that is this close to the best is no false one


class _Memory(BaseJournalBackend):
    """A journal that is not on a disk: a thousand searches write a million lines."""

    def __init__(self, path: str) -> None:
        self._logs: list[dict[str, Any]] = []

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self._logs.extend(logs)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        yield from self._logs[log_number_from:]

    @contextmanager
    def batch(self) -> Iterator[None]:
        yield


@dataclass(frozen=True)
class Outcome:
    """One search: steps trained, settings tried, true height of its winner, and of the best setting that it tried."""

    steps: int
    tried: int
    winner: float
    best: float

    @property
    def false(self) -> bool:
        """Whether the winner is clearly not the best of those tried."""
        return self.best - self.winner > TOLERANCE * spread()

    @property
    def far(self) -> bool:
        """Whether the winner is clearly not the optimum, which is the same bar however many settings were tried."""
        return height(OPTIMUM) - self.winner > TOLERANCE * spread()


def height(x: float) -> float:
    """The true value of a setting."""
    return 0.75 - 0.12 * abs(x - OPTIMUM)


@cache
def spread() -> float:
    """The standard deviation of `height` over uniformly drawn settings."""
    grid = [height((index + 0.5) / 1000) for index in range(1000)]
    return math.sqrt(fmean((value - fmean(grid)) ** 2 for value in grid))


def search(replicates: int, noise: float, seed: int, *, steps: int | None = None) -> Outcome:
    """One whole search.

    Args:
        replicates: seeds of a setting at most.
        noise: standard deviation over seeds, in units of the spread of true heights.
        seed: of the search.
        steps: measurements after which nothing new is begun; None ends it with its settings.
    """
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(book, "BatchedFile", _Memory)
        patch.setattr(book, "cut_torn_tail", lambda path: 0)
        spec = _spec(Path(place), replicates, seed, 1000 if steps else SETTINGS_ASKED)
        header = FakeWork().header(spec, {})
        write_header(Path(place), replace(header, replicates=replicates), spec.text)
        ledger = Ledger(Path(place), header)
        asked, spent = Search(spec, ledger, lambda line: None), 0
        while (steps is None or spent < steps) and (handout := asked.next()):
            spent += _train(asked, handout, noise, seed)
        (best,) = best_trials(ledger, "a", 1)
        tried = {height(trial.user_attrs[SETTINGS]["train.lr"]) for trial in ledger.trials("a")}
        return Outcome(spent, len(tried), height(best.user_attrs[SETTINGS]["train.lr"]), max(tried))


def _train(asked: Search, handout: Handout, noise: float, seed: int) -> int:
    """Steps until the trial is over."""
    x = handout.settings["train.lr"]
    draw = random.Random(f"{seed} {x!r} {handout.seed}")
    final = height(x) + noise * spread() * draw.gauss(0, 1)
    for step in range(1, MEASUREMENTS + 1):
        progress = step / MEASUREMENTS
        value = final * (1 - 0.5 * math.exp(-5 * progress)) / (1 - 0.5 * math.exp(-5))
        point = Point(axis={}, metrics={"val/accuracy": value})
        if asked.heard("a", handout.number, Measurement(step=step, progress=progress, points=(point,), choice=0)):
            return step
    raise AssertionError("the last measurement ends a trial")


def _spec(place: Path, replicates: int, seed: int, trials: int) -> StudySpec:
    arm = Arm(name="a", family="a", method="fma", space=(Dimension(name="train.lr", distribution=Uniform(0.0, 1.0)),))
    asked = SearchSpec(sampler="random", trials=trials, seed=seed, replicates=replicates)
    return study(place, arms=(arm,), search=asked, pruner=PrunerSpec(name="asha", reduction=3, grace=0.33))


@dataclass(frozen=True)
class Row:
    """What one way of searching came to over all repetitions."""

    name: str
    outcomes: tuple[Outcome, ...]

    def line(self) -> str:
        """The row of the table."""
        behind = fmean(outcome.best - outcome.winner for outcome in self.outcomes) / spread()
        optimum = fmean(height(OPTIMUM) - outcome.winner for outcome in self.outcomes) / spread()
        cells = [
            self.name,
            f"{fmean(outcome.steps for outcome in self.outcomes):.0f}",
            f"{fmean(outcome.tried for outcome in self.outcomes):.0f}",
            _share([outcome.false for outcome in self.outcomes]),
            f"{behind:.2f}",
            _share([outcome.far for outcome in self.outcomes]),
            f"{optimum:.2f}",
        ]
        return f"| {' | '.join(cells)} |"


def _share(marks: Sequence[bool]) -> str:
    low, high = wilson(sum(marks), len(marks))
    return f"{fmean(marks):.1%} ({low:.1%} to {high:.1%})"


@dataclass(frozen=True)
class Pairs:
    """The two searches compared repetition by repetition.

    Attributes:
        spared: repetitions in which only the single seeds crowned a false winner.
        spoiled: those in which only the race did.
        p: of McNemar's exact test, one-sided: how likely so many would be spared if both were equally good.
        gain: by how much the race's winner is truly higher, in units of the spread of true heights.
        reach: half of the 95 % interval of `gain`.
    """

    spared: int
    spoiled: int
    p: float
    gain: float
    reach: float

    def line(self) -> str:
        """The comparison in words."""
        return (
            f"A false winner of the single seeds only in {self.spared} repetitions, of the race only in {self.spoiled} "
            f"(McNemar, one-sided: p = {self.p:.2g}). The race's winner is truly higher by {self.gain:.2f} "
            f"({self.gain - self.reach:.2f} to {self.gain + self.reach:.2f})."
        )


def paired(raced: Row, single: Row) -> Pairs:
    """What the repetitions say, each of which is one draw of settings and seeds for both."""
    both = list(zip(raced.outcomes, single.outcomes, strict=True))
    spared = sum(other.false and not one.false for one, other in both)
    spoiled = sum(one.false and not other.false for one, other in both)
    p = float(binomtest(spared, spared + spoiled, alternative="greater").pvalue) if spared + spoiled else 1.0
    gains = [(one.winner - other.winner) / spread() for one, other in both]
    return Pairs(spared, spoiled, p, fmean(gains), 1.96 * stdev(gains) / math.sqrt(len(gains)))


def wilson(count: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share after Wilson."""
    z, share = 1.96, count / total
    centre, reach = share + z**2 / (2 * total), z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return (centre - reach) / (1 + z**2 / total), (centre + reach) / (1 + z**2 / total)


def compare(noise: float, repetitions: int) -> tuple[Row, Row]:
    """Racing, and single seeds that may train as many steps in each repetition: they try more settings for them."""
    raced = tuple(search(REPLICATES, noise, seed) for seed in range(repetitions))
    single = tuple(search(1, noise, seed, steps=one.steps) for seed, one in enumerate(raced))
    return Row(f"replicates {REPLICATES}, race interval", raced), Row("one seed, asha", single)


def table(repetitions: int) -> str:
    """The report, in Markdown."""
    began, parts = time.monotonic(), []
    for noise in (0.5, 1.0, 2.0):
        rows = compare(noise, repetitions)
        parts.append(f"\nNoise of a seed {noise:g} times the spread of true heights:\n")
        parts.append("| search | steps | settings | false winners | behind best tried | far from optimum | behind it |")
        parts.append("|---|---|---|---|---|---|---|")
        parts.extend(row.line() for row in rows)
        parts.append(f"\n{paired(*rows).line()}")
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {time.monotonic() - began:.0f} s"
    head = (
        f"# False winners\n\n{repetitions} repetitions of a synthetic search with asha, {SETTINGS_ASKED} settings with "
        f"up to {REPLICATES} seeds against single seeds with the same number of steps. A winner is false if a setting "
        f"that was tried is truly better by more than {TOLERANCE:g} of the spread of true heights. Single seeds try "
        "more settings for their steps, so the best that they tried is higher; far from the optimum is the same "
        "distance from the best of the whole space, one bar for both. Distances are means in units of the spread, "
        "intervals are 95 % (Wilson for shares).\nMade by `python -m tests.benchmarks.false_winners` "
        f"({machine}).\n"
    )
    return "\n".join([head, *parts, ""])


def main() -> None:
    """Prints the table, and writes it if asked."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--repetitions", type=int, default=200)
    words.add_argument("--out", type=Path)
    given = words.parse_args()
    text = table(given.repetitions)
    print(text)
    if given.out:
        given.out.write_text(text)


if __name__ == "__main__":
    main()
