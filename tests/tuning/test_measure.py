"""What a training takes, measured: in a process of its own, and close to what a launch then spends."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tuning.conftest import ray_here
from tests.tuning.test_training_work import small
from vlstudy.bounds import Bound
from vlstudy.data import store
from vlstudy.errors import DataError
from vlstudy.journal import read
from vlstudy.study.space import Choice, Dimension, Grid, Int, LogInt, LogUniform, Tied, Uniform
from vlstudy.study.spec import Arm, PrunerSpec, ResourceSpec, StudySpec
from vlstudy.tuning import measure as measuring
from vlstudy.tuning import rehearsal
from vlstudy.tuning.cost import cost, in_all, wall
from vlstudy.tuning.launch import launch
from vlstudy.tuning.machine import here, slots
from vlstudy.tuning.measure import measure
from vlstudy.tuning.rehearsal import Rehearsal, rehearse
from vlstudy.tuning.typical import typical

__all__ = ["ray_here"]  # a fixture


@pytest.fixture(autouse=True)
def kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A store of its own, and torch's threads as they were."""
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path / "cache"))
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_the_typical_setting_is_the_middle_and_keeps_conditions_ties_and_points() -> None:
    space = (
        Dimension(name="method.blocks", distribution=Int(1, 4)),
        Dimension(name="method.noise", distribution=Uniform(0, 1), when={"method.path": "bridge"}),
        Dimension(name="method.path", distribution=Choice(("none", "bridge", "interpolant"))),
        Dimension(name="train.batch", distribution=LogInt(8, 128)),
        Dimension(name="train.lr", distribution=LogUniform(1e-4, 1e-2)),
        Dimension(name="train.weight_decay", distribution=Tied("train.lr", 0.1)),
        Dimension(name="train.epochs", distribution=Grid((5, 10, 20))),
    )
    arm = Arm(name="a", method="fma", space=space)
    found = typical(arm)
    assert found.pop("train.weight_decay") == pytest.approx(1e-4)
    middle = {"method.blocks": 3, "method.path": "bridge", "method.noise": 0.5, "train.lr": 1e-3, "train.epochs": 10}
    assert found == {**middle, "train.batch": 32}
    assert "method.noise" not in typical(replace(arm, points=({"method.path": "none"},)))
    forbidding = replace(arm, forbid=({"method.blocks": (3,)}, {"train.lr": Bound(">", 5e-4)}))
    found = typical(forbidding)
    assert found["method.blocks"] != 3 and found["train.lr"] <= 5e-4 and found == typical(forbidding)


def test_a_rehearsal_knows_steps_measurements_and_the_checkpoint(tmp_path: Path) -> None:
    spec = small(tmp_path)
    flow = rehearse(spec, spec.arms[2], {"train.lr": 1e-3})
    assert isinstance(flow, Rehearsal), flow
    assert (flow.steps, flow.measurements) == (4, 4)  # 4 epochs of 24 images in one batch
    assert flow.step > 0 and flow.measurement > 0 and flow.gpu_memory is None
    assert flow.seconds == flow.start + 4 * flow.step + 4 * flow.measurement
    assert flow.checkpoint > 10_000 and flow.memory > 50 * 2**20 and 200 < flow.line < 5000
    shot = rehearse(spec, spec.arms[0], {})
    assert isinstance(shot, Rehearsal) and (shot.steps, shot.step, shot.measurements) == (0, 0.0, 1)
    assert not (tmp_path / "reports").exists()


def test_planted_times_are_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, real = small(tmp_path), rehearsal.fit

    def slow(method: Any, *how: Any, **more: Any) -> Iterator[Any]:
        time.sleep(0.4)
        for item in real(_slowed(method), *how, **more):
            time.sleep(0.15)
            yield item

    monkeypatch.setattr(rehearsal, "fit", slow)
    arm = replace(spec.arms[1], fixed={"train.epochs": 200})
    found = rehearse(spec, arm, {"train.lr": 1e-3})
    assert isinstance(found, Rehearsal), found
    # wide enough for a busy machine, and each time outside the others' bounds
    assert 0.04 <= found.step < 0.12 and 0.13 <= found.measurement < 0.36 and 0.37 <= found.start < 2


def _slowed(method: Any) -> Any:
    """The method with a step that sleeps before it is noted as done."""
    kind = type(method)

    def loss_terms(self: Any, *given: Any) -> Any:
        time.sleep(0.05)
        return kind.loss_terms(self, *given)

    return type(kind.__name__, (kind,), {"loss_terms": loss_terms})(**vars(method))


def test_an_arm_that_does_not_work_is_told_and_the_others_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_boot", lambda: 7.0)  # takes seconds
    spec = small(tmp_path)
    broken = replace(spec.arms[1], name="broken", fixed={"train.epochs": 4, "train.lr": 1e30}, space=())
    told: list[str] = []
    found = measure(replace(spec, arms=(spec.arms[0], broken)), told.append)
    assert isinstance(found.arms["zero_shot"], Rehearsal)
    assert "NonFiniteLoss" in str(found.arms["broken"])
    assert told[0].startswith("data:") and told[1:3] == ["zero_shot: a few steps", "broken: a few steps"]
    files = [path for path in store.folder().glob("*.safetensors")]
    assert found.made == sum(path.stat().st_size for path in files) > 0
    assert (found.lacking, found.to_make, found.boot) == (0, 0, 7.0)
    assert measure(replace(spec, arms=()), told.append).made == 0  # it is there now


def test_missing_data_is_told_as_it_is(tmp_path: Path) -> None:
    spec = small(tmp_path)
    Path(spec.data.path).unlink()
    with pytest.raises(DataError, match=r"no file .*features\.npz"):
        measure(spec, str)


def test_a_process_that_is_killed_is_told() -> None:
    assert "killed" in str(measuring._apart(_dies))


def _dies() -> None:
    os._exit(9)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("ray_here")
def test_a_launch_spends_what_was_foretold_within_a_factor_of_three(tmp_path: Path) -> None:
    spec = _study(tmp_path)
    measured, workers = measure(spec, print), slots(spec.resources, here())
    known = {name: found for name, found in measured.arms.items() if isinstance(found, Rehearsal)}
    costs = [cost(spec, arm, known[arm.name]) for arm in spec.arms]
    once = max(found.once for found in known.values())
    began = time.monotonic()
    record = read(launch(spec, reports=tmp_path))
    clock = wall(costs, workers, boot=measured.boot, once=once).expected
    _near(clock, time.monotonic() - began, "wall clock")
    trained = sum(trial.measurements[-1].seconds for trial in record.trials)
    _near(in_all(one.search for one in costs).expected + workers * once, trained, "seconds of search")
    _near(sum(one.journal for one in costs), (Path(record.folder) / "journal.log").stat().st_size, "bytes of journal")


def _near(foretold: float, spent: float, what: str) -> None:
    print(f"{what}: {foretold:.1f} foretold, {spent:.1f} spent")
    assert spent / 3 < foretold < 3 * spent, what


def _study(folder: Path) -> StudySpec:
    """Two arms with trials of a few seconds, of which some are pruned."""
    spec = small(folder)
    flow = replace(spec.arms[2], fixed={"method.blocks": 2, "train.epochs": 800})
    wide = replace(spec.arms[1], fixed={"train.epochs": 800})
    pruner = PrunerSpec(name="asha", reduction=2, grace=0.3)
    search = replace(spec.search, trials=6)
    return replace(spec, arms=(wide, flow), pruner=pruner, search=search, resources=ResourceSpec(cpus=1))
