"""A synthetic training with checkpoints, so that the engine is tested without torch."""

import json
import math
import os
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vlstudy.errors import NonFiniteLoss
from vlstudy.journal import ArmHeader, Header
from vlstudy.journal.arrays import Arrays
from vlstudy.measurement import Measurement, Point
from vlstudy.study.space import Axis, Dimension, LogUniform, Uniform
from vlstudy.study.spec import (
    Arm,
    BackboneSpec,
    BudgetSpec,
    ConfirmSpec,
    PrunerSpec,
    ResourceSpec,
    SearchSpec,
    StudySpec,
)
from vlstudy.tuning.asking import wanted
from vlstudy.tuning.work import Below


@dataclass(frozen=True, kw_only=True)
class FakeData:
    """Where the fake notes what it trains, and how long a measurement takes."""

    log: str
    seconds: float = 0.0
    evaluations: int = 10


@dataclass(frozen=True, kw_only=True)
class FakeState:
    """The measurement and a running sum, which shows whether a resumed training is the same training."""

    measurement: Measurement
    total: float

    def save(self, path: Path) -> None:
        """JSON under a temporary name first."""
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps({"measurement": self.measurement.to_json(), "total": self.total}))
        os.replace(part, path)


class FakeWork:
    """Its objective rises to a height that is best at lr = 1e-3; arms called `nan`, `bug` and `loss` fail at half."""

    def prepare(self, spec: StudySpec) -> Mapping[str, str]:
        """No data."""
        return {"data digest": "0" * 8}

    def header(self, spec: StudySpec, facts: Mapping[str, str]) -> Header:
        """A header that needs no tables."""
        return Header(
            study=spec.study,
            question=spec.question,
            digest=spec.digest,
            objective=spec.objective,
            direction="minimize" if "entropy" in spec.objective else "maximize",
            unit="fraction",
            arms=tuple(_arm_header(arm, spec) for arm in spec.arms),
            search={},
            pruner={},
            confirm_seeds=spec.confirm.seeds if isinstance(spec.confirm.seeds, tuple) else (1, 2),
            confirm_top=spec.confirm.top,
            data={},
            backbone={},
            provenance=dict(facts),
        )

    def train(
        self,
        spec: StudySpec,
        arm: Arm,
        settings: Mapping[str, Any],
        *,
        seed: int,
        fresh: bool,
        state: FakeState | None,
        base: Below,
    ) -> Generator[tuple[Measurement, FakeState]]:
        """Ten measurements, each a function of settings, seed and the running sum."""
        data: FakeData = spec.data_of(arm)
        first = state.measurement.step if state else 0
        total = state.total if state else 0.0
        cuda = os.environ.get("CUDA_VISIBLE_DEVICES")
        who = {"arm": arm.name, "settings": dict(settings), "fresh": fresh, "seed": seed}
        who["base"] = base and [base[0].name, dict(base[1])]
        note(data, {**who, "from": first, "cuda": cuda, "pid": os.getpid(), "time": time.time()})
        for step in range(first + 1, data.evaluations + 1):
            time.sleep(data.seconds)
            progress = step / data.evaluations
            total = (total + math.sin(step * settings.get("train.lr", 1.0) * 1e4 + seed)) / 2
            value = _height(settings) * progress + 0.01 * total
            if progress >= 0.5 and arm.name == "bug":
                raise RuntimeError("a bug in the training")
            if progress >= 0.5 and arm.name == "loss":
                raise NonFiniteLoss(step, 1.25)
            if progress >= 0.5 and arm.name == "nan":
                value = math.nan
            if progress >= 0.5 and arm.name == "dies":
                os._exit(9)
            if progress == 0.5 and arm.name == "hangs" and not first:
                time.sleep(1000)
            if progress == 0.5 and arm.name == "greedy" and busy(data) > 1:
                raise MemoryError("no room beside the other")
            if progress == 0.5 and arm.name == "huge":
                raise MemoryError("no room at all")
            if "entropy" in spec.objective:
                value = 1 - value
            metrics = [{spec.objective: value - 0.1 * index} for index in range(len(_axes(arm)))]
            points = tuple(Point(axis=axis, metrics=here) for axis, here in zip(_axes(arm), metrics, strict=True))
            measurement = Measurement(step=step, progress=progress, points=points, choice=0, seconds=time.monotonic())
            try:
                yield measurement, FakeState(measurement=measurement, total=total)
            except GeneratorExit:
                if arm.name == "sticky":
                    raise RuntimeError("cannot end") from None
                if arm.name == "clings":
                    time.sleep(1000)
                raise

    def test(
        self,
        spec: StudySpec,
        arm: Arm,
        settings: Mapping[str, Any],
        state: FakeState,
        *,
        seed: int,
        base: Below,
        look: bool,
    ) -> tuple[Measurement, Arrays]:
        """The last measurement under another name, with the oracle's choice at the last point, and arrays."""
        name = spec.objective.replace("val/", "test/")
        points = tuple(
            Point(axis=point.axis, metrics={name: point.metrics[spec.objective]}) for point in state.measurement.points
        )
        names = np.array([arm.name, "" if base is None else base[0].name])
        evidence = {"seed": np.array(seed), "names": names}
        return replace(state.measurement, points=points, choice=len(points) - 1), evidence if look else {}

    def load(self, path: Path) -> FakeState:
        """The inverse of `save`."""
        value = json.loads(path.read_text())
        return FakeState(measurement=Measurement.from_json(value["measurement"]), total=value["total"])


