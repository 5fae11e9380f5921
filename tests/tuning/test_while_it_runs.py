"""A launch that is running is asked for something else: it stops, or takes the change up and goes on."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands import TEXT, study
from tests.tuning.begun import trials_of
from vlstudy.journal import exists, folder_of, read
from vlstudy.study.reading import read as read_study

__all__ = ["study"]

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_here")]


@contextmanager
def launched(study: Path) -> Iterator[subprocess.Popen[str]]:
    """A launch in a process of its own, which is ended if the test did not end it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vlstudy", "launch", study.name],
        cwd=study.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def typed(study: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "vlstudy", *words], cwd=study.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def until(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    for _ in range(1200):
        if holds():
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    raise AssertionError("it did not happen within two minutes")


def test_stop_and_then_a_change_while_it_runs(study: Path) -> None:
    text = TEXT.replace("trials: 6", "trials: 30").replace("train.epochs: 2", "train.epochs: 60")
    study.write_text(text)
    folder = folder_of(read_study(study), study.parent / "reports")
    with launched(study) as process:
        until(lambda: exists(folder) and len(trials_of(folder, "flow")) > 2, process)
        refused = typed(study, "launch", study.name, code=2)
        assert f"is being written by process {process.pid} on {os.uname().nodename}" in refused
        assert "asked to stop" in typed(study, "stop", study.name)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 130 and "trials are finished" in output and "Go on with: vlstudy launch" in output
    before = {trial.number: trial for trial in trials_of(folder, "flow") if trial.verdict == "complete"}
    with launched(study) as process:
        until(lambda: len(trials_of(folder, "flow")) > len(before) + 3, process)
        assert "handed on" in typed(study, "extend", study.name, "--trials", "+2", "--widen", "train.lr=1e-5:1e-2")
        until(lambda: len(read(folder).header.changes) == 2, process)
        output, _ = process.communicate(timeout=280)
        assert process.returncode == 0, output
    trials = trials_of(folder, "flow")
    assert len(trials) == 32 and [trials[number] for number in before] == list(before.values())
    assert "search.trials: 30 -> 32" in output and output.splitlines()[-1] == str(folder / "report.html")
    assert all(len({m.step for m in trial.measurements}) == len(trial.measurements) for trial in trials)
