"""Synthetic records of studies on image-caption pairs: what a journal would have said, without a training."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.report.records import arm_header, trial
from tests.report.tasks import family, leave, on_test, study
from vlstudy.journal import ArmHeader, ConfirmRecord, StudyRecord, TrialRecord
from vlstudy.measurement import Measurement, Point

SEEDS = tuple(range(1, 11))
IMAGES = (100, 400)
GAIN = {"fixed": 0.0, "variance_sim": 0.012, "entropy_out": -0.008, "spread_sim": 0.001}  # over fixed, in mean recall
TARGETS = (0.0, 0.05, 0.2, 0.5)
NOISES = (0.1, 0.2, 0.3, 0.5)
ANCHOR, RAMP = 0.2, 0.6  # where the phases end
DATA = {"source": "miniature", "task": "captions", "images": 100}
RECALLS = {f"{way}_recall@{k}": (k, way) for way in ("image_to_text", "text_to_image") for k in (1, 5, 10)}


def schedules(
    names: Sequence[str] = tuple(GAIN), images: Sequence[int] = IMAGES, seeds: Sequence[int] = SEEDS
) -> StudyRecord:
    """Four schedules of two terms at two sizes; the seeds' luck is shared, so that pairs tell more than means."""
    conditions = [{"images": count} for count in images]
    arms = [arm for name in names for arm in scheduled(name, conditions)]
    confirms = [
        on_test(arm.name, seed, recalls(_level(arm, seed)) | noisy(_level(arm, seed), arm.family))
        for arm in arms
        for seed in seeds
    ]
    trials = [_traced(arm, number) for arm in arms for number in range(3)]
    made = study(arms, confirms, data=DATA, objective="val/mean_recall", confirm_seeds=tuple(seeds))
    return replace(made, trials=tuple(trials))


def scheduled(name: str, conditions: Sequence[Mapping[str, Any]] = ({},), **changes: Any) -> list[ArmHeader]:
    """The arms of one schedule on plain contrastive fine-tuning."""
    made = family(name, conditions, method="contrastive", schedule=name, **changes)
    return [replace(arm, baseline=name == "fixed") for arm in made]


def recalls(level: float) -> dict[str, float]:
    """The six recalls, their mean being `level`, and the median ranks."""
    found = {
        name: level + {1: -0.2, 5: 0.05, 10: 0.15}[k] + (0.02 if way == "image_to_text" else -0.02)
        for name, (k, way) in RECALLS.items()
    }
    return found | {"mean_recall": level, "image_to_text_median_rank": 3.0, "text_to_image_median_rank": 4.0}


def noisy(level: float, name: str) -> dict[str, float]:
    """Mean recall under noise at evaluation; the better schedules lose a little less."""
    slope = {"caption": 0.9 - 8 * GAIN.get(name, 0), "pixel": 0.5 - 5 * GAIN.get(name, 0)}
    return {f"mean_recall@{kind}={p}": level * (1 - slope[kind] * p) for kind in slope for p in NOISES}


def _level(arm: ArmHeader, seed: int) -> float:
    base = 0.30 + 0.1 * math.log(arm.condition.get("images", 100) / 100, 4)
    shared = random.Random(f"{arm.condition} {seed}").gauss(0, 0.012)
    return base + shared + GAIN[arm.family] + random.Random(f"{arm.name} {seed}").gauss(0, 0.004)


def _traced(arm: ArmHeader, number: int) -> TrialRecord:
    """A trial whose weights move and whose averages follow; the second one is best."""
    luck = random.Random(f"{arm.name} {number}")
    lean = {"fixed": 0.0, "variance_sim": 0.07, "entropy_out": -0.05, "spread_sim": 0.01}[arm.family]
    measurements = []
    for place in range(1, 11):
        done = place / 10
        weight = 0.5 + lean * (1 - math.exp(-4 * done)) + luck.gauss(0, 0.004)
        level = 0.2 + 0.03 * done
        signals = {"weight_image_to_text": weight} if lean else {}  # fixed weights say nothing of themselves
        if lean:
            averages = {"average_image_to_text": level * 2 * weight, "average_text_to_image": level * 2 * (1 - weight)}
            signals |= averages | {name.replace("average", "signal"): value for name, value in averages.items()}
        value = 0.3 + 0.05 * done + (0.02 if number == 1 else 0)
        measurements.append(_measured(done, {"mean_recall": value}, signals))
    return replace(trial(arm.name, number, {}), measurements=tuple(measurements))


