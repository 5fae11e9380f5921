"""A study whose driver, or whose workers, are killed with SIGKILL again and again.

    python -m tests.tuning.kills --kills 20 [--workers]

Prints what was lost and what was done twice: nothing, if all is well.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.tuning.conftest import REPOSITORY
from tests.tuning.fakes import FakeWork, notes, searched, study
from tests.tuning.here import told
from vlstudy.errors import JournalError
from vlstudy.journal import StudyRecord, TrialRecord, exists, folder_of, read
from vlstudy.study.spec import PrunerSpec, ResourceSpec, SearchSpec, StudySpec
from vlstudy.tuning.launch import launch

SECONDS = 0.05  # of each of a trial's ten measurements


def asked(folder: Path, trials: int, seconds: float = SECONDS) -> StudySpec:
    """Two arms that are pruned, one trial at a time: so that the order of arrivals is that of an undisturbed run."""
    return study(
        folder,
        arms=(searched("a"), searched("b")),
        search=SearchSpec(sampler="tpe", trials=trials, seed=1),
        pruner=PrunerSpec(name="asha", reduction=2, grace=0.2),
        resources=ResourceSpec(cpus=1, concurrent=1),
        seconds=seconds,
    )


@dataclass
class Toll:
    """What the kills cost.

    Attributes:
        kills: how many processes were killed.
        finished: trials that were seen finished before a kill, at any.
        lost: those of them that were not there, or different, after it.
        repeated: those of them that were trained again after their verdict.
        steps: measurements that were trained more than once, of all trials.
        different: trials and confirmations in which the whole differs from an undisturbed run.
    """

    kills: int = 0
    finished: int = 0
    lost: int = 0
    repeated: int = 0
    steps: int = 0
    different: list[str] = field(default_factory=list)


def suffer(folder: Path, kills: int, seed: int, *, trials: int, workers: bool) -> Toll:
    """A whole study of two arms with so many trials each, under so many kills at times drawn from `seed`."""
    spec, draw, toll = asked(folder, trials), random.Random(seed), Toll()
    place, seen = folder_of(spec, folder / "reports"), dict[tuple[str, int], tuple[TrialRecord, int]]()
    process = _driver(folder, trials)
    try:
        while toll.kills < kills and not _over(process, place, draw, workers):
            if workers and not _kill_worker(spec):
                continue
            if not workers:
                process.send_signal(signal.SIGKILL)
                process.wait()
            toll.kills += 1
            record = _read(place)
            for trial in record.trials if record else ():
                if trial.verdict in ("complete", "pruned"):
                    seen.setdefault((trial.arm, trial.number), (trial, _begun(spec)[str(dict(trial.settings))]))
            if not workers:
                process = _driver(folder, trials)
        if process.wait(timeout=300) != 0:
            raise AssertionError("the last launch did not come to its end")
    finally:
        process.kill()
        process.wait()
    _count(spec, read(place), seen, toll)
    toll.different = _differences(folder, trials, read(place))
    return toll


def _driver(folder: Path, trials: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.tuning.kills", "--drive", str(folder), "--trials", str(trials)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)


def _over(process: subprocess.Popen[bytes], place: Path, draw: random.Random, workers: bool) -> bool:
    """Waits until the next kill: one in five at any time of the launch, the others while trials are measured."""
    journal = place / "journal.log"
    before = journal.stat().st_size if journal.exists() else 0
    if not workers and draw.random() < 0.2:
        return _wait(process, draw.uniform(0.5, 8), lambda: False)
    _wait(process, 120, lambda: journal.exists() and journal.stat().st_size > before)
    return _wait(process, draw.uniform(0, 2.5), lambda: False)


def _wait(process: subprocess.Popen[bytes], seconds: float, holds: Callable[[], bool]) -> bool:
    """True if the process ended meanwhile."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not holds():
        if process.poll() is not None:
            return True
        time.sleep(0.02)
    return False


def _kill_worker(spec: StudySpec) -> bool:
    """Whether the worker that trained last was there to be killed."""
    trained = notes(spec)
    with suppress(ProcessLookupError, IndexError):
        if not trained[-1]["fresh"]:
            os.kill(trained[-1]["pid"], signal.SIGKILL)
            return True
    return False


def _read(place: Path) -> StudyRecord | None:
    try:
        return read(place) if exists(place) else None
    except JournalError:  # a line is half written
        return None


def _begun(spec: StudySpec) -> Counter[str]:
    """How often each setting's training was begun in the search."""
    return Counter(str(note["settings"]) for note in notes(spec) if not note["fresh"])


def _count(
    spec: StudySpec, record: StudyRecord, seen: dict[tuple[str, int], tuple[TrialRecord, int]], toll: Toll
) -> None:
    now = {(trial.arm, trial.number): trial for trial in record.trials}
    toll.finished = len(seen)
    toll.lost = sum(now.get(key) != trial for key, (trial, _) in seen.items())
    begun = _begun(spec)
    toll.repeated = sum(begun[str(dict(trial.settings))] > times for trial, times in seen.values())
    starts: dict[str, list[int]] = {}
    for note in notes(spec):
        if not note["fresh"]:
            starts.setdefault(str(note["settings"]), []).append(note["from"])
    toll.steps = sum(len(each) - len(set(each)) for each in starts.values())


def _differences(folder: Path, trials: int, record: StudyRecord) -> list[str]:
    """What an undisturbed run has otherwise, but for the clock."""
    quiet = folder / "quiet"
    quiet.mkdir()
    whole = read(launch(asked(quiet, trials, 0.0), reports=quiet / "reports", work=FakeWork()))
    pairs = zip(told(list(record.trials)), told(list(whole.trials)), strict=True)
    found = [f"{one[:2]}" for one, other in pairs if one != other]
    results = [
        sorted((confirm.arm, confirm.trial, confirm.seed, str(confirm.metrics)) for confirm in each.confirms)
        for each in (record, whole)
    ]
    return found + ([] if results[0] == results[1] else ["confirmations"])


def main() -> None:
    """Runs a driver for `suffer`, or the whole and prints its toll."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--kills", type=int, default=20)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--trials", type=int, default=40, help="settings of each of the two arms")
    words.add_argument("--workers", action="store_true")
    words.add_argument("--drive", type=Path)
    given = words.parse_args()
    if given.drive:
        launch(asked(given.drive, given.trials), reports=given.drive / "reports", work=FakeWork())
        return
    with tempfile.TemporaryDirectory(prefix="vlk", dir="/tmp") as place:
        began = time.monotonic()
        toll = suffer(Path(place), given.kills, given.seed, trials=given.trials, workers=given.workers)
        print(toll, f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
