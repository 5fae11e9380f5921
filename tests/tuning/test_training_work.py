"""The real training behind the engine: what Ray's workers measure is what `fit` measures here, bit for bit."""

import json
import sys
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tuning.fakes import study
from vlstudy import stacking, training
from vlstudy.data import SOURCES
from vlstudy.data.feature_file import FeatureFile
from vlstudy.data.pool import Pool
from vlstudy.journal import read
from vlstudy.measurement import Measurement
from vlstudy.study.settings import resolve
from vlstudy.study.space import Axis, Dimension, LogUniform, describe
from vlstudy.study.spec import Arm, StudySpec
from vlstudy.tuning.errand import Errand
from vlstudy.tuning.launch import launch
from vlstudy.tuning.work import State, Training, _loaded


class Noting(Training):
    """The real work, which notes beside the data what its workers import and how many threads they use."""

    def train(
        self, spec: StudySpec, arm: Arm, settings: Mapping[str, Any], **how: Any
    ) -> Generator[tuple[Measurement, State]]:
        for item in super().train(spec, arm, settings, **how):
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


def conditions(folder: Path) -> StudySpec:
    """An adapter and a flow on top of it, with 2 and with 8 images a class."""
    spec = small(folder)
    _, adapter, flow = spec.arms
    return replace(
        spec,
        arms=tuple(
            replace(
                arm,
                name=f"{arm.name} [shots={shots}]",
                family=arm.name,
                condition={"shots": shots},
                data=replace(spec.data, shots=shots),
                on="adapter" if arm is flow else "",
            )
            for shots in (2, 8)
            for arm in (adapter, flow)
        ),
    )


@pytest.mark.usefixtures("one_thread")
def test_the_arm_below_is_trained_once_and_its_features_are_what_the_upper_one_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path / "cache"))
    spec, work = conditions(tmp_path), Training()
    fitted: list[type] = []
    fit = stacking.fit
    monkeypatch.setattr(
        stacking, "fit", lambda method, *rest, **how: fitted.append(method) or fit(method, *rest, **how)
    )
    adapter, flow = spec.arms[2:]
    settings = {"train.lr": 1e-3, "on.trial": 1, "on.train.lr": 5e-3}
    errand = Errand(spec=spec, folder=tmp_path, work=work)
    (tmp_path / "trials").mkdir()

    def trained(name: str, settings: Mapping[str, Any], seed: int, fresh: bool) -> list[Measurement]:
        found = errand.train(flow.name, settings, name=name, seed=seed, fresh=fresh)
        return [replace(measurement, seconds=0.0) for measurement, _ in found]

    first = trained("0", settings, 0, False)
    assert trained("1", settings, 0, False) == first and len(fitted) == 1
    assert trained("2", {**settings, "on.train.lr": 1e-4}, 0, False) != first and len(fitted) == 2
    assert trained("3", settings, 1, True) != first and len(fitted) == 3
    *_, (_, state) = errand.train(flow.name, settings, name="3", seed=1, fresh=True)
    above, evidence = errand.test(flow.name, settings, state, seed=1)
    assert len(fitted) == 3 and "reliability" in evidence
    own = {"train.lr": 5e-3}
    *_, (_, lower) = errand.train(adapter.name, own, name="4", seed=1, fresh=True)
    alone, _ = errand.test(adapter.name, own, lower, seed=1)
    assert above.points[0].axis == {"solver_steps": 0}  # no step of the flow: the adapter as it is
    assert above.points[0].metrics["test/accuracy"] == alone.metrics["test/accuracy"]
    expected = pytest.approx(alone.metrics["test/cross_entropy"], rel=1e-4)
    assert above.points[0].metrics["test/cross_entropy"] == expected
    assert above.points[1].metrics != above.points[0].metrics


@pytest.mark.usefixtures("one_thread")
def test_facts_and_headers_tell_the_conditions_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path / "cache"))
    spec, work = conditions(tmp_path), Training()
    assert work.prepare(spec) == work.prepare(small(tmp_path))  # facts that all share are told once
    load = FeatureFile.load

    def counted(self: FeatureFile, model: str, pretrained: str | None) -> Pool:
        pool = load(self, model, pretrained)
        return replace(pool, facts={**pool.facts, "drawn": f"{self.shots} a class"})

    monkeypatch.setattr(FeatureFile, "load", counted)
    _loaded.cache_clear()
    facts = work.prepare(spec)
    _loaded.cache_clear()
    assert {name: value for name, value in facts.items() if name.startswith("drawn")} == {
        "drawn [shots=2]": "2 a class",
        "drawn [shots=8]": "8 a class",
    }
    arms = work.header(spec, facts).arms
    assert [(arm.family, arm.condition, arm.on) for arm in arms] == [
        (family, {"shots": shots}, on) for shots in (2, 8) for family, on in (("adapter", ""), ("flow", "adapter"))
    ]
    assert [arm.data["shots"] for arm in arms] == [2, 2, 8, 8] and arms[0].data["source"] == "feature_file"
