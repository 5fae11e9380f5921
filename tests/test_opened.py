"""The Python interface gives what the commands give."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import vlstudy
from tests.commands import TEXT, folder, study
from tests.tuning.begun import searched, trials_of
from tests.tuning.conftest import ray_here
from tests.tuning.fakes import FakeWork
from tests.tuning.fakes import searched as arm_of
from tests.tuning.fakes import study as fake
from vlstudy.bounds import Bound
from vlstudy.errors import StudyError, VlstudyError
from vlstudy.journal import read
from vlstudy.study.reading import parse
from vlstudy.study.reading import read as read_study

__all__ = ["folder", "ray_here", "study"]


def test_the_journal_as_tables(tmp_path: Path) -> None:
    spec = fake(tmp_path, arms=(arm_of("good"), arm_of("bug")), trials=3)
    place, _ = searched(spec, tmp_path / "reports", work=FakeWork())
    opened, record = vlstudy.open(place), read(place)
    trials = opened.trials()
    assert list(trials["verdict"]) == [trial.verdict for trial in record.trials]
    assert list(trials["train.lr"]) == [trial.settings["train.lr"] for trial in record.trials]
    complete = trials[trials.verdict == "complete"]
    assert list(complete.value) == [trial.measurements[-1].metrics["val/accuracy"] for trial in record.trials[:3]]
    assert (trials.finished >= trials.started).all() and str(trials.started.dt.tz) == "UTC"
    measured = opened.measurements()
    assert len(measured) == 3 * sum(len(trial.measurements) for trial in record.trials)
    assert set(measured["solver_steps"] if "solver_steps" in measured else measured["method.solver_steps"]) == {0, 1, 2}
    best = opened.best("good")
    assert best["value"] == complete.value.max() and best["settings"]["train.lr"] in set(complete["train.lr"])
    with pytest.raises(VlstudyError, match="no trial of bug is complete yet"):
        opened.best("bug")
    with pytest.raises(VlstudyError, match="Did you mean `good`"):
        opened.best("goood")


def test_the_best_has_its_confirmation(folder: Path, study: Path) -> None:
    opened = vlstudy.open(study, folder.parent)
    best = opened.best()
    assert (best["arm"], best["trial"], best["value"]) == ("flow", 0, 0.7)
    assert best["tested"].mean == pytest.approx(0.615) and best["tested"].low <= 0.615 <= best["tested"].high
    assert len(opened.confirms()) == 6 and isinstance(opened.confirms(), pd.DataFrame)
    assert opened.report(folder / "page.html").read_text().startswith("<!DOCTYPE html>")


def test_changes_are_those_of_the_commands(study: Path) -> None:
    place, _ = searched(read_study(study), study.parent / "reports", most=1)
    opened = vlstudy.open(place)
    assert opened.extend(trials="+2", widen={"train.lr": "1e-5:1e-2"})[-1].endswith("6 -> 8")
    assert opened.extend(trials=9) == ["search.trials: 8 -> 9"]
    assert opened.enqueue("flow", {"train.lr": 1e-3}) and opened.drop("zero_shot")
    assert opened.retry() == ["no trial has failed"] and not opened.stop()
    searched(read_study(study), study.parent / "reports")
    assert opened.rerun(0, arm="flow").size == 0
    assert {trial.settings["train.lr"] for trial in trials_of(place, "flow")} >= {1e-3}


@pytest.mark.ray
@pytest.mark.usefixtures("ray_here")
def test_a_study_from_a_dictionary(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(study.parent)
    asked = {
        "study": "as a dictionary",
        "question": "Does it work?",
        "data": {"source": "feature_file", "path": "features.npz", "shots": 4},
        "objective": "val/accuracy",
        "arms": [{"name": "probe", "method": "linear_probe", "space": {"method.c": {"grid": [1, 10]}}}],
        "confirm": {"seeds": 2},
    }
    opened = vlstudy.launch(asked, reports=study.parent / "reports")
    assert len(opened.trials()) == 2 and len(opened.confirms()) == 2 and (opened.folder / "report.html").exists()
    assert len(opened.launch().trials()) == 2


def test_a_text_and_a_mapping_are_read_with_all_checks() -> None:
    with pytest.raises(StudyError, match="Did you mean `trials`"):
        parse(TEXT.replace("trials: 6", "trails: 6"))
    with pytest.raises(VlstudyError, match="got int"):
        vlstudy.launch(3)


def test_a_bound_is_read_as_it_is_written() -> None:
    assert Bound.parse(str(Bound("<=", 0.1))) == Bound("<=", 0.1)


def test_nothing_heavy_is_loaded_before_it_is_asked_for() -> None:
    code = "import sys, vlstudy; print(*sorted({'torch', 'ray', 'optuna', 'pandas', 'yaml'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


def test_an_opened_study_needs_neither_torch_nor_ray(folder: Path) -> None:
    code = (
        f"import sys, vlstudy; opened = vlstudy.open({str(folder)!r})\n"
        "print(len(opened.trials()), opened.best()['arm'], *sorted({'torch', 'ray'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "3 flow\n", done.stderr