def _measured(done: float, metrics: Mapping[str, float], signals: Mapping[str, float]) -> Measurement:
    named = {f"val/{name}": value for name, value in metrics.items()}
    return Measurement(
        step=round(400 * done),
        progress=done,
        points=(Point(axis={}, metrics=named),),
        choice=0,
        terms={"image_to_text": 2 - done, "text_to_image": 2.1 - done},
        signals=signals,
        seconds=4 * done,
    )


def curricula(
    folder: Path | None = None, targets: Sequence[float] = TARGETS, seeds: Sequence[int] = SEEDS
) -> StudyRecord:
    """CMA at four alphas beside zero-shot and plain fine-tuning: the gaps fall, accuracy pays, clusters join."""
    arms = [*family("zero_shot", schedule="fixed"), *scheduled("fixed"), *map(aligned, targets)]
    confirms = list[ConfirmRecord]()
    for arm in arms:
        alpha = float(arm.fixed.get("schedule.alpha_target", 0.0))
        for seed in seeds:
            confirms.append(on_test(arm.name, seed, gapped(arm, alpha, seed)))
        if folder is not None:
            leave(folder, arm.name, evidence(alpha, trained=arm.method != "zero_shot"))
    trials = [_curved(arm, number) for arm in arms if arm.method != "zero_shot" for number in range(2)]
    changes = {"data": DATA, "objective": "val/mean_recall", "confirm_seeds": tuple(seeds)}
    return replace(study(arms, confirms, str(folder or "f"), **changes), trials=tuple(trials))


def aligned(target: float) -> ArmHeader:
    """The arm of CMA that ends at this alpha, called after it."""
    fixed = {"schedule.alpha_target": target, "schedule.anchor": ANCHOR, "schedule.ramp": RAMP - ANCHOR}
    arm = arm_header(f"cma_{100 * target:g}", baseline=False, method="cma", schedule="three_phase", fixed=fixed)
    return replace(arm, source="TPC-CMA, arXiv 2604.00279", choices=("CMA: the terms are our choice.",))


def gapped(arm: ArmHeader, alpha: float, seed: int) -> dict[str, float]:
    """Everything that is measured of an arm on test, on one seed."""
    luck = random.Random(f"{arm.name} {seed}")
    trained, left = arm.method != "zero_shot", math.exp(-3 * alpha)
    level = 0.40 + (0.06 if trained else 0) - 0.05 * alpha**2 + luck.gauss(0, 0.006) * trained
    raw = (0.62 if trained else 0.8) * left + luck.gauss(0, 0.01) * trained
    gaps = {"raw_gap": raw + 0.3, "raw_gap_mean": raw + 0.2, "matched_cosine": 0.6 - 0.3 * raw, "centroid_gap": raw}
    gaps |= {"centroid_gap_unbiased": raw - 0.01, "distribution_gap": 0.5 * raw + 0.25 + luck.gauss(0, 0.006)}
    gaps |= {"distribution_gap_bures": 0.4 * raw, "distribution_gap_sliced": 0.2 * raw}
    gaps |= {"distribution_gap_normalized": 0.6 * raw, "effective_dimension": 12 - 4 * alpha, "effective_rank": 18.0}
    gaps |= {"image_effective_dimension": 11.0, "text_effective_dimension": 10.0, "knn_mixing": 0.9 * (1 - left) + 0.05}
    quality = {"modality_probe": 0.5 + 0.5 * left, "joint_ari": 0.55 - 0.5 * raw + luck.gauss(0, 0.01)}
    quality |= {"joint_nmi": 0.6 - 0.4 * raw, "cider": 0.7 - 0.4 * raw + luck.gauss(0, 0.02), "cider_memory": 0.75}
    return recalls(level) | noisy(level, arm.name) | gaps | quality | {"accuracy": 0.72 - 0.1 * alpha**2}


