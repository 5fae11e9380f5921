"""Drivers that are killed, interrupted, or one too many."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.tuning.conftest import REPOSITORY
from tests.tuning.drive import slow
from tests.tuning.fakes import FakeWork, notes
from tests.tuning.here import finish, told
from vlstudy.errors import JournalError
from vlstudy.journal import StudyRecord, exists, folder_of, read
from vlstudy.journal.lock import driver_lock
from vlstudy.tuning.launch import launch

SECONDS = 0.25  # of one of a trial's ten measurements


def driver(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.tuning.drive", str(folder), str(SECONDS)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(folder: Path, trials: int, seconds: float = 90.0) -> StudyRecord:
    """The record at the moment when so many trials are complete and another is in its middle."""
    place = folder_of(slow(folder, SECONDS), folder / "reports")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if exists(place):
            record = read(place)
            at_work = [t for t in record.trials if t.verdict == "running" and 3 <= len(t.measurements) <= 5]
            if sum(trial.verdict == "complete" for trial in record.trials) >= trials and at_work:
                return record
        time.sleep(0.05)
    raise AssertionError(f"not {trials} trials in {seconds} s")


def went_on(folder: Path, before: StudyRecord) -> None:
    """Asserts that the whole is what an undisturbed search gives, and that no finished trial was touched again."""
    spec = slow(folder, SECONDS)
    after = read(folder_of(spec, folder / "reports"))
    undisturbed = finish(slow(folder / "quick", 0.0), folder / "quick")
    assert told(list(after.trials)) == told(undisturbed)
    assert len(after.confirms) == 4
    ready = {(trial.arm, trial.number): trial for trial in before.trials if trial.verdict == "complete"}
    assert all(trial == ready.get((trial.arm, trial.number), trial) for trial in after.trials)
    begun = [note for note in notes(spec) if not note["fresh"]]
    times = Counter(str(note["settings"]) for note in begun)
    for trial in after.trials:
        once = (trial.arm, trial.number) in ready
        assert times[str(dict(trial.settings))] == 1 if once else times[str(dict(trial.settings))] in (1, 2)
    assert max(note["from"] for note in begun) >= 3


@pytest.fixture(autouse=True)
def quick_folder(tmp_path: Path) -> None:
    (tmp_path / "quick").mkdir()


@pytest.mark.ray
@pytest.mark.usefixtures("ray_here")
def test_kill_nine_loses_and_repeats_nothing(tmp_path: Path) -> None:
    first = driver(tmp_path)
    before = wait_for(tmp_path, trials=2)
    first.kill()
    first.wait(timeout=30)
    first.stdout.close()  # its orphaned workers may hold the other end for a while
    second = driver(tmp_path)
    output, _ = second.communicate(timeout=180)
    assert second.returncode == 0, output
    went_on(tmp_path, before)
    assert not list((folder_of(slow(tmp_path, SECONDS), tmp_path / "reports") / "trials").iterdir())


@pytest.mark.ray
@pytest.mark.usefixtures("ray_here")
def test_control_c_stops_at_once_and_says_how_to_go_on(tmp_path: Path) -> None:
    first = driver(tmp_path)
    before = wait_for(tmp_path, trials=1)
    pressed = time.monotonic()
    first.send_signal(signal.SIGINT)
    output, _ = first.communicate(timeout=60)
    assert first.returncode == 130, output
    assert time.monotonic() - pressed < 20
    assert "Traceback" not in output
    last = output.strip().splitlines()[-1]
    assert "of 8 trials are finished, 2 are kept where they are. Go on with: vlstudy launch studies/fake.yaml" in last
    assert f"--reports {tmp_path}" in last
    stopped = read(folder_of(slow(tmp_path, SECONDS), tmp_path / "reports"))
    assert sum(trial.verdict == "running" for trial in stopped.trials) == 2
    second = driver(tmp_path)
    output, _ = second.communicate(timeout=180)
    assert second.returncode == 0, output
    went_on(tmp_path, before)


def test_a_second_driver_is_refused(tmp_path: Path) -> None:
    spec = slow(tmp_path, 0.0)
    with (
        driver_lock(folder_of(spec, tmp_path)),
        pytest.raises(JournalError, match=f"is being written by process {os.getpid()} on "),
    ):
        launch(spec, reports=tmp_path, work=FakeWork())
