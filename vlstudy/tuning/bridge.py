"""The search as the parts of Ray Tune share it, and what happens to a trial that leaves its worker."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import ray
from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from vlstudy.errors import JournalError
from vlstudy.journal.folder import checkpoint_of
from vlstudy.measurement import Measurement
from vlstudy.tuning.cluster import lack
from vlstudy.tuning.errand import Errand
from vlstudy.tuning.memory import ran_out
from vlstudy.tuning.search import Search
from vlstudy.tuning.trainable import MESSAGE, config_of
from vlstudy.tuning.watchdog import Watchdog

FINISHED = cast(dict[str, Any], Searcher.FINISHED)  # Tune's own annotation leaves out that it is a string
_NODE_DIED = ("node has died", "node died", "owner's node", "node was terminated")  # Ray's words


class Stuck(BaseException):
    """Tune lost a trial: nothing will ever come of it. No Exception, so that Tune does not make one trial's of it."""


class Bridge:
    """The search as Tune's parts share it; the first exception of ours is kept, for Tune makes text of it.

    Attributes:
        crowded: a trial ran out of memory beside others; the round comes to its end.
        stuck: Tune lost a trial.
        out: Tune's id of every trial that it has -> the trial, ours.
    """

    def __init__(self, errand: Errand, search: Search, shared: bool, tell: Callable[[str], None]) -> None:
        self.errand, self.search, self._shared, self._tell = errand, search, shared, tell
        self.error: Exception | None = None
        self.crowded = self.stuck = False
        self.out: dict[str, tuple[str, int]] = {}
        self.watchdog = Watchdog(60 * errand.spec.failures.stall_minutes)
        self._controller: Any = None

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """A config, FINISHED, or None while lost trials may still come back."""
        with self._keeping():
            handout = None if self.crowded else self.search.next()
            if handout is not None:
                self.out[trial_id] = handout.arm, handout.number
                self.watchdog.sign(trial_id)
                return config_of(handout)
            over = not self.out if self.crowded else self.search.finished
            return FINISHED if over else None

    def heard(self, controller: Any, trial: Trial, result: Mapping[str, Any]) -> bool:
        """True if the trial is over, or goes on in the next round."""
        self._controller = controller
        with self._keeping():
            self.watchdog.sign(trial.trial_id)
            message = json.loads(result[MESSAGE])
            arm, number = self.out[trial.trial_id]
            for note in message["notes"]:
                self._tell(note)
            if message.get("full"):
                raise JournalError(
                    f"{self.errand.folder} is on a full disk ({message['failure']}). Nothing that is finished is "
                    "lost: make room, and `vlstudy launch` goes on."
                )
            if message.get("memory") and self._shared:
                return self._crowd(trial, message["failure"])
            if "failure" in message:
                self.search.failed(arm, number, message["failure"], message.get("trace", ""))
            elif not self.search.heard(arm, number, Measurement.from_json(message["measurement"])):
                if self.crowded:
                    self.search.back(arm, number)
                    self.forget(trial)
                return self.crowded
            checkpoint_of(self.errand.folder, arm, str(number)).unlink(missing_ok=True)
            self.forget(trial)
        return True

    def lost(self, trial: Trial) -> None:
        """A worker is gone."""
        with self._keeping():
            if trial.trial_id not in self.out:
                return
            error = trial.get_pickled_error() or trial.get_error()
            reason = str(error).strip().splitlines()[0] if error else "gone"
            if self._shared and ran_out(error):
                self._crowd(trial, reason)
                return
            arm, number = self.out[trial.trial_id]
            self.forget(trial)
            self.search.lost(arm, number, reason, counts=not nobodys_fault(error))

    def forget(self, trial: Trial) -> None:
        """Tune has the trial no more."""
        self.out.pop(trial.trial_id, None)
        self.watchdog.over(trial.trial_id)

    def look(self, trials: list[Trial]) -> None:
        """Replaces workers that hang, and ends the round if that did not help; a trial without a worker only waits."""
        pending = [trial for trial in trials if trial.status == Trial.PENDING and trial.trial_id in self.out]
        for one in pending:
            if not self._worker(one) and self.watchdog.waits(one.trial_id):
                arm, number = self.out[one.trial_id]
                self._tell(f"{arm} {number} waits for {lack(self.errand.spec.resources)}")
        for trial_id, seconds in self.watchdog.hanging():
            arm, number = self.out[trial_id]
            self._tell(
                f"{arm} {number} gave no sign of life for {seconds / 60:.1f} minutes: its worker is replaced "
                f"(failures.stall_minutes is {self.errand.spec.failures.stall_minutes:g})"
            )
            trial = next((each for each in trials if each.trial_id == trial_id), None)
            if trial is not None:
                self._kill(trial)
        if self.watchdog.stuck():
            raise Stuck

    def abandon(self) -> None:
        """Ends all workers of a round that is stuck; its trials go on from their checkpoints."""
        self._tell("Tune did not give the trial back: all workers are replaced")
        for trial in self._controller.get_trials() if self._controller else ():
            self._kill(trial)
        for trial_id, (arm, number) in list(self.out.items()):
            self.out.pop(trial_id)
            self.search.lost(arm, number, "it hung", counts=trial_id == self.watchdog.stuck())

    def knows(self, controller: Any) -> None:
        """Tune's loop, which has the workers."""
        self._controller = controller

    def _crowd(self, trial: Trial, reason: str) -> bool:
        arm, number = self.out[trial.trial_id]
        self.crowded = True
        self.forget(trial)
        self.search.crowded(arm, number, reason)
        return True

    def _kill(self, trial: Trial) -> None:
        """Ends the worker of one trial without an answer from it."""
        if worker := self._worker(trial):
            ray.kill(worker)

    def _worker(self, trial: Trial) -> Any:
        """The actor of a trial that is not waiting for room; Tune offers no public way to it."""
        tracked = self._controller._trial_to_actor.get(trial) if self._controller else None
        live = self._controller._actor_manager._live_actors_to_ray_actors_resources if tracked else {}
        return live[tracked][0] if tracked in live else None

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.error = self.error or error
            raise


def nobodys_fault(error: object) -> bool:
    """A node that is taken back or dies: its trials go on elsewhere, however often."""
    if getattr(error, "preempted", False) or isinstance(error, ray.exceptions.NodeDiedError):
        return True
    return any(words in str(error) for words in _NODE_DIED)
