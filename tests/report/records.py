"""Synthetic records of studies: what a journal would have said, without a training."""

import math
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from vlstudy.journal import ArmHeader, ConfirmRecord, Header, StudyRecord, TrialRecord, Verdict
from vlstudy.measurement import Measurement, Point

BEGAN = 1_700_000_000.0
STEPS = tuple(range(11))
LR, RATIO, NOISE, BLOCKS = "train.lr", "method.ratio", "method.noise", "method.blocks"
TEXT = """study: fma
question: Does a multi-step flow beat one-step adaptation of CLIP features at the same budget?
data: {source: miniature, task: few_shot, shots: 16}
objective: val/accuracy
arms:
  - {name: zero_shot, method: zero_shot}
  - name: fma
    method: fma
    space:
      train.lr: {log_uniform: [1e-4, 3e-3]}
      method.solver_steps: {axis: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}
confirm: {top: 1, seeds: 5}
"""


def arm_header(name: str, *, baseline: bool = True, trials: int = 24, **changes: Any) -> ArmHeader:
    """An arm with a plain space."""
    return replace(
        ArmHeader(
            name=name,
            method=name,
            schedule="fixed",
            baseline=baseline,
            fixed={},
            space={LR: "log-uniform 1e-4 .. 1e-2"},
            meanings={LR: "learning rate at the start"},
            axes={},
            choices=(),
            source="CLIP, arXiv 2103.00020",
            trials=trials,
        ),
        **changes,
    )


def header(*arms: ArmHeader, **changes: Any) -> Header:
    """The header of a study that asks about FMA."""
    return replace(
        Header(
            study="fma",
            question="Does a multi-step flow beat one-step adaptation of CLIP features at the same budget?",
            digest="1a2b3c4d" * 8,
            objective="val/accuracy",
            direction="maximize",
            unit="fraction",
            arms=arms,
            search={"sampler": "tpe", "trials": 24, "seed": 0},
            pruner={"name": "asha", "reduction": 3, "grace": 0.2},
            confirm_seeds=(1, 2, 3, 4, 5),
            confirm_top=1,
            data={"source": "miniature", "task": "few_shot", "shots": 16},
            backbone={"model": "miniature", "pretrained": None},
            provenance={
                "started": "2026-11-23 04:00:00 UTC",
                "study file": "studies/fma.yaml",
                "git": "0123456789abcdef0123456789abcdef01234567, with uncommitted changes",
                "search seed": "0",
                "confirm seeds": "1, 2, 3, 4, 5",
                "host": "bench-3",
                "processor": "a processor with two cores, 2 cores, 8 GiB of memory",
                "python": "3.11.7",
                "torch": "2.15.0",
                "data digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "weights digest": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
                "search seconds": "402",
                "confirm seconds": "61",
            },
        ),
        **changes,
    )


def measurement(value: float, *, progress: float = 1.0, axis: str | None = None, split: str = "val") -> Measurement:
    """Accuracy `value` at the best point; along an axis it peaks at step 5 on validation, at 6 on test."""
    name = f"{split}/accuracy"
    if axis is None:
        points: tuple[Point, ...] = (Point(axis={}, metrics={name: value}),)
    else:
        peak = 6 if split == "test" else 5
        loss = {step: 0.16 * math.exp(-step / 2) if step <= peak else 0.016 * (step - peak) for step in STEPS}
        points = tuple(Point(axis={axis: float(step)}, metrics={name: value - loss[step]}) for step in STEPS)
    choice = max(range(len(points)), key=lambda place: points[place].metrics[name])
    return Measurement(
        step=round(400 * progress), progress=progress, points=points, choice=choice, seconds=4 * progress + 0.1
    )


def trial(
    arm: str,
    number: int,
    values: Mapping[float, float],
    *,
    verdict: Verdict = "complete",
    settings: Mapping[str, Any] | None = None,
    reason: str = "",
    axis: str | None = None,
) -> TrialRecord:
    """A trial that measured `values` (progress -> accuracy); trials begin 5 s after each other."""
    return TrialRecord(
        arm=arm,
        number=number,
        verdict=verdict,
        reason=reason,
        settings=settings or {},
        measurements=tuple(measurement(value, progress=done, axis=axis) for done, value in values.items()),
        started=BEGAN + 5 * number,
        finished=None if verdict == "running" else BEGAN + 5 * number + 9,
    )


def confirm(
    arm: str, seed: int, value: float, *, axis: Mapping[str, float] | None = None, **changes: Any
) -> ConfirmRecord:
    """Accuracy on test of the arm's best setting; with an axis, at the point that validation chose."""
    axis = axis or {}
    measured = measurement(value, axis=next(iter(axis), None), split="test")
    metrics = next(point.metrics for point in measured.points if dict(point.axis) == dict(axis))
    made = ConfirmRecord(
        arm=arm, rank=0, trial=0, seed=seed, settings={}, axis=axis, metrics=metrics, measurement=measured, seconds=4.5
    )
    return replace(made, **changes)


