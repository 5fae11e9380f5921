"""One trial of the journal trained again, here and without Ray."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from vlstudy.errors import VlstudyError, suggest
from vlstudy.journal import StudyRecord, TrialRecord, read
from vlstudy.measurement import Measurement
from vlstudy.study.spec import StudySpec
from vlstudy.tuning.begun import kept
from vlstudy.tuning.errand import enter
from vlstudy.tuning.standing import base_of
from vlstudy.tuning.work import Training, Work


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where a number of the journal and the one of now differ most.

    Attributes:
        name: of the metric.
        step: of the measurement.
        journal, now: the two numbers, in the metric's unit.
    """

    name: str
    step: int
    journal: float
    now: float

    @property
    def size(self) -> float:
        """The absolute difference."""
        return abs(self.journal - self.now)


def rerun(
    folder: Path, number: int, *, arm: str = "", work: Work | None = None, tell: Callable[[str], None] = print
) -> Difference:
    """The largest difference between a trial's measurements in the journal and those of training it again here.

    Nothing is written. A trial that was pruned is trained as far as it came.

    Args:
        folder: the study's.
        number: of the trial.
        arm: needed if several arms have a trial of that number.
        work: what trains; by default the real thing.
        tell: gets a line for each measurement.

    Raises:
        VlstudyError: there is no such trial, or it measured nothing.
    """
    work, record = work or Training(), read(folder)
    trial = _trial(record, number, arm)
    spec = _here(kept(folder))
    asked = next(each for each in spec.arms if each.name == trial.arm)
    enter(spec)
    work.prepare(spec)
    training = work.train(
        spec,
        asked,
        trial.settings,
        seed=spec.search.seed_of(trial.replicate),
        fresh=False,
        state=None,
        base=base_of(spec, asked, trial.settings),
    )
    worst: Difference | None = None
    for before, (now, _) in zip(trial.measurements, training, strict=False):
        found = _largest(before, now, record.header.objective)
        worst = found if worst is None or found.size > worst.size else worst
        tell(f"step {before.step}: largest difference {found.size:.3g} ({found.name})")
    assert worst is not None  # `_trial` saw to it that something was measured
    return worst


def _trial(record: StudyRecord, number: int, arm: str) -> TrialRecord:
    names = [each.name for each in record.header.arms]
    if arm and arm not in names:
        raise VlstudyError(f"unknown arm `{arm}`. {suggest(arm, names)}")
    found = [trial for trial in record.trials if trial.number == number and arm in ("", trial.arm)]
    if len(found) > 1:
        raise VlstudyError(f"several arms have a trial {number}: {', '.join(t.arm for t in found)}. Add --arm NAME.")
    if not found:
        counts = ", ".join(f"{name} has {sum(t.arm == name for t in record.trials)}" for name in names)
        raise VlstudyError(f"there is no trial {number}{f' of {arm}' if arm else ''}. Numbers begin at 0; {counts}.")
    if not found[0].measurements:
        raise VlstudyError(f"{found[0].arm} {number} measured nothing, so there is nothing to compare with.")
    return found[0]


def _here(spec: StudySpec) -> StudySpec:
    """The spec for this machine, which may lack the GPU that the study was run on."""
    import torch

    if spec.resources.gpus and not torch.cuda.is_available():
        return replace(spec, resources=replace(spec.resources, gpus=0.0, cpus=float(os.cpu_count() or 1)))
    return spec


def _largest(before: Measurement, now: Measurement, objective: str) -> Difference:
    """Over all metrics at the point that the journal chose; the objective first among equals."""
    point = before.points[before.choice]
    again: Mapping[str, float] = next(each.metrics for each in now.points if dict(each.axis) == dict(point.axis))
    names = sorted(point.metrics, key=lambda name: name != objective)
    pairs = [Difference(name=n, step=before.step, journal=point.metrics[n], now=again[n]) for n in names if n in again]
    return max(pairs, key=lambda pair: pair.size)
