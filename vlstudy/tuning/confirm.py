"""The best settings of each arm on fresh seeds and the test split, once."""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ray
from optuna.trial import FrozenTrial

from vlstudy.journal import ConfirmRecord
from vlstudy.journal.arrays import Arrays, write_evidence
from vlstudy.journal.folder import checkpoint_of
from vlstudy.journal.ledger import SETTINGS, Ledger, measurements_of
from vlstudy.measurement import Measurement, Point
from vlstudy.tuning.errand import Errand, enter, leave, reason_of
from vlstudy.tuning.header import confirm_seeds
from vlstudy.tuning.standing import best_trials

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
            axis=_chosen(trial),
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
    began, waiting, at_work = time.monotonic(), deque(outstanding(ledger)), dict[Any, Repetition]()
    resources = errand.spec.resources
    remote = ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus, max_retries=3)(_repeat)
    shared = ray.put(errand)
    try:
        while waiting or at_work:
            while waiting and len(at_work) < slots:
                repetition = waiting.popleft()
                at_work[remote.remote(shared, repetition)] = repetition
            ready, _ = ray.wait(list(at_work), num_returns=1, timeout=_POLL)
            for reference in ready:
                _write(errand, ledger, at_work.pop(reference), reference, tell)
            beat(len(at_work))
    finally:
        ledger.clock("confirm", time.monotonic() - began)


def _write(errand: Errand, ledger: Ledger, repetition: Repetition, reference: Any, tell: Callable[[str], None]) -> None:
    """The answer of a worker, into the journal."""
    arm, seed = repetition.arm, repetition.seed
    try:
        answer = ray.get(reference)
    except ray.exceptions.RayError as error:
        answer = f"its worker died: {str(error).strip().splitlines()[0]}"
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


def _repeat(errand: Errand, repetition: Repetition) -> tuple[Measurement, Arrays, float] | str:
    """On a worker: the measurement on test, what the report draws and the seconds, or why there is none."""
    began = time.monotonic()
    enter(errand.spec)
    arm, settings, seed = repetition.arm, repetition.settings, repetition.seed
    try:
        training = errand.train(arm, settings, name=_name(repetition), seed=seed, fresh=True)
        ((_, state),) = deque(training, maxlen=1)  # the states before the last are not kept
        drawn = repetition.rank == 0 and seed == confirm_seeds(errand.spec.confirm, errand.spec.search.seed)[0]
        measurement, evidence = errand.test(arm, settings, state, seed=seed, look=drawn)
        return measurement, evidence, time.monotonic() - began
    except Exception as error:
        return reason_of(error)
    finally:
        leave()


def _chosen(trial: FrozenTrial) -> Mapping[str, float]:
    """The point of the inference axes that was best on validation at the end of the trial."""
    final = measurements_of(trial)[-1]
    return final.points[final.choice].axis


def _name(repetition: Repetition) -> str:
    return f"{repetition.trial}-confirm-{repetition.seed}"