def small(values: Mapping[str, list[float]], subjects: tuple[str, ...] = ("fma",), **changes: Any) -> StudyRecord:
    """A study that has nothing but values on test: arm -> accuracy on seed 1, 2, 3, ..."""
    arms = [arm_header(name, baseline=name not in subjects) for name in values]
    confirms = tuple(confirm(arm, seed, value) for arm, found in values.items() for seed, value in enumerate(found, 1))
    return StudyRecord(folder="reports/fma", text=TEXT, header=header(*arms, **changes), confirms=confirms)


def full(trials: int = 24, phase: Literal["searching", "confirmed"] = "confirmed") -> StudyRecord:
    """Four arms with complete, pruned, failed and (while searching) running trials, and five seeds on test."""
    arms = (
        arm_header("zero_shot", space={}, meanings={}, trials=1),
        arm_header("linear_probe", trials=trials),
        arm_header(
            "clip_adapter",
            space={LR: "log-uniform 1e-4 .. 1e-2", RATIO: "uniform 0.1 .. 0.9"},
            meanings={LR: "learning rate at the start", RATIO: "weight of the adapted feature"},
            choices=("CLIP-Adapter: the ratio is searched; the paper sets it by data set.",),
            source="CLIP-Adapter, arXiv 2110.04544",
            trials=trials,
        ),
        arm_header(
            "fma",
            baseline=False,
            fixed={BLOCKS: 4},
            space={LR: "log-uniform 1e-4 .. 3e-3", NOISE: "uniform 0 .. 1"},
            meanings={LR: "learning rate at the start", NOISE: "noise on the path", BLOCKS: "residual blocks"},
            axes={"method.solver_steps": STEPS},
            choices=("FMA: solver steps are chosen on validation; the released code takes the best on test.",),
            source="FMA, arXiv 2510.14543",
            trials=trials,
        ),
    )
    made = tuple(item for arm in arms for item in _trials(arm, random.Random(arm.name), phase))
    done = phase == "confirmed"
    confirms = tuple(item for arm in arms for item in _confirms(arm, made, random.Random(arm.name))) if done else ()
    return StudyRecord(folder="reports/fma-1a2b3c4d", text=TEXT, header=header(*arms), trials=made, confirms=confirms)


HEIGHT = {"zero_shot": 0.612, "linear_probe": 0.741, "clip_adapter": 0.728, "fma": 0.782}


def _axis(arm: ArmHeader) -> str | None:
    return "solver_steps" if arm.axes else None


def _trials(arm: ArmHeader, chance: random.Random, phase: str) -> list[TrialRecord]:
    if not arm.space:
        return [trial(arm.name, 0, {1.0: HEIGHT[arm.name]})]
    made = [_trial(arm, number, chance) for number in range(arm.trials)]
    if phase == "searching":
        made[-1] = replace(made[-1], verdict="running", reason="", finished=None)
    return made


def _trial(arm: ArmHeader, number: int, chance: random.Random) -> TrialRecord:
    settings = {LR: 10 ** chance.uniform(-4, -2)}
    settings |= {name: chance.random() for name in (RATIO, NOISE) if name in arm.space}
    miss = 0.05 * (math.log10(settings[LR]) + 3) ** 2 + 0.02 * chance.random()
    height = HEIGHT[arm.name] + 0.015 - miss
    curve = {done / 10: height - 0.25 * math.exp(-done / 2.5) + chance.gauss(0, 0.004) for done in range(1, 11)}
    if number % 11 == 5:
        reason = "the loss is not finite at step 160; the last finite loss was 3.2. Lower train.lr or the noise."
        kept = {done: value for done, value in curve.items() if done < 0.35}
        return trial(arm.name, number, kept, verdict="failed", settings=settings, reason=reason, axis=_axis(arm))
    if number > 3 and miss > 0.025:
        end = 0.6 if number % 2 else 0.2
        kept = {done: value for done, value in curve.items() if done <= end}
        reason = f"worse than two thirds of the trials at {end:.0%}"
        return trial(arm.name, number, kept, verdict="pruned", settings=settings, reason=reason, axis=_axis(arm))
    return trial(arm.name, number, curve, settings=settings, axis=_axis(arm))


def _confirms(arm: ArmHeader, trials: tuple[TrialRecord, ...], chance: random.Random) -> list[ConfirmRecord]:
    mine = [item for item in trials if item.arm == arm.name and item.verdict == "complete"]
    best = max(mine, key=lambda item: item.measurements[-1].metrics["val/accuracy"])
    spread = 0.0 if arm.name == "zero_shot" else 0.008
    return [
        confirm(
            arm.name,
            seed,
            HEIGHT[arm.name] + chance.gauss(0, spread) + (0.004 if arm.axes else 0),
            axis={"solver_steps": 5.0} if arm.axes else None,
            trial=best.number,
            settings=best.settings,
        )
        for seed in (1, 2, 3, 4, 5)
    ]
