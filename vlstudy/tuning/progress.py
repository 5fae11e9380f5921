"""How far a study is: the table that `launch` keeps up to date and `status` prints."""

import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from vlstudy.journal import ArmHeader, Header, StudyRecord, TrialRecord

_REDRAW, _LINE = 0.5, 2.0  # seconds between two tables, two plain lines


@dataclass(frozen=True, kw_only=True)
class Row:
    """One arm, counted.

    Attributes:
        name: the arm's.
        wanted: trials that the search wants.
        complete, running, pruned, failed: trials by verdict.
        best: the objective of the best complete trial; None if there is none.
        confirmed: measured confirmations.
        confirm: confirmations wanted.
    """

    name: str
    wanted: int
    complete: int
    running: int
    pruned: int
    failed: int
    best: float | None
    confirmed: int
    confirm: int

    @property
    def done(self) -> int:
        """Trials that have a verdict."""
        return self.complete + self.pruned + self.failed


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What the line under the table says.

    Attributes:
        busy, slots: trials at work, and how many there could be.
        elapsed: seconds of this sitting.
        left: estimated seconds to the end of search or confirmation; None while unknown.
    """

    busy: int
    slots: int
    elapsed: float
    left: float | None

    def __str__(self) -> str:
        left = "time left not known yet" if self.left is None else f"about {_clock(self.left)} left"
        return f"slots busy {self.busy}/{self.slots}, {_clock(self.elapsed)} elapsed, {left}"


def table(record: StudyRecord) -> Table:
    """The study as its journal tells it, one row an arm."""
    return draw(rows(record), record.header.objective, record.header.unit)


def rows(record: StudyRecord) -> tuple[Row, ...]:
    """The counts of each arm."""
    header = record.header
    best = max if header.direction == "maximize" else min
    confirm = header.confirm_top * len(header.confirm_seeds)

    def row(name: str, wanted: int) -> Row:
        trials = [trial for trial in record.trials if trial.arm == name]
        count = {verdict: sum(t.verdict == verdict for t in trials) for verdict in ("complete", "running", "pruned")}
        return Row(
            name=name,
            wanted=wanted,
            **count,
            failed=len(trials) - sum(count.values()),
            best=best(_finals(trials, header.objective), default=None),
            confirmed=sum(confirmed.arm == name for confirmed in record.confirms),
            confirm=confirm,
        )

    return attainable(header, [row(arm.name, arm.trials) for arm in header.arms])


def attainable(header: Header, counted: Sequence[Row]) -> tuple[Row, ...]:
    """The rows, where an arm wants no trials if the one that it is trained on ended without a complete one."""
    bases = {(arm.family, str(arm.condition)): row for arm, row in zip(header.arms, counted, strict=True)}

    def idle(arm: ArmHeader) -> bool:
        base = bases.get((arm.on, str(arm.condition)))
        return bool(arm.on) and base is not None and base.done >= base.wanted and not base.complete

    pairs = zip(header.arms, counted, strict=True)
    return tuple(replace(row, wanted=row.done) if idle(arm) else row for arm, row in pairs)


def draw(counted: Sequence[Row], objective: str, unit: str, under: str = "") -> Table:
    """The table of the given rows, with a line under it."""
    drawn = Table(caption=Text(under) if under else None, caption_justify="left")
    drawn.add_column("arm", overflow="fold")
    for title in ("done", "running", "pruned", "failed", f"best {objective}", "confirmed"):
        drawn.add_column(title, justify="right", overflow="fold")
    for row in counted:
        best = "-" if row.best is None else shown(row.best, unit)
        counts = [f"{row.done}/{row.wanted}", str(row.running), str(row.pruned), str(row.failed)]
        cells = [row.name, *counts, best, f"{row.confirmed}/{row.confirm}"]
        drawn.add_row(*map(Text, cells))  # Text: an arm called `[red]` is not markup
    return drawn


def shown(value: float, unit: str) -> str:
    """A metric for people.

    >>> shown(0.8421, "fraction"), shown(1.38629, "nats")
    ('84.21 %', '1.386 nats')
    """
    return f"{100 * value:.2f} %" if unit == "fraction" else f"{value:.4g} {unit}"


class Board:
    """The study's progress on the terminal while it runs: a live table, or plain lines where there is no terminal.

    Args:
        count: gives the rows of now.
        objective: the metric's name.
        unit: the metric's unit.
        console: where to write; by default standard output.
    """

    def __init__(
        self, count: Callable[[], Sequence[Row]], objective: str, unit: str, console: Console | None = None
    ) -> None:
        self._count, self._objective, self._unit = count, objective, unit
        self._console = console or Console(file=sys.stdout, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self._began = self._drawn = time.monotonic()
        self._start = (False, 0, 0.0)  # of the phase: whether it is the confirmation, what was done, when
        self._said: dict[str, str] = {}  # arm -> what was last said of it

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.beat(0, 0, force=True)
        if self._live:
            self._live.stop()

    def beat(self, busy: int, slots: int, *, force: bool = False) -> None:
        """Shows the state of now, unless it was shown a moment ago: the controller's loop calls this all the time."""
        now = time.monotonic()
        if not force and now - self._drawn < (_REDRAW if self._live else _LINE):
            return
        self._drawn = now
        counted = self._count()
        moment = Moment(busy=busy, slots=slots, elapsed=now - self._began, left=self._left(counted, now))
        under = f"{_clock(moment.elapsed)} elapsed" if force else str(moment)
        if self._live:
            self._live.update(draw(counted, self._objective, self._unit, under), refresh=True)
        else:
            self._plain(counted, under)

    def say(self, line: str) -> None:
        """One line that stays, above the table."""
        self._console.print(Text(f"{datetime.now():%H:%M:%S} {line}"), soft_wrap=True)

    def _left(self, counted: Sequence[Row], now: float) -> float | None:
        """Seconds to the end of the phase that the study is in, at the phase's own pace."""
        done, wanted = sum(row.done for row in counted), sum(row.wanted for row in counted)
        confirming = done == wanted
        if confirming:
            testable = [row for row in counted if row.best is not None]
            done, wanted = sum(row.confirmed for row in testable), sum(row.confirm for row in testable)
        if not self._start[2] or self._start[0] != confirming:
            self._start = (confirming, done, now)
        _, before, since = self._start
        return time_left(now - since, done - before, wanted - done)

    def _plain(self, counted: Iterable[Row], under: str) -> None:
        parts = {row.name: self._part(row) for row in counted}
        news = [part for name, part in parts.items() if self._said.get(name) != part]
        if news:  # only of the arms that have any: a study of many conditions has dozens
            self._said = parts
            self.say(f"{'; '.join(news)} ({under})")

    def _part(self, row: Row) -> str:
        best = "" if row.best is None else f", best {shown(row.best, self._unit)}"
        counts = {"pruned": row.pruned, "failed": row.failed, "confirmed": row.confirmed}
        rest = "".join(f", {count} {verdict}" for verdict, count in counts.items() if count)
        return f"{row.name} {row.done}/{row.wanted}{best}{rest}"


def time_left(elapsed: float, done: int, remaining: int) -> float | None:
    """Seconds to the end at the pace so far; None before anything is done.

    >>> time_left(60.0, done=3, remaining=6)
    120.0
    """
    return elapsed / done * remaining if done > 0 else None


def _finals(trials: Iterable[TrialRecord], objective: str) -> list[float]:
    values = [
        trial.measurements[-1].metrics[objective]
        for trial in trials
        if trial.verdict == "complete" and trial.measurements
    ]
    return [value for value in values if math.isfinite(value)]


def _clock(seconds: float) -> str:
    """H:MM:SS, or M:SS below an hour."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
