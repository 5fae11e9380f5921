"""The search as a conversation with the journal: which trial is next, and what a measurement means for its trial."""

import math
import time
from collections import deque
from collections.abc import Callable

from optuna.trial import FrozenTrial, TrialState

from vlstudy.errors import JournalError
from vlstudy.journal.entries import REASON, measurements_of
from vlstudy.journal.ledger import Ledger
from vlstudy.journal.reading import VERDICTS
from vlstudy.measurement import Measurement
from vlstudy.sinks import Sinks, open_sinks
from vlstudy.study.spec import Arm, SinkSpec, StudySpec
from vlstudy.tuning.pareto import constraint_notes, objectives_of
from vlstudy.tuning.pruning import judge
from vlstudy.tuning.stopping import why_stop
from vlstudy.tuning.turns import Handout, Turn, Turns

MOST_LOSSES = 3  # how often a trial may lose its worker before it fails


class Search:
    """One sitting of a study's search. Every answer follows from the journal, which it writes first.

    Args:
        tell: gets one line for each thing that a user should know.
    """

    def __init__(
        self, spec: StudySpec, ledger: Ledger, tell: Callable[[str], None], sinks: Sinks | None = None
    ) -> None:
        self.spec, self._ledger, self._tell = spec, ledger, tell
        self._sinks = sinks or open_sinks(SinkSpec(), ledger.folder, ledger.header, tell)
        self._turns = Turns(spec, ledger, tell)
        self._earlier = ledger.seconds("search")
        self._began: float | None = None
        self._clocked = 0.0
        self._losses: dict[tuple[str, int], int] = {}
        self._faults: dict[str, list[str]] = {}
        self._out: set[tuple[str, int]] = set()
        self.paused: str | None = None
        self._waiting = deque(
            self._turns.handout(arm.name, trial)
            for arm in spec.arms
            for trial in ledger.trials(arm.name)
            if trial.state == TrialState.RUNNING and not self._settled(arm.name, trial)
        )

    def next(self) -> Handout | None:
        """The next trial to train, interrupted ones first, then of the arm that is least far; None if there is none."""
        if self._began is None:
            self._began = time.monotonic()
        handout = None if self.paused else self._waiting.popleft() if self._waiting else self._new()
        if handout is not None:
            self._out.add((handout.arm, handout.number))
            self._sinks.began(handout.arm, handout.number, handout.settings)
        return handout

    @property
    def finished(self) -> bool:
        """True if nothing is out and nothing will be handed out in this sitting."""
        return not self._out and (self.paused is not None or (not self._waiting and self._due() is None))

    @property
    def ended(self) -> str | None:
        """Why the search asks for nothing new although settings are left; None if it does not stop early."""
        return why_stop(self.spec, self._ledger, seconds=self._spent())

    def heard(self, arm: str, number: int, measurement: Measurement) -> bool:
        """True if the trial is over: complete, pruned, or failed because an objective is not a number."""
        if (arm, number) not in self._out:
            return True
        values = objectives_of(measurement, self.spec)
        if isinstance(values, str) or not all(map(math.isfinite, values)):
            self.failed(arm, number, self._unusable(arm, number, measurement, values))
            return True
        try:
            new = self._ledger.record(arm, number, measurement)
        except JournalError as error:
            self._tell(str(error))
            new = False
        if new:
            self._sinks.measured(arm, number, measurement)
        self._tick()
        if measurement.progress >= 1:
            self._complete(arm, number, measurement)
        elif self._too_long(measurement):
            self.failed(arm, number, self._too_long(measurement))
            return True
        elif not (new and judge(self._ledger, arm, number, self.spec.pruner)):
            return False
        self._out.discard((arm, number))
        self._end(arm, number)
        return True

    def failed(self, arm: str, number: int, reason: str, trace: str = "") -> None:
        """The trial's training raised: it is over. Equal tracebacks in a row pause the study."""
        if (arm, number) not in self._out:
            return
        self._ledger.fail(arm, number, reason, trace)
        self._out.discard((arm, number))
        self._tell(f"{arm} {number} failed: {reason}")
        self._end(arm, number, trace)

    def lost(self, arm: str, number: int, reason: str, *, counts: bool = True) -> None:
        """The trial's worker is gone: it goes on elsewhere, unless that happened too often."""
        if (arm, number) not in self._out:
            return
        losses = self._losses[arm, number] = self._losses.get((arm, number), 0) + counts
        if losses > MOST_LOSSES:
            self.failed(arm, number, f"its worker died {losses} times, at last: {reason}")
            return
        self._waiting.append(self._returned(arm, number))
        self._tell(f"{arm} {number} lost its worker ({reason}); it goes on from its checkpoint")

    def crowded(self, arm: str, number: int, reason: str) -> None:
        """The trial ran out of memory beside others: it is the next to go on, when fewer share the device."""
        if (arm, number) not in self._out:
            return
        self._waiting.appendleft(self._returned(arm, number))
        self._tell(f"{arm} {number} ran out of memory ({reason}); it goes on from its checkpoint")

    def back(self, arm: str, number: int) -> None:
        """The trial is taken from its worker to go on later."""
        self._waiting.append(self._returned(arm, number))

    def stop_clock(self) -> None:
        """Writes how long this sitting has searched."""
        if self._began is not None:
            self._ledger.clock("search", time.monotonic() - self._began)

    def _new(self) -> Handout | None:
        """A trial that nobody has begun; those that the journal can answer are answered on the way."""
        while due := self._due():
            if handout := self._turns.begin(*due):
                return handout
        return None

    def _due(self) -> tuple[Arm, Turn] | None:
        return None if self.ended else self._turns.due()

    def _returned(self, arm: str, number: int) -> Handout:
        """A trial that is out no more and waits for another worker."""
        self._out.discard((arm, number))
        return self._turns.handout(arm, self._ledger.trial(arm, number))

    def _complete(self, arm: str, number: int, measurement: Measurement) -> None:
        values = objectives_of(measurement, self.spec)
        assert not isinstance(values, str)  # it was judged when it was recorded
        self._ledger.complete(arm, number, values, constraints=constraint_notes(self.spec, measurement))

    def _end(self, arm: str, number: int, trace: str = "") -> None:
        """Tells the sinks, and pauses the study if its last trials all failed in the same way."""
        trial = self._ledger.trial(arm, number)
        self._sinks.ended(arm, number, VERDICTS[trial.state], trial.user_attrs.get(REASON, ""))
        faults = self._faults.setdefault(arm, [])
        faults[:] = [*faults, trace] if trace and all(fault == trace for fault in faults) else [trace][: bool(trace)]
        if len(faults) >= self.spec.failures.pause_after:
            self.paused = f"{len(faults)} trials of {arm} in a row failed with the same error:\n{trace}"

    def _too_long(self, measurement: Measurement) -> str:
        """Why a trial's time is over; "" while it is not."""
        minutes = self.spec.budget.trial_minutes
        if minutes is None or measurement.seconds < 60 * minutes:
            return ""
        return f"its {minutes:g} minutes (budget.trial_minutes) are over at {measurement.percent} % of the training"

    def _spent(self) -> float:
        return self._earlier + (0.0 if self._began is None else time.monotonic() - self._began)

    def _tick(self) -> None:
        """At most every few seconds: a crash loses no more of the clock than that."""
        assert self._began is not None
        spent = time.monotonic() - self._began
        if spent - self._clocked > 5:
            self._clocked = spent
            self._ledger.clock("search", spent)

    def _settled(self, arm: str, trial: FrozenTrial) -> bool:
        """True if a trial that the last driver left behind only lacked its verdict, which it has now."""
        measurements = self._ledger.mend(arm, trial.number)
        if self._ledger.trial(arm, trial.number).state != TrialState.RUNNING:
            return True
        if measurements and measurements[-1].progress >= 1:
            self._complete(arm, trial.number, measurements[-1])
            return True
        return judge(self._ledger, arm, trial.number, self.spec.pruner)

    def _unusable(self, arm: str, number: int, measurement: Measurement, values: tuple[float, ...] | str) -> str:
        where = f"at step {measurement.step} ({measurement.percent} % of the training)"
        if isinstance(values, str):
            return f"{values} {where}"
        index = next(index for index, value in enumerate(values) if not math.isfinite(value))
        name = self.spec.objectives[index]
        earlier = measurements_of(self._ledger.trial(arm, number))
        last = f"its last finite value was {earlier[-1].metrics[name]:.6g}" if earlier else "it was never finite"
        return f"{name} is {values[index]} {where}; {last}"
