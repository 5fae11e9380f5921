"""A few steps of one arm's training, timed: what runs in a process of its own."""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from vlstudy.data import load
from vlstudy.measurement import Measurement
from vlstudy.methods import Method
from vlstudy.study.plan import length
from vlstudy.study.settings import resolve
from vlstudy.study.space import Axis
from vlstudy.study.spec import Arm, StudySpec
from vlstudy.training import State, fit
from vlstudy.tuning.errand import enter, reason_of

INTERVAL = 3  # optimiser steps between two measurements of the rehearsal
ENOUGH = 1.0  # seconds of training, after which no further interval is asked for
MOST = 20  # intervals, however short


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What one training of an arm takes, measured.

    Attributes:
        once: seconds that only the first training of a process takes, such as for imports.
        start: seconds from the features to the first step; of a method without steps, of everything but the saving.
        step: seconds of an optimiser step; 0 without steps.
        measurement: seconds of one measurement with its checkpoint.
        steps, measurements: of a whole training with these settings.
        checkpoint: bytes of a checkpoint.
        line: bytes of a measurement as JSON.
        memory: bytes of memory that the process had at its peak, with Python and torch.
        gpu_memory: bytes that torch had allocated on the GPU at its peak; None on a CPU.
    """

    once: float
    start: float
    step: float
    measurement: float
    steps: int
    measurements: int
    checkpoint: int
    line: int
    memory: int
    gpu_memory: int | None

    @property
    def seconds(self) -> float:
        """Of a whole training: start + steps * step + measurements * measurement."""
        return self.start + self.steps * self.step + self.measurements * self.measurement


def rehearse(spec: StudySpec, arm: Arm, settings: Mapping[str, Any]) -> Rehearsal | str:
    """What a training of the arm with these settings takes, or why it does not work; for a process of its own.

    An arm that is trained on another one's features is trained on the backbone's here, which have the same shape.
    """
    try:
        enter(spec)
        return _rehearsed(spec, arm, settings, _device(spec))
    except Exception as error:  # told beside the other arms' costs
        return reason_of(error)


def _rehearsed(spec: StudySpec, arm: Arm, settings: Mapping[str, Any], device: str) -> Rehearsal:
    pool, resolved = load(spec.data_of(arm), spec.backbone.model, spec.backbone.pretrained), resolve(arm, settings)
    planned = _length(spec, arm, settings)
    resolved = replace(resolved, train=replace(resolved.train, evaluations=max(1, planned[0] // INTERVAL)))

    def trained(most: int) -> tuple[list[_Interval], State]:
        ticks = _Ticks(device)
        training = fit(
            _ticking(resolved.method, ticks),
            resolved.schedule,
            pool.dev(spec.search.seed),
            resolved.train,
            seed=spec.search.seed,
            objective=spec.objective,
            device=device,
        )
        return _intervals(training, ticks, most)

    first = timings(trained(1)[0])
    intervals, state = trained(MOST)
    start, step, measurement = timings(intervals)
    size, saving = _saved(state)
    return Rehearsal(
        once=max(0.0, first[0] - start),
        start=start,
        step=step,
        measurement=measurement + saving,
        steps=planned[0],
        measurements=planned[1],
        checkpoint=size,
        line=len(json.dumps(state.measurement.to_json())),
        memory=_peak(),
        gpu_memory=torch.cuda.max_memory_allocated() if device == "cuda" else None,
    )


def _intervals(
    training: Iterator[tuple[Measurement, State]], ticks: "_Ticks", most: int
) -> tuple[list["_Interval"], State]:
    """Intervals until they took long enough to be believed, and the state after them."""
    found: list[_Interval] = []
    began = resumed = ticks.began
    for _, reached in training:
        state = reached
        found.append(_Interval(resumed, tuple(ticks.taken), ticks.now()))
        if len(found) == most or found[-1].ended - began > ENOUGH:
            break
        ticks.taken.clear()
        resumed = ticks.now()
    return found, state


@dataclass(frozen=True)
class _Interval:
    """The moments of some steps and the measurement after them: its beginning, the end of each step, its end."""

    began: float
    steps: tuple[float, ...]
    ended: float


def timings(intervals: list[_Interval]) -> tuple[float, float, float]:
    """Seconds of the start, of a step and of a measurement.

    The first interval warms up: with further ones, a step is the mean over theirs, a measurement the median of theirs,
    and what the first took beyond them is the start. Alone, it is split at the ends of its steps.

    >>> timings([_Interval(0.0, (5.0, 6.0), 8.0), _Interval(8.0, (9.0, 10.0), 12.0)])
    (4.0, 1.0, 2.0)
    >>> timings([_Interval(0.0, (5.0, 6.0), 8.0)]), timings([_Interval(0.0, (), 8.0)])
    ((4.0, 1.0, 2.0), (8.0, 0.0, 0.0))
    """
    first, rest = intervals[0], intervals[1:]
    if not first.steps:
        return first.ended - first.began, 0.0, 0.0
    if rest:
        step = sum(one.steps[-1] - one.began for one in rest) / sum(len(one.steps) for one in rest)
    elif len(first.steps) > 1:
        step = (first.steps[-1] - first.steps[0]) / (len(first.steps) - 1)
    else:
        step = first.steps[0] - first.began
    measurement = median(one.ended - one.steps[-1] for one in rest or [first])
    start = first.ended - first.began - len(first.steps) * step - measurement
    return max(0.0, start), step, measurement


class _Ticks:
    """A clock that waits for the device, and the moments at which steps ended."""

    def __init__(self, device: str) -> None:
        self._cuda = device == "cuda"
        self.began = self.now()
        self.taken: list[float] = []

    def now(self) -> float:
        if self._cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    def tick(self) -> None:
        self.taken.append(self.now())


def _ticking(method: Method, ticks: _Ticks) -> Method:
    """The method with the same knobs, which notes when each of its steps ends."""
    kind: Any = type(method)

    def after_step(self: Any, model: Any, step: int, total: int) -> None:
        kind.after_step(self, model, step, total)
        ticks.tick()

    timed: Any = type(kind.__name__, (kind,), {"after_step": after_step, "__module__": kind.__module__})
    same: Method = timed(**{item.name: getattr(method, item.name) for item in fields(kind)})
    return same


def _length(spec: StudySpec, arm: Arm, settings: Mapping[str, Any]) -> tuple[int, int]:
    """Steps and measurements of a training with these settings."""
    axes = tuple(item for item in arm.space if isinstance(item.distribution, Axis))
    chosen = length(replace(arm, fixed={**arm.fixed, **settings}, space=axes), spec.data_of(arm).training_images())
    return chosen.steps[0], chosen.measurements[0]


def _device(spec: StudySpec) -> str:
    """The GPU, where a trial gets one and there is one; threads and memory are limited to a trial's share."""
    torch.set_num_threads(max(1, int(spec.resources.cpus)))
    if not spec.resources.gpus or not torch.cuda.is_available():
        return "cpu"
    if spec.resources.gpus < 1:
        torch.cuda.set_per_process_memory_fraction(spec.resources.gpus)
    return "cuda"


def _saved(state: State) -> tuple[int, float]:
    """Bytes of the checkpoint, and the seconds that it takes to write."""
    with tempfile.TemporaryDirectory(prefix="vlstudy-") as folder:
        path, began = Path(folder) / "state.pt", time.perf_counter()
        state.save(path)
        return path.stat().st_size, time.perf_counter() - began


def _peak() -> int:
    """Bytes; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
