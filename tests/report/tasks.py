"""Synthetic records of the tasks: shots, base and new classes, domains, stages, and what confirmations leave."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.report.records import LR, NOISE, TEXT, arm_header, confirm, header, trial
from vlstudy.journal import ArmHeader, ConfirmRecord, StudyRecord, TrialRecord, evidence
from vlstudy.journal.folder import checkpoint_of
from vlstudy.measurement import Measurement, Point

SEEDS = (1, 2, 3, 4, 5)
SHOTS = (1, 2, 4, 8, 16)
DOMAINS = ("plain", "sketch", "noise")
SUBJECTS = ("fma", "alignclip", "fma_on_coop", "tip_adapter_f")
LEVEL = {"zero_shot": 0.52, "coop": 0.55, "tip_adapter": 0.56, "finetune": 0.57, "alignclip": 0.585, "fma": 0.6}


def family(name: str, conditions: Sequence[Mapping[str, Any]] = ({},), **changes: Any) -> list[ArmHeader]:
    """The arms of one family, one a condition."""
    return [
        arm_header(
            f"{name} [{', '.join(f'{knob}={value}' for knob, value in one.items())}]" if one else name,
            baseline=name not in SUBJECTS,
            method=changes.get("method", name),
            family=name,
            condition=dict(one),
            data=dict(one),
            **{knob: value for knob, value in changes.items() if knob != "method"},
        )
        for one in conditions
    ]


def on_test(arm: str, seed: int, metrics: Mapping[str, float], **changes: Any) -> ConfirmRecord:
    """A confirmation that measured these metrics (without their split) at one point."""
    named = {f"test/{name}": value for name, value in metrics.items()}
    measured = Measurement(step=9, progress=1.0, points=(Point(axis={}, metrics=named),), choice=0)
    made = ConfirmRecord(
        arm=arm, rank=0, trial=0, seed=seed, settings={}, axis={}, metrics=named, measurement=measured, seconds=1.0
    )
    return replace(made, **changes)


def study(
    arms: Sequence[ArmHeader], confirms: Sequence[ConfirmRecord], folder: str = "f", **changes: Any
) -> StudyRecord:
    """A study that has been confirmed; nothing is known of its search."""
    return StudyRecord(folder=folder, text=TEXT, header=header(*arms, **changes), confirms=tuple(confirms))


def by_shots(names: Sequence[str] = tuple(LEVEL), shots: Sequence[int] = SHOTS) -> StudyRecord:
    """Arms that gain with the shots, the last one most; zero-shot does not."""
    arms = [arm for name in names for arm in family(name, [{"shots": count} for count in shots])]
    confirms = []
    for arm in arms:
        count = arm.condition["shots"] or 64
        gain = 0.0 if arm.family == "zero_shot" else 0.06 * np.log2(count) * (0.5 + LEVEL.get(arm.family, 0.55) - 0.52)
        for seed in SEEDS:
            luck = 0.0 if arm.family == "zero_shot" else random.Random(f"{arm.name} {seed}").gauss(0, 0.012)
            value = LEVEL.get(arm.family, 0.55) + gain + luck + (0.02 - 0.03 / count if arm.family == "fma" else 0)
            confirms.append(on_test(arm.name, seed, {"accuracy": value, "expected_calibration_error": 0.05}))
    return study(arms, confirms, data={"source": "miniature", "task": "few_shot", "shots": shots[0]})


def base_to_new(names: Sequence[str] = tuple(LEVEL)) -> StudyRecord:
    """Arms that pay for base classes with new ones."""
    arms = [arm for name in names for arm in family(name)]
    confirms = []
    for place, arm in enumerate(arms):
        for seed in SEEDS:
            luck = random.Random(f"{arm.name} {seed}")
            base, new = 0.6 + 0.03 * place + luck.gauss(0, 0.01), 0.62 - 0.015 * place + luck.gauss(0, 0.01)
            mean = 2 * base * new / (base + new)
            found = {"base_accuracy": base, "new_accuracy": new, "harmonic_mean": mean, "accuracy": (base + new) / 2}
            confirms.append(on_test(arm.name, seed, found | {"accuracy@base": base, "accuracy@new": new}))
    data = {"source": "miniature", "task": "base_to_new", "shots": 16}
    return study(arms, confirms, data=data, tested="test/harmonic_mean")


def left_out(names: Sequence[str] = tuple(LEVEL), domains: Sequence[str] = DOMAINS) -> StudyRecord:
    """Each domain held out in turn."""
    arms = [arm for name in names for arm in family(name, [{"held_out": domain} for domain in domains])]
    confirms = []
    for arm in arms:
        domain = arm.condition["held_out"]
        for seed in SEEDS:
            luck = random.Random(f"{arm.name} {seed}").gauss(0, 0.01)
            value = LEVEL.get(arm.family, 0.55) + 0.05 * (len(domain) - 5) + luck
            found = {"accuracy": value, f"accuracy@{domain}": value, "domain_accuracy": value}
            confirms.append(on_test(arm.name, seed, found))
    return study(arms, confirms, data={"source": "miniature", "task": "domain_shift", "held_out": domains[0]})


def stacked() -> StudyRecord:
    """FMA on CoOp, with CoOp and zero-shot below, at two shots."""
    conditions = [{"shots": 4}, {"shots": 16}]
    arms = [*family("zero_shot", conditions), *family("coop", conditions)]
    arms += family("fma_on_coop", conditions, method="fma", on="coop")
    value = {"zero_shot": 0.6, "coop": 0.7, "fma_on_coop": 0.72}
    confirms = [
        on_test(arm.name, seed, {"accuracy": value[arm.family] + (0.001 * seed if arm.family != "zero_shot" else 0)})
        for arm in arms
        for seed in SEEDS
    ]
    return study(arms, confirms, data={"source": "miniature", "task": "few_shot", "shots": 4})


def looked_at(folder: Path, names: Sequence[str] = ("zero_shot", "finetune", "alignclip")) -> StudyRecord:
    """Towers that look at the object more and more, with pictures, a smoothing matrix and reliability diagrams."""
    arms = [arm for name in names for arm in family(name, fixed={"method.layers": 2} if name == "alignclip" else {})]
    confirms = []
    for place, arm in enumerate(arms):
        for seed in SEEDS:
            luck = random.Random(f"{arm.name} {seed}").gauss(0, 0.01) * bool(place)
            shares = {f"attention_on_object@{layer}": 0.2 + 0.03 * layer * place + luck for layer in (1, 2, 3)}
            found = {"accuracy": 0.6 + 0.02 * place + luck, "expected_calibration_error": 0.04 + luck}
            found |= {**shares, "attention_on_object": sum(shares.values()) / 3}
            confirms.append(on_test(arm.name, seed, found))
        arrays = {"reliability": reliability(place)} | ({} if arm.method == "zero_shot" else pictures(place))
        leave(folder, arm.name, arrays | (smoothing(8) if arm.method == "alignclip" else {}))
    return study(arms, confirms, str(folder), data={"source": "miniature", "task": "few_shot", "shots": 16})


def leave(folder: Path, arm: str, arrays: Mapping[str, Any]) -> None:
    """Puts arrays where the arm's first confirmation leaves them: evidence/<the arm's own name for files>.npz."""
    own = checkpoint_of(folder, arm, "x").name.removesuffix("-x.pt")
    (folder / "evidence").mkdir(parents=True, exist_ok=True)
    np.savez(folder / "evidence" / f"{own}.npz", **arrays)


def reliability(place: int) -> np.ndarray:
    """One point; confidence is too high by `place` twentieths; the lowest bins are empty."""
    centres = (np.arange(15) + 0.5) / 15
    counts = np.where(centres < 0.2, 0.0, np.round(40 * centres**2))
    columns = [centres, np.clip(centres - 0.05 * place, 0, 1), counts]
    return np.stack(columns, axis=1)[None] * (counts > 0)[None, :, None]


def pictures(place: int, side: int = 64, grid: int = 8) -> dict[str, np.ndarray]:
    """Six coloured discs on a slope; attention is flat before and, the higher `place`, on the disc after."""
    ys, xs = np.mgrid[:side, :side]
    images, masks, after = [], [], []
    for number in range(6):
        middle = side * (0.3 + 0.08 * number)
        mask = (xs - middle) ** 2 + (ys - side + middle) ** 2 < (side * 0.2) ** 2
        image = np.stack([xs * 3, ys * 2, np.full_like(xs, 30 * number)], axis=-1) % 256
        images.append(np.where(mask[..., None], [230, 60 + 30 * number, 40], image).astype(np.uint8))
        masks.append(mask)
        covered = mask.reshape(grid, side // grid, grid, side // grid).mean(axis=(1, 3))
        shares = np.stack([1 + place * (1 + layer) * covered for layer in range(3)])
        after.append(shares / shares.sum(axis=(1, 2), keepdims=True))
    return {
        "pictures": np.stack(images),
        "masks": np.stack(masks),
        "picture_classes": np.array([f"disc {number}" for number in range(6)]),
        "attention_before": np.full((6, 3, grid, grid), 1 / grid**2, dtype=np.float32),
        "attention_after": np.stack(after).astype(np.float32),
    }


def smoothing(classes: int) -> dict[str, np.ndarray]:
    """A matrix in which neighbours share."""
    distance = np.abs(np.subtract.outer(np.arange(classes), np.arange(classes)))
    weights = np.exp(-2.0 * distance)
    names = np.array([f"class number {place}" for place in range(classes)])
    return {"smoothing": (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32), "classnames": names}


def crowd(
    folder: Path, conditions: Sequence[Mapping[str, Any]] = tuple({"shots": count} for count in SHOTS)
) -> StudyRecord:
    """Six families of arms in each condition, with trials, an inference axis, and evidence of every kind."""
    record = by_shots(shots=SHOTS)
    arms = [arm for name in LEVEL for arm in family(name, conditions)]
    space = {LR: "log-uniform 1e-4 .. 1e-2", NOISE: "uniform 0 .. 1"}
    arms = [
        arm if arm.method == "zero_shot" else replace(arm, space=space, axes={"method.solver_steps": tuple(range(11))})
        for arm in arms
    ]
    trials, confirms = list[TrialRecord](), list[ConfirmRecord]()
    for place, arm in enumerate(arms):
        axis = "solver_steps" if arm.axes else None
        chance = random.Random(arm.name)
        for number in range(12 if arm.axes else 1):
            settings = {LR: 10 ** chance.uniform(-4, -2), NOISE: chance.random()} if arm.axes else {}
            top = LEVEL.get(arm.family, 0.55) + 0.03 * chance.random() + 0.02 * (place % len(conditions))
            curve = {done / 5: top - 0.1 / done for done in range(1, 6)} if arm.axes else {1.0: top}
            trials.append(trial(arm.name, number, curve, settings=settings, axis=axis))
        for seed in SEEDS:
            value = LEVEL.get(arm.family, 0.55) + 0.02 * (place % len(conditions)) + chance.gauss(0, 0.01)
            made = confirm(arm.name, seed, value, axis={"solver_steps": 5.0} if arm.axes else None)
            found = {f"test/attention_on_object@{layer}": 0.3 + 0.02 * place + 0.01 * layer for layer in (1, 2, 3)}
            found |= {"test/attention_on_object": 0.3, "test/expected_calibration_error": 0.05 + chance.gauss(0, 0.005)}
            confirms.append(replace(made, metrics={**made.metrics, **found}))
        bins = np.repeat(reliability(place % 3), 11 if arm.axes else 1, axis=0)
        leave(folder, arm.name, {"reliability": bins} | pictures(place % 4) | smoothing(60))
    return replace(study(arms, confirms, str(folder), data=record.header.data), trials=tuple(trials))


def renamed(record: StudyRecord, name: str) -> StudyRecord:
    """The study with its last family called `name`, wherever that is told; what it left on disk goes with it."""
    old = record.header.arms[-1].family or record.header.arms[-1].name
    names = {arm.name: arm.name.replace(old, name) for arm in record.header.arms if (arm.family or arm.name) == old}
    arms = [
        replace(arm, name=names[arm.name], family=name if arm.family else "") if arm.name in names else arm
        for arm in record.header.arms
    ]
    for before, after in names.items():
        if arrays := evidence(record, before):
            leave(Path(record.folder), after, {**arrays, "picture_classes": np.array([name] * 6)})
    return replace(
        record,
        header=replace(record.header, arms=tuple(arms)),
        trials=tuple(replace(item, arm=names.get(item.arm, item.arm)) for item in record.trials),
        confirms=tuple(replace(item, arm=names.get(item.arm, item.arm)) for item in record.confirms),
    )