def busy(data: FakeData) -> int:
    """Processes that have trained lately and are still there: who else is on this machine."""
    pids = {json.loads(line)["pid"] for line in Path(data.log).read_text().splitlines()}
    return sum(Path(f"/proc/{pid}").exists() and "::Trial" in command_of(pid) for pid in pids)


def command_of(pid: int) -> str:
    """The command line of a process, empty where there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def note(data: FakeData, entry: Mapping[str, Any]) -> None:
    """One line in the log; short appends do not mix."""
    with open(data.log, "a") as file:
        file.write(json.dumps(entry) + "\n")


def notes(spec: StudySpec) -> list[dict[str, Any]]:
    """What was trained, in order of beginning."""
    log = Path(spec.data.log)
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def study(folder: Path, *, arms: tuple[Arm, ...] | None = None, trials: int = 6, **changes: Any) -> StudySpec:
    """A small spec; `seconds` is the time of one of the ten measurements of a trial."""
    data = FakeData(
        log=str(folder / "trained.log"),
        seconds=changes.pop("seconds", 0.0),
        evaluations=changes.pop("evaluations", 10),
    )
    spec = StudySpec(
        study="fake",
        question="Does it work?",
        data=data,
        backbone=BackboneSpec(),
        objective="val/accuracy",
        arms=arms or (searched("a"), searched("b"), Arm(name="zero", method="zero_shot")),
        search=SearchSpec(sampler="random", trials=trials, seed=0),
        pruner=PrunerSpec(name="none"),
        confirm=ConfirmSpec(top=1, seeds=2),
        resources=ResourceSpec(),
        budget=BudgetSpec(),
        text="study: fake\n",
        path="studies/fake.yaml",
        digest="ab" * 32,
    )
    return replace(spec, **changes)


def searched(name: str, **changes: Any) -> Arm:
    """An arm with two knobs and an axis."""
    return Arm(
        **{"name": name, "family": name, "method": "fma", **changes},
        space=(
            Dimension(name="train.lr", distribution=LogUniform(1e-5, 1e-1)),
            Dimension(name="method.noise", distribution=Uniform(0.0, 1.0)),
            Dimension(name="method.solver_steps", distribution=Axis((0, 1, 2))),
        ),
    )


def _height(settings: Mapping[str, Any]) -> float:
    return 0.9 - 0.1 * abs(math.log10(settings.get("train.lr", 1e-3)) + 3)


def _axes(arm: Arm) -> list[dict[str, float]]:
    axes = [d for d in arm.space if isinstance(d.distribution, Axis)]
    return [{axes[0].name: value} for value in axes[0].distribution.values] if axes else [{}]


def _arm_header(arm: Arm, spec: StudySpec) -> ArmHeader:
    return ArmHeader(
        name=arm.name,
        method=arm.method,
        schedule=arm.schedule,
        baseline=False,
        fixed=dict(arm.fixed),
        space={},
        meanings={},
        axes={},
        choices=(),
        source="",
        trials=wanted(arm, spec.search),
        points=len(arm.points),
        family=arm.family,
        condition=dict(arm.condition),
        on=arm.on,
    )
