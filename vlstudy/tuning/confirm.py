"""The best settings of each arm on fresh seeds and the test split, once."""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray

from vlstudy.journal import ConfirmRecord
from vlstudy.journal.arrays import Arrays, write_evidence
from vlstudy.journal.entries import SETTINGS
from vlstudy.journal.folder import checkpoint_of
from vlstudy.journal.ledger import Ledger
from vlstudy.measurement import Measurement, Point
from vlstudy.study.spec import ResourceSpec
from vlstudy.tuning.cluster import lack
from vlstudy.tuning.errand import Errand, enter, leave, reason_of
from vlstudy.tuning.header import confirm_seeds
from vlstudy.tuning.memory import ran_out, roomier
from vlstudy.tuning.search import MOST_LOSSES
from vlstudy.tuning.standing import best_trials, chosen_axis

_POLL = 0.2  # seconds between two looks at the keyboard


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """One setting to be trained and tested on one fresh seed."""

    arm: str
    rank: int
    trial: int
    seed: int
    settings: Mapping[str, Any]
    axis: Mapping[str, float]


def outstanding(ledger: Ledger) -> list[Repetition]:
    """What is still to be measured: seed by seed, so that the arms stay comparable wherever it stops."""
    header = ledger.header
    chosen = {arm.name: best_trials(ledger, arm.name, header.confirm_top) for arm in header.arms}
    return [
        Repetition(
            arm=arm,
            rank=rank,
            trial=trial.number,
            seed=seed,
            settings=trial.user_attrs[SETTINGS],
            axis=chosen_axis(ledger, arm, trial),
        )
        for seed in header.confirm_seeds
        for arm, trials in chosen.items()
        for rank, trial in enumerate(trials)
        if (trial.number, seed) not in ledger.confirmed(arm)
    ]


def confirm(
    errand: Errand, ledger: Ledger, *, slots: int, beat: Callable[[int], None], tell: Callable[[str], None]
) -> None:
    """Returns when every repetition is in the journal, as measured or as failed.

    Args:
        errand: what the workers do.
        ledger: where it is written.
        slots: repetitions at a time.
        beat: called often with the number of busy slots; what it raises ends the confirmation where it is.
        tell: gets one line for each repetition that failed.
    """
    for arm in ledger.header.arms:
        ledger.choose(arm.name, [trial.number for trial in best_trials(ledger, arm.name, ledger.header.confirm_top)])
    began, waiting, at_work = time.monotonic(), deque(outstanding(ledger)), dict[Any, Repetition]()
    work = _Workers(errand, tell)
    try:
        while waiting or at_work:
            while waiting and len(at_work) < slots:
                repetition = waiting.popleft()
                at_work[work.begin(repetition)] = repetition
            ready, _ = ray.wait(list(at_work), num_returns=1, timeout=_POLL)
            for reference in ready:
                repetition = at_work.pop(reference)
                answer = work.answer(reference, repetition)
                room = (
                    roomier(work.errand.spec.resources, slots) if isinstance(answer, str) and ran_out(answer) else None
                )
                if room or work.again(reference, repetition):
                    waiting.appendleft(repetition)
                else:
                    _write(errand, ledger, repetition, answer, tell)
                if room:
                    slots = work.share(*room)
            work.look(at_work)
            beat(len(at_work))
    finally:
        ledger.clock("confirm", time.monotonic() - began)


