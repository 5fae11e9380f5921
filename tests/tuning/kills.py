"""A study whose driver, or whose workers, are killed with SIGKILL again and again.

    python -m tests.tuning.kills --kills 20 [--workers] [--slots 2]

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
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.tuning.conftest import REPOSITORY
from tests.tuning.fakes import FakeWork, command_of, notes, searched, study
from tests.tuning.here import told
from tests.tuning.replay import replayed
from vlstudy.errors import JournalError
from vlstudy.journal import StudyRecord, TrialRecord, exists, folder_of, read
from vlstudy.study.spec import PrunerSpec, ResourceSpec, SearchSpec, StudySpec
from vlstudy.tuning.launch import launch

SECONDS = 0.05  # of each of a trial's ten measurements


def asked(folder: Path, trials: int, slots: int, seconds: float = SECONDS) -> StudySpec:
    """Two arms that are pruned; with one slot the order of arrivals is that of an undisturbed run."""
    return study(
        folder,
        arms=(searched("a"), searched("b")),
        search=SearchSpec(sampler="tpe", trials=trials, seed=1),
        pruner=PrunerSpec(name="asha", reduction=2, grace=0.2),
        resources=ResourceSpec(cpus=1 / slots, concurrent=slots),
        seconds=seconds,
    )


@dataclass(frozen=True)
class Sight:
    """A trial as the journal had it at a kill, and how often its training had been begun by then."""

    trial: TrialRecord
    begun: int

    @property
    def key(self) -> tuple[str, int]:
        """Arm and number."""
        return self.trial.arm, self.trial.number

    @property
    def finished(self) -> bool:
        """Whether nothing of it may change any more."""
        return self.trial.verdict in ("complete", "pruned")


@dataclass
class Toll:
    """What the kills cost.

    Attributes:
        kills: how many processes were killed.
        finished: trials that were seen finished before a kill, at any.
        lost: those of them that were not there, or different, after it.
        repeated: those of them that were trained again after their verdict.
        steps: measurements that the journal had at a kill, and that were trained again.
        different: trials and confirmations in which the whole differs from an undisturbed run; with several slots,
            whose answers come in an order of their own, from an undisturbed search that hears them in the same order.
    """

    kills: int = 0
    finished: int = 0
    lost: int = 0
    repeated: int = 0
    steps: int = 0
    different: list[str] = field(default_factory=list)


def suffer(folder: Path, kills: int, seed: int, *, trials: int, workers: bool, slots: int = 1) -> Toll:
    """A whole study of two arms with so many trials each, under so many kills at times drawn from `seed`."""
    spec, draw, toll = asked(folder, trials, slots), random.Random(seed), Toll()
    place, seen = folder_of(spec, folder / "reports"), list[Sight]()
    process = _driver(folder, trials, slots)
    try:
        while toll.kills < kills and not _over(process, place, draw, workers):
            if workers and not _kill_worker(spec):
                continue
            if not workers:
                process.send_signal(signal.SIGKILL)
                process.wait()
            toll.kills += 1
            seen += _sights(spec, place)
            if not workers:
                process = _driver(folder, trials, slots)
        if process.wait(timeout=300) != 0:
            raise AssertionError("the last launch did not come to its end")
    finally:
        process.kill()
        process.wait()
    _count(spec, read(place), seen, toll)
    toll.different = (_differences if slots == 1 else _decisions)(folder, trials, slots, read(place))
    return toll


def _driver(folder: Path, trials: int, slots: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.tuning.kills", "--drive", str(folder)]
    command += ["--trials", str(trials), "--slots", str(slots)]
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
    if not trained or trained[-1]["fresh"] or "::Trial" not in command_of(trained[-1]["pid"]):
        return False  # its number may be another process's by now
    with suppress(ProcessLookupError):
        os.kill(trained[-1]["pid"], signal.SIGKILL)
        return True
    return False


def _sights(spec: StudySpec, place: Path) -> list[Sight]:
    """All trials that have been trained; the journal is read first, so that no later beginning is missed."""
    try:
        trials = read(place).trials if exists(place) else ()
    except JournalError:  # a line is half written
        return []
    begun = _begun(spec)
    return [Sight(trial, len(begun[_setting(trial)])) for trial in trials if trial.measurements]


def _begun(spec: StudySpec) -> dict[str, list[int]]:
    """The steps from which each setting was trained in the search, in order of beginning."""
    found = defaultdict[str, list[int]](list)
    for note in notes(spec):
        if not note["fresh"]:
            found[str(note["settings"])].append(note["from"])
    return found


def _setting(trial: TrialRecord) -> str:
    return str(dict(trial.settings))


def _count(spec: StudySpec, record: StudyRecord, seen: list[Sight], toll: Toll) -> None:
    now, begun = {(trial.arm, trial.number): trial for trial in record.trials}, _begun(spec)
    assert all(sight.begun for sight in seen), "what is trained is not what is in the journal"
    finished = {sight.key: sight for sight in reversed(seen) if sight.finished}  # each as it was seen first
    toll.finished = len(finished)
    toll.lost = sum(now.get(key) != sight.trial for key, sight in finished.items())
    toll.repeated = sum(len(begun[_setting(sight.trial)]) > sight.begun for sight in finished.values())
    for sight in seen:
        for start in begun[_setting(sight.trial)][sight.begun :][:1]:
            toll.steps += max(0, sight.trial.measurements[-1].step - start)


def _differences(folder: Path, trials: int, slots: int, record: StudyRecord) -> list[str]:
    """What an undisturbed run has otherwise, but for the clock."""
    quiet = folder / "quiet"
    quiet.mkdir()
    whole = read(launch(asked(quiet, trials, slots, 0.0), reports=quiet / "reports", work=FakeWork()))
    found = _unequal(record.trials, whole.trials)
    results = [
        sorted((confirm.arm, confirm.trial, confirm.seed, str(confirm.metrics)) for confirm in each.confirms)
        for each in (record, whole)
    ]
    return found + ([] if results[0] == results[1] else ["confirmations"])


def _decisions(folder: Path, trials: int, slots: int, record: StudyRecord) -> list[str]:
    """What an undisturbed search with the same arrivals makes otherwise."""
    quiet = folder / "quiet"
    quiet.mkdir()
    whole = replayed(asked(quiet, trials, slots), Path(record.folder), quiet / "reports")
    return _unequal(record.trials, whole) + ([] if len(record.confirms) == 4 else ["confirmations"])


def _unequal(some: Iterable[TrialRecord], others: Iterable[TrialRecord]) -> list[str]:
    pairs = zip(told(list(some)), told(list(others)), strict=True)
    return [f"{one[:2]}" for one, other in pairs if one != other]


def main() -> None:
    """Runs a driver for `suffer`, or the whole and prints its toll."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--kills", type=int, default=20)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--trials", type=int, default=40, help="settings of each of the two arms")
    words.add_argument("--slots", type=int, default=1, help="trials at a time")
    words.add_argument("--workers", action="store_true")
    words.add_argument("--drive", type=Path)
    given = words.parse_args()
    if given.drive:
        launch(asked(given.drive, given.trials, given.slots), reports=given.drive / "reports", work=FakeWork())
        return
    with tempfile.TemporaryDirectory(prefix="vlk", dir="/tmp") as place:
        began = time.monotonic()
        shape = {"trials": given.trials, "workers": given.workers, "slots": given.slots}
        toll = suffer(Path(place), given.kills, given.seed, **shape)
        print(toll, f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
