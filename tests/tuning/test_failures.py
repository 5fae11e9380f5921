"""What goes wrong in trials: named, and recovered from where that is possible."""

import errno
import re
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray

from tests.tuning.fakes import FakeWork, notes, searched, study
from tests.tuning.here import sitting, train
from vlstudy.errors import BatchTooLarge, JournalError, StudyPaused
from vlstudy.journal import read
from vlstudy.study.spec import Arm, BudgetSpec, FailureSpec, ResourceSpec
from vlstudy.tuning import bridge, work
from vlstudy.tuning.errand import trace_of
from vlstudy.tuning.launch import launch
from vlstudy.tuning.memory import ran_out, roomier
from vlstudy.tuning.watchdog import GRACE, Watchdog, blocked

ray_started = pytest.mark.usefixtures("ray_here")


@pytest.mark.ray
@ray_started
def test_a_worker_that_hangs_is_replaced(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    spec = study(tmp_path, arms=(Arm(name="hangs", method="fma"), searched("good")), trials=2)
    spec = replace(spec, failures=FailureSpec(stall_minutes=0.25))
    record = read(launch(spec, reports=tmp_path, work=FakeWork()))
    assert [trial.verdict for trial in record.trials] == ["complete"] * 3
    assert [note["from"] for note in notes(spec) if note["arm"] == "hangs" and not note["fresh"]] == [0, 4]
    assert len(record.confirms) == 4 and sum(n["from"] == 4 for n in notes(spec) if n["fresh"]) == 2
    output = capfd.readouterr().out
    assert re.search(r"hangs 0 gave no sign of life for 0\.\d minutes: its worker is replaced", output)
    assert "hangs on seed 1 gave no sign of life: its worker is replaced" in output


@pytest.mark.ray
@ray_started
def test_trials_without_room_beside_others_go_on_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arms = (searched("greedy"), Arm(name="huge", method="fma"))
    spec = study(tmp_path, arms=arms, trials=2, seconds=0.2, resources=ResourceSpec(cpus=1, concurrent=2))
    record = read(launch(spec, reports=tmp_path, work=FakeWork()))
    assert [trial.verdict for trial in record.trials if trial.arm == "greedy"] == ["complete"] * 2
    (huge,) = (trial for trial in record.trials if trial.arm == "huge")
    assert huge.verdict == "failed" and huge.reason.startswith("MemoryError: no room at all")
    output = capfd.readouterr().out
    assert "ran out of memory (MemoryError: no room beside the other" in output and "from now on 1 at once" in output


@pytest.mark.ray
@ray_started
def test_a_study_whose_trials_fail_alike_pauses_and_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = study(tmp_path, arms=(searched("bug"),), trials=8, resources=ResourceSpec(concurrent=1))
    with pytest.raises(StudyPaused, match=r"3 trials of bug in a row failed with the same error:\n.*Traceback") as told:
        launch(spec, reports=tmp_path, work=FakeWork())
    assert 'raise RuntimeError("a bug in the training")' in str(told.value) and "vlstudy retry" in str(told.value)
    (folder,) = (path.parent for path in tmp_path.glob("*/study.json"))
    trials = read(folder).trials
    assert len(trials) == 3 and all("fakes.py" in trial.trace for trial in trials)
    with pytest.raises(StudyPaused):
        launch(spec, reports=tmp_path, work=FakeWork())
    assert len(read(folder).trials) == 6


@pytest.mark.ray
@ray_started
def test_a_full_disk_stops_the_study_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = study(tmp_path, arms=(searched("good"),), trials=2)
    full = tmp_path / "full"
    full.touch()

    class Full(FakeWork):
        def train(self, *args: object, **named: object) -> object:
            for measurement, state in super().train(*args, **named):  # type: ignore[arg-type]
                if measurement.step == 6 and full.exists():
                    state = SimpleNamespace(save=_no_room, measurement=measurement)
                yield measurement, state

    with pytest.raises(JournalError, match=r"is on a full disk \(OSError: \[Errno 28\].*make room"):
        launch(spec, reports=tmp_path, work=Full())
    full.unlink()
    record = read(launch(spec, reports=tmp_path, work=Full()))
    assert [trial.verdict for trial in record.trials] == ["complete"] * 2
    assert sorted(note["from"] for note in notes(spec) if not note["fresh"])[-1] == 5


def _no_room(path: Path) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_journal_on_a_full_disk_keeps_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line is written, then nothing goes: the next driver cuts it off and goes on."""
    spec = study(tmp_path, arms=(searched("good"),), trials=2)
    with sitting(spec, tmp_path) as (search, errand, ledger, _):
        train(search, errand, handout := search.next(), measurements=3)
        journal = errand.folder / "journal.log"
        whole = journal.read_bytes()
        journal.write_bytes(whole + whole.splitlines(keepends=True)[-1][:17])
    with sitting(spec, tmp_path) as (search, errand, ledger, _):
        assert ledger.cut == 17 and search.next() == handout and journal.read_bytes().startswith(whole)
        assert train(search, errand, handout)


def test_three_equal_errors_in_a_row_and_not_fewer(tmp_path: Path) -> None:
    spec = study(tmp_path, arms=(searched("a"),), trials=9)
    with sitting(spec, tmp_path) as (search, errand, _, _):
        for trace in ("x", "x", "y", "x"):
            search.failed("a", search.next().number, "E", trace)
        train(search, errand, search.next())
        for trace in ("x", "x"):
            search.failed("a", search.next().number, "E", trace)
        assert search.paused is None and not search.finished
        search.failed("a", search.next().number, "E", "x")
        assert search.paused.startswith("3 trials of a in a row") and search.finished and search.next() is None


def test_a_trial_has_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake's clock is the machine's, so that every trial has run for long."""
    spec = study(tmp_path, arms=(searched("a"),), trials=1, budget=BudgetSpec(trial_minutes=1e-6))
    with sitting(spec, tmp_path) as (search, errand, _, _):
        assert train(search, errand, search.next())
    (trial,) = read(errand.folder).trials
    assert trial.verdict == "failed" and trial.reason.startswith(
        "its 1e-06 minutes (budget.trial_minutes) are over at 10 %"
    )


def test_the_watchdog_replaces_once_and_knows_who_never_comes_back() -> None:
    clock = [0.0]
    dog = Watchdog(100, now=lambda: clock[0])
    dog.sign("a")
    dog.sign("b")
    clock[0] = 90
    dog.sign("b")
    clock[0] = 101
    assert dog.hanging() == [("a", 101)] and dog.hanging() == [] and dog.stuck() is None
    clock[0] += GRACE + 1
    assert dog.stuck() == "a"
    dog.sign("a")
    assert dog.stuck() is None
    dog.over("b")
    clock[0] += 99
    assert dog.hanging() == []


def test_a_launch_that_waits_says_where() -> None:
    told: list[str] = []
    with blocked(0.2, told.append) as beat:
        for _ in range(6):
            time.sleep(0.1)
            beat()
        assert told == []
        time.sleep(0.8)
    (line,) = told
    assert line.startswith("the launch itself has waited for 0 seconds in ") and "test_failures.py" in line


def test_memory_that_ran_out_is_known_by_its_errors() -> None:
    assert ran_out(MemoryError()) and ran_out(BatchTooLarge(64, 32, 1))
    assert ran_out(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"))
    assert ran_out(ray.exceptions.OutOfMemoryError("Task was killed due to the node running low on memory."))
    assert not ran_out(ValueError("memory")) and not ran_out(RuntimeError("a bug"))


@pytest.mark.parametrize(
    ("gpus", "slots", "after"), [(0.25, 4, (0.5, 2)), (0.5, 2, (1.0, 1)), (0.3, 3, (0.6, 1)), (0, 3, (0, 1))]
)
def test_fewer_beside_each_other(gpus: float, slots: int, after: tuple[float, int]) -> None:
    resources, left = roomier(ResourceSpec(gpus=gpus), slots) or pytest.fail("there is room")
    assert (resources.gpus, left) == after
    assert roomier(ResourceSpec(gpus=1), 8) is None and roomier(ResourceSpec(), 1) is None


def test_a_lost_node_is_nobodys_fault() -> None:
    assert bridge.nobodys_fault(ray.exceptions.NodeDiedError("gone"))
    assert bridge.nobodys_fault(SimpleNamespace(preempted=True))
    assert bridge.nobodys_fault(RuntimeError("The actor died. The actor is dead because its node has died. Node Id: 1"))
    assert not bridge.nobodys_fault(RuntimeError("The actor is dead because its worker process has died."))


def test_traces_of_bugs_only() -> None:
    try:
        raise RuntimeError("a bug")
    except RuntimeError as error:
        assert trace_of(error).endswith("RuntimeError: a bug\n") and "test_failures.py" in trace_of(error)
    assert trace_of(BatchTooLarge(2, 1, 1)) == ""


def test_a_share_of_a_gpu_is_a_share_of_its_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    asked: list[float] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", asked.append)
    threads = torch.get_num_threads()
    assert work._device(study(tmp_path, resources=ResourceSpec(cpus=1, gpus=0.25))) == "cuda" and asked == [0.25]
    assert work._device(study(tmp_path, resources=ResourceSpec(cpus=1, gpus=1))) == "cuda" and asked == [0.25]
    assert work._device(study(tmp_path)) == "cpu"
    torch.set_num_threads(threads)