class _Workers:
    """Repetitions on Ray: how they begin, what they answer, and which of them hang."""

    def __init__(self, errand: Errand, tell: Callable[[str], None]) -> None:
        self.errand, self._tell, self._shared = errand, tell, ray.put(errand)
        self._limit = 60 * errand.spec.failures.stall_minutes
        self._began: dict[Any, float] = {}
        self._hung: dict[Any, int] = {}

    def begin(self, repetition: Repetition) -> Any:
        """The reference of a repetition that a worker takes up."""
        resources = self.errand.spec.resources
        remote = ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus, max_retries=3)(_repeat)
        reference = remote.remote(self._shared, repetition)
        self._began[reference] = time.time()
        _sign(self.errand, repetition).unlink(missing_ok=True)
        return reference

    def answer(self, reference: Any, repetition: Repetition) -> Any:
        """What a worker measured, or why it did not."""
        try:
            return ray.get(reference)
        except ray.exceptions.TaskCancelledError:
            return f"it gave no sign of life for {self._limit / 60:g} minutes (failures.stall_minutes)"
        except ray.exceptions.RayError as error:
            return f"its worker died: {str(error).strip().splitlines()[0]}"

    def again(self, reference: Any, repetition: Repetition) -> bool:
        """Whether a repetition that hung is tried once more; it goes on from its checkpoint."""
        hung = self._began.pop(reference) < 0
        key = repetition.arm, repetition.trial, repetition.seed
        self._hung[key] = self._hung.get(key, 0) + hung
        return hung and self._hung[key] <= MOST_LOSSES

    def share(self, resources: ResourceSpec, slots: int) -> int:
        """From now on fewer beside each other; how many."""
        self.errand = replace(self.errand, spec=replace(self.errand.spec, resources=resources))
        self._shared = ray.put(self.errand)
        self._tell(f"a confirmation ran out of memory: from now on {slots} at once")
        return slots

    def look(self, at_work: Mapping[Any, Repetition]) -> None:
        """Ends the workers of repetitions whose checkpoint has not been written for too long since they took it up."""
        for reference, repetition in at_work.items():
            began, sign = self._began[reference], _sign(self.errand, repetition)
            taken = sign.exists()
            path = checkpoint_of(self.errand.folder, repetition.arm, _name(repetition))
            signs = [began, *(each.stat().st_mtime for each in (sign, path) if taken and each.exists())]
            if began < 0 or time.time() - max(signs) <= self._limit:
                continue
            if taken:
                self._tell(f"{repetition.arm} on seed {repetition.seed} gave no sign of life: its worker is replaced")
                self._began[reference] = -1.0
                ray.cancel(reference, force=True)
            else:
                self._tell(f"{repetition.arm} on seed {repetition.seed} waits for {lack(self.errand.spec.resources)}")
                self._began[reference] = time.time()


def _write(errand: Errand, ledger: Ledger, repetition: Repetition, answer: Any, tell: Callable[[str], None]) -> None:
    """The answer of a worker, into the journal."""
    arm, seed = repetition.arm, repetition.seed
    if not isinstance(answer, str):
        measurement, evidence, seconds = answer
        record = _record(repetition, measurement, seconds)
        value = record.metrics.get(errand.spec.tested, math.nan)
        if math.isfinite(value):
            if repetition.rank == 0 and seed == ledger.header.confirm_seeds[0]:
                write_evidence(errand.folder, arm, evidence)  # first: a record without it would never get it
            ledger.confirm(record, value)
            checkpoint_of(errand.folder, arm, _name(repetition)).unlink(missing_ok=True)
            return
        measured = errand.spec.tested in record.metrics
        answer = f"{errand.spec.tested} {f'is {value}' if measured else 'was not measured'}"
    ledger.confirm_failed(arm, repetition.trial, seed, answer)
    tell(f"{arm} on seed {seed} could not be confirmed: {answer}. The next launch tries it again.")


def _record(repetition: Repetition, measurement: Measurement, seconds: float) -> ConfirmRecord:
    """The record, at the point of the axes that validation chose in the search."""
    point: Point = next(point for point in measurement.points if dict(point.axis) == dict(repetition.axis))
    return ConfirmRecord(**vars(repetition), metrics=point.metrics, measurement=measurement, seconds=seconds)


def _sign(errand: Errand, repetition: Repetition) -> Path:
    """A file that the worker makes when it takes the repetition up: until then it waits for room."""
    return checkpoint_of(errand.folder, repetition.arm, _name(repetition)).with_suffix(".begun")


def _repeat(errand: Errand, repetition: Repetition) -> tuple[Measurement, Arrays, float] | str:
    """On a worker: the measurement on test, what the report draws and the seconds, or why there is none."""
    began = time.monotonic()
    enter(errand.spec)
    arm, settings, seed = repetition.arm, repetition.settings, repetition.seed
    try:
        _sign(errand, repetition).touch()
        training = errand.train(arm, settings, name=_name(repetition), seed=seed, fresh=True)
        ((_, state),) = deque(training, maxlen=1)  # the states before the last are not kept
        drawn = repetition.rank == 0 and seed == confirm_seeds(errand.spec.confirm, errand.spec.search.seed)[0]
        measurement, evidence = errand.test(arm, settings, state, seed=seed, look=drawn)
        return measurement, evidence, time.monotonic() - began
    except Exception as error:
        return reason_of(error)
    finally:
        _sign(errand, repetition).unlink(missing_ok=True)
        leave()


def _name(repetition: Repetition) -> str:
    return f"{repetition.trial}-confirm-{repetition.seed}"
