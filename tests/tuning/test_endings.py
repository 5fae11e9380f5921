"""Trainings that do not end when they are told to: no trial is lost, and no worker stays."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tuning.fakes import FakeWork, command_of, notes, searched, study
from vlstudy.journal import read
from vlstudy.study.spec import Arm, ConfirmSpec, FailureSpec, ResourceSpec
from vlstudy.tuning import watchdog
from vlstudy.tuning.bridge import Bridge
from vlstudy.tuning.launch import launch

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_here")]


def test_a_trial_that_fails_to_end_is_told_and_the_next_one_begins(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = study(tmp_path, arms=(searched("sticky"),), trials=3, resources=ResourceSpec(cpus=1, concurrent=1))
    record = read(launch(spec, reports=tmp_path, work=FakeWork()))
    assert [trial.verdict for trial in record.trials] == ["complete"] * 3
    searches = [note for note in notes(spec) if not note["fresh"]]
    assert len(searches) == 3 and len({note["pid"] for note in searches}) == 1, "the worker is used again"
    told = capfd.readouterr().out.count("the trial before this one did not end cleanly: RuntimeError: cannot end")
    assert told == 2


def test_a_worker_that_hangs_between_two_trials_is_replaced(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    spec = study(tmp_path, arms=(searched("clings"),), trials=2, resources=ResourceSpec(cpus=1, concurrent=1))
    spec = replace(spec, failures=FailureSpec(stall_minutes=0.25))
    record = read(launch(spec, reports=tmp_path, work=FakeWork()))
    assert [trial.verdict for trial in record.trials] == ["complete"] * 2
    searches = [note for note in notes(spec) if not note["fresh"]]
    assert [note["from"] for note in searches] == [0, 0] and len({note["pid"] for note in searches}) == 2
    assert not any("::Trial" in command_of(note["pid"]) for note in searches), "no worker stays"
    output = capfd.readouterr().out
    assert re.search(r"clings 1 gave no sign of life for 0\.\d minutes: its worker is replaced", output)


def test_a_round_whose_trial_does_not_come_back_begins_anew(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first replacement of the worker is swallowed, as if Tune had lost the trial."""
    kill, killed = Bridge._kill, []
    monkeypatch.setattr(Bridge, "_kill", lambda own, trial: killed.append(trial) or (killed[1:] and kill(own, trial)))
    monkeypatch.setattr(watchdog, "GRACE", 2.0)
    arms = (searched("good"), Arm(name="hangs", method="fma"))
    spec = study(tmp_path, arms=arms, trials=2, confirm=ConfirmSpec(seeds=()), resources=ResourceSpec(concurrent=1))
    spec = replace(spec, failures=FailureSpec(stall_minutes=0.1))
    record = read(launch(spec, reports=tmp_path, work=FakeWork()))
    assert [trial.verdict for trial in record.trials] == ["complete"] * 3
    assert [note["from"] for note in notes(spec) if note["arm"] == "hangs"] == [0, 4]
    assert not any("::Trial" in command_of(note["pid"]) for note in notes(spec)), "no worker stays"
    output = capfd.readouterr().out
    assert output.count("hangs 0 gave no sign of life") == 1
    assert output.count("Tune did not give the trial back: all workers are replaced") == 1
