"""The synthetic study of `restore` as a study of this project."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.restore import MEASUREMENTS, TRIALS, note, value
from tests.tuning.fakes import FakeState, FakeWork, study
from vlstudy.measurement import Measurement, Point
from vlstudy.study.space import Dimension, LogUniform
from vlstudy.study.spec import Arm, ConfirmSpec, PrunerSpec, ResourceSpec, SearchSpec, StudySpec
from vlstudy.tuning.work import Below


def asked(place: Path) -> StudySpec:
    """One arm, one trial at a time, nothing confirmed."""
    space = (Dimension(name="train.lr", distribution=LogUniform(1e-5, 1e-1)),)
    return study(
        place,
        arms=(Arm(name="a", family="a", method="fma", space=space),),
        search=SearchSpec(sampler="tpe", trials=TRIALS, seed=1),
        pruner=PrunerSpec(name="asha", reduction=2, grace=0.2),
        resources=ResourceSpec(cpus=1, concurrent=1),
        confirm=ConfirmSpec(top=1, seeds=()),
    )


@dataclass(frozen=True)
class Logged(FakeWork):
    """Trains the benchmark's objective and notes every step."""

    place: str

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
        """Every measurement after the state."""
        for step in range(state.measurement.step + 1 if state else 1, MEASUREMENTS + 1):
            note(Path(self.place), settings["train.lr"], step)
            point = Point(axis={}, metrics={"val/accuracy": value(settings["train.lr"], step)})
            now = Measurement(step=step, progress=step / MEASUREMENTS, points=(point,), choice=0)
            yield now, FakeState(measurement=now, total=0.0)
