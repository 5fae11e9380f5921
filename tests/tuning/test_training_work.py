"""The real training behind the engine: what Ray's workers measure is what `fit` measures here, bit for bit."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tuning.fakes import study
from vlstudy import training
from vlstudy.data import SOURCES
from vlstudy.journal import read
from vlstudy.measurement import Measurement
from vlstudy.study.settings import resolve
from vlstudy.study.space import Axis, Dimension, LogUniform, describe
from vlstudy.study.spec import Arm, StudySpec
from vlstudy.tuning.launch import launch
from vlstudy.tuning.work import State, Training


class Noting(Training):
    """The real work, which notes beside the data what its workers import and how many threads they use."""

    def train(
        self, spec: StudySpec, arm: Arm, settings: Mapping[str, Any], *, seed: int, fresh: bool, state: State | None
    ) -> Iterator[tuple[Measurement, State]]:
        for item in super().train(spec, arm, settings, seed=seed, fresh=fresh, state=state):
            about = {
                "open_clip": "open_clip" in sys.modules,
                "threads": torch.get_num_threads(),
                "cuda": torch.cuda.is_available(),
            }
            with open(Path(spec.data.path).with_suffix(".notes"), "a") as file:
                file.write(json.dumps(about) + "\n")
            yield item


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small(folder: Path) -> StudySpec:
    """Three arms on a file of random features."""
    rng, names = np.random.default_rng(0), np.array(["cat", "dog", "eel"])
    labels, texts = np.arange(90) % 3, rng.standard_normal((3, 8))
    images = texts[labels] + rng.standard_normal((90, 8))
    np.savez(folder / "features.npz", x=images.astype(np.float32), y=labels, classnames=names, text=texts)
    lr = Dimension(name="train.lr", distribution=LogUniform(1e-4, 1e-2))
    steps = Dimension(name="method.solver_steps", distribution=Axis((0, 2)))
    arms = (
        Arm(name="zero_shot", method="zero_shot"),
        Arm(name="adapter", method="clip_adapter", fixed={"train.epochs": 4}, space=(lr,)),
        Arm(name="flow", method="fma", fixed={"method.blocks": 1, "train.epochs": 4}, space=(lr, steps)),
    )
    data = SOURCES["feature_file"](path=str(folder / "features.npz"), shots=8)  # type: ignore[call-arg]
    return replace(study(folder, arms=arms, trials=2), data=data)


@pytest.mark.ray
@pytest.mark.usefixtures("ray_here", "one_thread")
def test_workers_measure_what_fit_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path / "cache"))
    spec = small(tmp_path)
    record = read(launch(spec, reports=tmp_path, work=Noting()))
    assert [trial.verdict for trial in record.trials] == ["complete"] * 5
    pool = spec.data.load("any", None)
    arms = {arm.name: arm for arm in spec.arms}
    for trial in record.trials:
        resolved = resolve(arms[trial.arm], trial.settings)
        parts = (resolved.method, resolved.schedule, pool.dev(0), resolved.train)
        here = [measurement for measurement, _ in training.fit(*parts, seed=0, objective="val/accuracy")]
        assert [replace(m, seconds=0.0) for m in here] == [replace(m, seconds=0.0) for m in trial.measurements]
    assert {(confirmed.arm, confirmed.seed) for confirmed in record.confirms} == {(a, s) for a in arms for s in (1, 2)}
    best = {c.arm: next(t for t in record.trials if (t.arm, t.number) == (c.arm, c.trial)) for c in record.confirms}
    for confirmed in record.confirms:
        final = best[confirmed.arm].measurements[-1]
        assert confirmed.axis == final.points[final.choice].axis
        assert final.metrics["val/accuracy"] == max(
            t.measurements[-1].metrics["val/accuracy"] for t in record.trials if t.arm == confirmed.arm
        )
    notes = [json.loads(line) for line in (tmp_path / "features.notes").read_text().splitlines()]
    assert len(notes) > 5 + 6
    assert all(note == {"open_clip": False, "threads": 1, "cuda": False} for note in notes)


@pytest.mark.usefixtures("one_thread")
def test_the_header_says_what_a_report_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path / "cache"))
    spec, work = small(tmp_path), Training()
    header = work.header(spec, work.prepare(spec))
    assert (header.direction, header.unit, header.confirm_seeds) == ("maximize", "fraction", (1, 2))
    flow = header.arms[2]
    assert flow.space == {"train.lr": describe(LogUniform(1e-4, 1e-2))}
    assert flow.axes == {"method.solver_steps": (0, 2)} and flow.trials == 2 and not flow.baseline
    assert set(flow.meanings) == {"train.lr", "train.epochs", "method.blocks", "method.solver_steps"}
    assert header.arms[0].baseline and header.arms[0].trials == 1
    assert header.data["source"] == "feature_file" and header.data["shots"] == 8
    told = header.provenance
    assert told["search seed"] == "0" and told["confirm seeds"] == "1, 2"
    assert torch.__version__.startswith(told["torch"])
    assert all(told[name] for name in ("host", "processor", "python", "ray", "optuna", "git", "started"))
    assert set(work.prepare(spec)) <= set(told)
