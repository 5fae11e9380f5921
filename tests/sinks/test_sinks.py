"""What TensorBoard, MLflow and W&B have of a search, read back with their own readers."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.tuning.fakes import FakeWork, searched, study
from tests.tuning.here import train
from vlstudy.errors import VlstudyError
from vlstudy.journal import folder_of, read
from vlstudy.journal.folder import write_header
from vlstudy.journal.ledger import Ledger
from vlstudy.sinks import Sinks, open_sinks
from vlstudy.study.spec import PrunerSpec, SearchSpec, SinkSpec, StudySpec
from vlstudy.tuning.errand import Errand
from vlstudy.tuning.search import Search


def asked(folder: Path) -> StudySpec:
    return study(
        folder,
        arms=(searched("good"), searched("bug")),
        search=SearchSpec(sampler="random", trials=3, seed=0),
        pruner=PrunerSpec(name="asha", reduction=2, grace=0.2),
    )


def told(spec: StudySpec, sinks: SinkSpec, *, interrupted: bool = True) -> tuple[Path, list[str]]:
    """The folder after a search in two sittings, the first of which left a trial in its middle."""
    folder, lines = folder_of(spec, Path(spec.data.log).parent), list[str]()
    header = replace(FakeWork().header(spec, {}), digests=(spec.digest,))
    write_header(folder, header, spec.text)
    for most in (4, 1000) if interrupted else (1000,):
        ledger = Ledger(folder, header)
        shown = open_sinks(sinks, folder, header, lines.append)
        search, errand = Search(spec, ledger, lines.append, shown), Errand(spec=spec, folder=folder, work=FakeWork())
        while handout := search.next():
            if not train(search, errand, handout, measurements=most):
                break
        shown.close()
    return folder, lines


def test_tensorboard_has_every_measurement_once(tmp_path: Path) -> None:
    spec = asked(tmp_path)
    folder, lines = told(spec, SinkSpec(tensorboard=True))
    assert not [line for line in lines if "not told" in line]
    for trial in read(folder).trials:
        run = EventAccumulator(str(folder / "tensorboard" / trial.arm / str(trial.number)))
        run.Reload()
        found = [(event.step, event.value) for event in run.Scalars("val/accuracy")]
        assert found == [(m.step, pytest.approx(m.metrics["val/accuracy"])) for m in trial.measurements]


def test_mlflow_has_a_run_for_each_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri, spec = f"file:{tmp_path}/mlruns", asked(tmp_path)
    folder, lines = told(spec, SinkSpec(mlflow=uri))
    assert not [line for line in lines if "not told" in line]
    client = MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name("fake").experiment_id])
    named = {run.data.tags["mlflow.runName"]: run for run in runs}
    trials = read(folder).trials
    assert set(named) == {"fake", *(f"{trial.arm} {trial.number}" for trial in trials)}
    for trial in trials:
        run = named[f"{trial.arm} {trial.number}"]
        assert run.info.status == {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}[trial.verdict]
        assert run.data.params["train.lr"] == str(trial.settings["train.lr"])
        assert run.data.tags["mlflow.parentRunId"] == named["fake"].info.run_id
        history = client.get_metric_history(run.info.run_id, "val/accuracy")
        found = sorted((metric.step, metric.value) for metric in history)
        assert found == [(m.step, m.metrics["val/accuracy"]) for m in trial.measurements]


def test_wandb_keeps_its_runs_in_the_folder_when_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    spec = replace(asked(tmp_path), arms=(searched("good"),), search=SearchSpec(sampler="random", trials=1))
    folder, lines = told(spec, SinkSpec(wandb="tests"), interrupted=False)
    assert not [line for line in lines if "not told" in line]
    (run,) = (folder / "wandb").glob("offline-run-*")
    (kept,) = run.glob("run-*.wandb")
    for _ in range(100):  # W&B's own process writes it when the run is over
        if b"val/accuracy" in kept.read_bytes():
            break
        time.sleep(0.1)
    assert b"val/accuracy" in kept.read_bytes() and b"train.lr" in kept.read_bytes()


def test_a_sink_that_raises_is_told_once_and_costs_no_trial(tmp_path: Path) -> None:
    class Broken:
        def began(self, *given: object) -> None:
            raise ConnectionError("the server is away\nfor long")

    lines: list[str] = []
    sinks = Sinks({"broken": Broken()}, lines.append)  # type: ignore[dict-item]
    sinks.began("a", 0, {})
    sinks.began("a", 1, {})
    sinks.close()
    assert lines == ["broken is not told any more: ConnectionError: the server is away"]


def test_a_missing_package_is_told_before_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    spec = asked(tmp_path)
    with pytest.raises(VlstudyError, match=r"sinks\.mlflow needs the package mlflow-skinny: pip install mlflow-skinny"):
        open_sinks(SinkSpec(mlflow="file:x"), tmp_path, FakeWork().header(spec, {}), print)
