"""A whole launch on a Ray of its own."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.tuning.fakes import FakeWork, notes, searched, study
from vlstudy.errors import ClusterError, JournalError
from vlstudy.journal import evidence, read
from vlstudy.study.spec import Arm, ConfirmSpec, PrunerSpec, ResourceSpec
from vlstudy.tuning import cluster, placing
from vlstudy.tuning.launch import launch

pytestmark = pytest.mark.usefixtures("ray_here")


@pytest.mark.ray
def test_a_study_from_search_to_confirmation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With every verdict there is, a worker that dies, and a device that must stay hidden."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    plain = (Arm(name="dies", method="fma"), Arm(name="zero", method="zero_shot"))
    arms = (*map(searched, ("good", "bug", "nan")), *plain)
    pruner = PrunerSpec(name="asha", reduction=2, grace=0.2)
    spec = study(tmp_path, arms=arms, trials=6, pruner=pruner, seconds=0.01, confirm=ConfirmSpec(top=2, seeds=(7, 9)))
    folder = launch(spec, reports=tmp_path, work=FakeWork())
    record = read(folder)
    verdicts = {trial.arm: {each.verdict for each in record.trials if each.arm == trial.arm} for trial in record.trials}
    assert verdicts["good"] == {"complete", "pruned"}
    assert verdicts["bug"] <= {"failed", "pruned"} and "failed" in verdicts["bug"]
    assert verdicts["zero"] == {"complete"} and verdicts["dies"] == {"failed"}
    (dead,) = (trial for trial in record.trials if trial.arm == "dies")
    assert dead.reason.startswith("its worker died 4 times, at last: ")
    assert [note["from"] for note in notes(spec) if note["arm"] == "dies"] == [0, 4, 4, 4]
    assert {note["cuda"] for note in notes(spec)} == {""}
    seeds = [(confirmed.arm, confirmed.rank, confirmed.seed) for confirmed in record.confirms]
    assert sorted(seeds) == [(arm, r, s) for arm, top in (("good", 2), ("zero", 1)) for r in range(top) for s in (7, 9)]
    assert all(confirmed.axis == confirmed.measurement.points[0].axis for confirmed in record.confirms)
    assert all(confirmed.metrics.keys() == {"test/accuracy"} for confirmed in record.confirms)
    output = capfd.readouterr().out
    assert "dies 0 lost its worker" in output and "bug has no complete trial, so there is nothing to confirm" in output
    assert "Traceback" not in output
    trained = len(notes(spec))
    monkeypatch.setattr(cluster, "_start", lambda address: pytest.fail("a finished study started Ray"))
    assert launch(spec, reports=tmp_path, work=FakeWork()) == folder
    assert len(notes(spec)) == trained
    assert read(folder).trials == record.trials and read(folder).confirms == record.confirms


@pytest.mark.ray
def test_arms_on_others_from_search_to_confirmation(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Under two conditions, more slots than the lower arms fill, and an arm below that never completes."""
    arms = [
        searched(f"{name} [shots={shots}]", family=name, condition={"shots": shots}, on=on)
        for shots in (1, 4)
        for name, on in (("below", ""), ("above", "below"))
    ]
    spec = study(tmp_path, arms=(searched("bug"), searched("idle", on="bug"), *arms), trials=2, seconds=0.01)
    folder = launch(spec, reports=tmp_path, work=FakeWork())
    record = read(folder)
    done = {arm.name: [trial for trial in record.trials if trial.arm == arm.name] for arm in spec.arms}
    assert {name: len(trials) for name, trials in done.items()} == {
        arm.name: 2 * (arm.on != "bug") for arm in spec.arms
    }
    for shots in (1, 4):
        above, below = done[f"above [shots={shots}]"], done[f"below [shots={shots}]"]
        assert min(trial.started for trial in above) >= max(trial.finished for trial in below)
        best = max(below, key=lambda trial: trial.measurements[-1].metrics["val/accuracy"])
        assert {trial.settings["on.trial"] for trial in above} == {best.number}
        bases = {str(n["base"]) for n in notes(spec) if n["fresh"] and n["arm"] == f"above [shots={shots}]"}
        assert bases == {str([f"below [shots={shots}]", dict(best.settings)])}
    assert len(record.confirms) == 8 and len(list((folder / "evidence").iterdir())) == 4
    assert list(evidence(record, "above [shots=4]")["names"]) == ["above [shots=4]", "below [shots=4]"]
    why = "idle has no trials, because bug, on which it is trained, has no complete trial"
    assert capfd.readouterr().out.count(why) == 1
    trained = len(notes(spec))
    assert launch(spec, reports=tmp_path, work=FakeWork()) == folder
    assert len(notes(spec)) == trained and "idle" not in capfd.readouterr().out


@pytest.mark.ray
def test_resources_reach_tune_and_what_fits_nowhere_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}
    run = placing.tune.run
    monkeypatch.setattr(placing.tune, "run", lambda *args, **options: asked.update(options) or run(*args, **options))
    spec = study(tmp_path, arms=(Arm(name="zero", method="zero_shot"),), resources=ResourceSpec(cpus=0.5, concurrent=1))
    launch(spec, reports=tmp_path, work=FakeWork())
    assert asked["resources_per_trial"] == {"cpu": 0.5} and asked["max_concurrent_trials"] == 1
    greedy = replace(spec, study="greedy", text="study: greedy\n", digest="cd" * 32)
    greedy = replace(greedy, resources=ResourceSpec(cpus=1, gpus=64))
    with pytest.raises(ClusterError, match="no node has the 1 CPUs and 64 GPUs that one trial asks for"):
        launch(greedy, reports=tmp_path, work=FakeWork())


def test_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    spec = study(tmp_path)
    with pytest.raises(ClusterError, match=r"Ray cannot be reached at `127\.0\.0\.1:9`: .*refused"):
        launch(spec, reports=tmp_path, address="127.0.0.1:9", work=FakeWork())


@pytest.mark.ray
def test_a_node_that_does_not_see_the_folder_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ClusterError, match=r"does not see \S*/nowhere\. Put --reports on a file system"),
        cluster.connected(ResourceSpec(), None, tmp_path),
        cluster.connected(ResourceSpec(), "auto", tmp_path / "nowhere"),
    ):
        pass


def test_data_that_changed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = study(tmp_path)
    with pytest.raises(ClusterError):
        launch(spec, reports=tmp_path, address="127.0.0.1:9", work=FakeWork())
    monkeypatch.setattr(FakeWork, "prepare", lambda self, spec: {"data digest": "1" * 8})
    with pytest.raises(JournalError, match="was begun with data digest = 00000000, which is now 11111111"):
        launch(spec, reports=tmp_path, work=FakeWork())


def test_another_study_under_the_same_short_digest_is_refused(tmp_path: Path) -> None:
    spec = study(tmp_path)
    with pytest.raises(ClusterError):
        launch(spec, reports=tmp_path, address="127.0.0.1:9", work=FakeWork())
    with pytest.raises(JournalError, match="holds another study"):
        launch(replace(spec, digest=spec.digest[:8] + "0" * 56), reports=tmp_path, work=FakeWork())


def test_ctrl_c_while_features_are_encoded_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def pressed(self: FakeWork, spec: object) -> dict[str, str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeWork, "prepare", pressed)
    with pytest.raises(KeyboardInterrupt):
        launch(study(tmp_path), reports=tmp_path / "reports", work=FakeWork())
    assert "stopped before the first trial. Go on with: vlstudy launch" in capsys.readouterr().out