def _curved(arm: ArmHeader, number: int) -> TrialRecord:
    """Alpha rises from the end of the anchor on, held back where the gradients disagree; the gaps follow it."""
    target = float(arm.fixed.get("schedule.alpha_target", 0.0))
    measurements, ramp = [], 0.0
    for place in range(1, 21):
        done, kappa = place / 20, 1.0
        if ANCHOR <= done < RAMP:
            kappa = 1 - (0.3 + 0.6 * target) * math.sin(math.pi * (done - ANCHOR) / (RAMP - ANCHOR))
            ramp += (1 - ramp) * kappa * 0.05 / (RAMP - done)
        jump = 0.0 if done < RAMP else 0.08 if target in (TARGETS[0], TARGETS[-1]) else 0.02
        ramp = 1.0 if done >= RAMP else min(ramp, 0.95)
        alpha = target * ramp
        metrics = {"mean_recall": 0.4 + 0.06 * done - 0.05 * alpha**2 + 0.01 * number}
        gap = 0.8 * math.exp(-3 * alpha) - 0.1 * done
        metrics |= {"centroid_gap": gap, "distribution_gap": 0.5 * gap + 0.25}
        curriculum = {"alpha": alpha, "ramp": ramp, "kappa": kappa, "cosine": kappa - 1, "ratio": 1.1, "jump": jump}
        curriculum |= {"anchor_end": ANCHOR, "ramp_end": RAMP}
        measurements.append(_measured(done, metrics, curriculum if arm.method == "cma" else {}))
    return replace(trial(arm.name, number, {}), measurements=tuple(measurements))


def trained_noisy(seeds: Sequence[int] = SEEDS[:5], kinds: Sequence[str] = ("caption", "pair")) -> StudyRecord:
    """Two schedules trained on noise of some kinds and levels, tested clean and noisy."""
    conditions = [{"noise": kind, "noise_level": p} for kind in kinds for p in (0.0, 0.1, 0.3, 0.5)]
    arms = [arm for name in ("fixed", "variance_sim") for arm in scheduled(name, conditions)]
    confirms = []
    for arm in arms:
        suffered = (0.9 if arm.condition["noise"] == "pair" else 0.4) * arm.condition["noise_level"]
        for seed in seeds:
            level = _level(replace(arm, condition={}), seed) * (1 - suffered * (1 - 10 * GAIN[arm.family]))
            confirms.append(on_test(arm.name, seed, recalls(level) | noisy(level, arm.family)))
    data = DATA | {"noise": kinds[0], "noise_level": 0.0}
    return study(arms, confirms, data=data, objective="val/mean_recall", confirm_seeds=tuple(seeds))


def evidence(alpha: float, *, trained: bool = True, points: int = 60) -> dict[str, np.ndarray]:
    """What an arm leaves beside its numbers: a joint map of pairs before and after, and six captions."""
    rng = np.random.default_rng(0)
    centres = np.stack([np.cos(np.arange(4) * np.pi / 2), np.sin(np.arange(4) * np.pi / 2)], axis=1) * 12
    of = np.arange(points) % 4
    content = centres[of] + rng.normal(0, 2, (points, 2))
    side = np.array([18.0, 0.0])
    maps = [
        np.stack([content + sign * left * side + rng.normal(0, 1, (points, 2)) for sign in (1, -1)])
        for left in (1.0, math.exp(-3 * alpha) if trained else 1.0)
    ]
    pictures = np.stack([np.full((48, 48, 3), 30 + 35 * number, dtype=np.uint8) for number in range(6)])
    pictures[:, 12:36, 12:36, 0] = 230
    written = [
        [f"a red square on grey number {number} {how}" for number in range(6)] for how in ("plain", "remembered")
    ]
    return {
        "tsne": np.stack(maps).astype(np.float32),
        "tsne_classes": np.array([("red", "green", "blue", "yellow")[place] for place in of]),
        "tsne_metrics": np.array([[0.05, 0.2], [0.05 + 0.9 * (1 - math.exp(-3 * alpha)), 0.3]], dtype=np.float64),
        "caption_pictures": pictures,
        "caption_references": np.array([f"a red square\nsquare number {number} on grey" for number in range(6)]),
        "caption_written": np.array(written),
        "caption_cider": np.array([[0.2 * number for number in range(6)], [0.25 * number for number in range(6)]]),
    }
