"""The search as a conversation with the journal: which trial is next, and what a measurement means for its trial."""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from vlstudy.errors import JournalError
from vlstudy.journal.ledger import SETTINGS, Ledger
from vlstudy.measurement import Measurement
from vlstudy.study.spec import Arm, StudySpec
from vlstudy.tuning.asking import suggest, wanted
from vlstudy.tuning.pruning import judge
from vlstudy.tuning.standing import best_trials, carried

MOST_LOSSES = 3  # how often a trial may lose its worker before it fails


@dataclass(frozen=True, kw_only=True)
class Handout:
    """A trial to be trained now: new, or interrupted and to be gone on with."""

    arm: str
    number: int
    settings: Mapping[str, Any]


class Search:
    """One sitting of a study's search. Every answer follows from the journal, which it writes first.

    Args:
        tell: gets one line for each thing that a user should know.
    """

    def __init__(self, spec: StudySpec, ledger: Ledger, tell: Callable[[str], None]) -> None:
        self.spec, self._ledger, self._tell = spec, ledger, tell
        self._arms = {arm.name: arm for arm in spec.arms}
        self.wanted = {arm.name: wanted(arm, spec.search) for arm in spec.arms}
        self._asked = {arm: len(ledger.trials(arm)) for arm in self._arms}
        self._earlier = ledger.seconds("search")
        self._began: float | None = None
        self._clocked = 0.0
        self._bases = {base.name for arm in spec.arms if (base := spec.base_of(arm))}
        self._losses: dict[tuple[str, int], int] = {}
        self._out: set[tuple[str, int]] = set()
        self._waiting = deque(
            Handout(arm=arm, number=trial.number, settings=trial.user_attrs[SETTINGS])
            for arm in self._arms
            for trial in ledger.trials(arm)
            if trial.state == TrialState.RUNNING and not self._settled(arm, trial)
        )

    def next(self) -> Handout | None:
        """The next trial to train, interrupted ones first, then of the arm that is least far; None if there is none."""
        if self._began is None:
            self._began = time.monotonic()
        handout = self._waiting.popleft() if self._waiting else self._new()
        if handout is not None:
            self._out.add((handout.arm, handout.number))
        return handout

    @property
    def finished(self) -> bool:
        """True if nothing is out and nothing will be handed out in this sitting."""
        return not self._out and not self._waiting and self._due() is None

    def heard(self, arm: str, number: int, measurement: Measurement) -> bool:
        """True if the trial is over: complete, pruned, or failed because its objective is not a number."""
        if (arm, number) not in self._out:
            return True
        value = measurement.metrics.get(self.spec.objective)
        if value is None or not math.isfinite(value):
            self.failed(arm, number, self._unusable(arm, number, measurement, value))
            return True
        try:
            new = self._ledger.record(arm, number, measurement)
        except JournalError as error:
            self._tell(str(error))
            new = False
        self._tick()
        if measurement.progress >= 1:
            self._ledger.complete(arm, number, value)
        elif not (new and judge(self._ledger, arm, number, self.spec.pruner)):
            return False
        self._out.discard((arm, number))
        return True

    def failed(self, arm: str, number: int, reason: str) -> None:
        """The trial's training raised: it is over."""
        if (arm, number) not in self._out:
            return
        self._ledger.fail(arm, number, reason)
        self._out.discard((arm, number))
        self._tell(f"{arm} {number} failed: {reason}")

    def lost(self, arm: str, number: int, reason: str, *, counts: bool = True) -> None:
        """The trial's worker is gone: it goes on elsewhere, unless that happened too often."""
        if (arm, number) not in self._out:
            return
        losses = self._losses[arm, number] = self._losses.get((arm, number), 0) + counts
        if losses > MOST_LOSSES:
            self.failed(arm, number, f"its worker died {losses} times, at last: {reason}")
            return
        self._out.discard((arm, number))
        settings = self._ledger.trial(arm, number).user_attrs[SETTINGS]
        self._waiting.append(Handout(arm=arm, number=number, settings=settings))
        self._tell(f"{arm} {number} lost its worker ({reason}); it goes on from its checkpoint")

    def stop_clock(self) -> None:
        """Writes how long this sitting has searched."""
        if self._began is not None:
            self._ledger.clock("search", time.monotonic() - self._began)

    def _new(self) -> Handout | None:
        arm = self._due()
        if arm is None:
            return None
        suggestion = suggest(self._ledger, arm, self.spec.search, self._asked[arm.name])
        settings = {**suggestion.settings, **self._lower(arm)}
        number = self._ledger.begin(arm.name, settings, suggestion.params, suggestion.distributions)
        self._asked[arm.name] = number + 1
        return Handout(arm=arm.name, number=number, settings=settings)

    def _due(self) -> Arm | None:
        """The arm whose share of wanted trials is asked for least, within the budget.

        Arms that others wait for go first, so that a budget leaves the others as much as possible.
        """
        minutes = self.spec.budget.minutes
        if minutes is not None and self._spent() >= 60 * minutes:
            return None
        due = [arm for arm in self.spec.arms if self._asked[arm.name] < self.wanted[arm.name] and self._ready(arm)]
        shares = {arm.name: (arm.name not in self._bases, self._asked[arm.name] / self.wanted[arm.name]) for arm in due}
        return min(due, key=lambda arm: shares[arm.name], default=None)

    def _ready(self, arm: Arm) -> bool:
        """Whether the arm that this one is trained on, if any, is searched to its end and has features to give."""
        base = self.spec.base_of(arm)
        if base is None:
            return True
        if self._asked[base.name] < self.wanted[base.name]:
            return False
        searching = any(trial.state == TrialState.RUNNING for trial in self._ledger.trials(base.name))
        return not searching and bool(best_trials(self._ledger, base.name, 1))

    def _lower(self, arm: Arm) -> dict[str, Any]:
        """What a new trial stores of the trial that it is trained on; its choice follows from the journal."""
        base = self.spec.base_of(arm)
        return {} if base is None else carried(best_trials(self._ledger, base.name, 1)[0])

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
            self._ledger.complete(arm, trial.number, measurements[-1].metrics[self.spec.objective])
            return True
        return judge(self._ledger, arm, trial.number, self.spec.pruner)

    def _unusable(self, arm: str, number: int, measurement: Measurement, value: float | None) -> str:
        where = f"at step {measurement.step} ({measurement.percent} % of the training)"
        if value is None:
            return f"{self.spec.objective} was not measured {where}"
        finite = list(self._ledger.trial(arm, number).intermediate_values.values())
        last = f"its last finite value was {finite[-1]:.6g}" if finite else "it was never finite"
        return f"{self.spec.objective} is {value} {where}; {last}"
