"""A driver may die at any write: whatever it leaves, the next one makes the same study of it."""

import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from tests.tuning.fakes import notes, searched, study
from tests.tuning.here import finish, sitting, told, train
from vlstudy.journal import folder_of, storage
from vlstudy.study.spec import PrunerSpec, SearchSpec, StudySpec


class Death(BaseException):
    """What kill -9 is to a process, as far as one process can do it to itself."""


def small(folder: Path, pruner: str) -> StudySpec:
    """Enough trials for TPE to model and for two rungs."""
    return study(
        folder,
        arms=(searched("a"), searched("loss")),
        search=SearchSpec(sampler="tpe", trials=12, seed=1),
        pruner=PrunerSpec(name=pruner, reduction=2, grace=0.2),
        evaluations=5,
    )


@pytest.mark.parametrize("pruner", ["asha", "hyperband", "median"])
@pytest.mark.parametrize("written", [True, False], ids=["after the write", "before the write"])
def test_death_at_any_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pruner: str, written: bool) -> None:
    spec = small(tmp_path, pruner)
    expected = told(finish(spec, tmp_path / "whole"))
    assert {verdict for _, _, verdict, *_ in expected} == {"complete", "pruned", "failed"}
    append = storage.JournalFileBackend.append_logs
    left = 0

    def mortal(self: storage.JournalFileBackend, logs: list[dict]) -> None:
        nonlocal left
        left -= 1
        if left == 0 and not written:
            raise Death
        append(self, logs)
        if left == 0:
            raise Death

    monkeypatch.setattr(storage.JournalFileBackend, "append_logs", mortal)
    deaths = 0
    for moment in range(3, 200, 23):
        reports = tmp_path / f"dies at write {moment}"
        for life in (moment, 11, 0):  # dies, dies again soon after it was resumed, and is left alone
            left = life
            with suppress(Death):
                trials = finish(spec, reports)
                break
            deaths += 1
        assert told(trials) == expected
    assert deaths > 10


@pytest.mark.parametrize("pruner", ["asha", "median"])
def test_a_journal_cut_anywhere(tmp_path: Path, pruner: str) -> None:
    """Between lines and within them, with all checkpoints lost."""
    spec = small(tmp_path, pruner)
    whole = tmp_path / "whole"
    expected = told(finish(spec, whole))
    journal = folder_of(spec, whole) / "journal.log"
    content = journal.read_bytes()
    ends = [index + 1 for index, byte in enumerate(content) if byte == ord("\n")]
    for count, end in enumerate(ends[10::23]):
        reports = tmp_path / str(count)
        folder = folder_of(spec, reports)
        shutil.copytree(folder_of(spec, whole), folder, ignore=shutil.ignore_patterns("trials"))
        (folder / "journal.log").write_bytes(content[: end + 13 * (count % 2)])
        assert told(finish(spec, reports)) == expected


def test_an_interrupted_training_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    spec = study(tmp_path, arms=(searched("a"),), trials=1)
    expected = told(finish(spec, tmp_path / "whole"))
    with sitting(spec, tmp_path) as (search, errand, _, _):
        train(search, errand, search.next(), measurements=4)
    assert told(finish(spec, tmp_path)) == expected
    assert [note["from"] for note in notes(spec)] == [0, 0, 4]


def test_a_measurement_that_reached_only_the_checkpoint_is_not_lost(tmp_path: Path) -> None:
    spec = study(tmp_path, arms=(searched("a"),), trials=1)
    expected = told(finish(spec, tmp_path / "whole"))
    with sitting(spec, tmp_path) as (search, errand, _, _):
        handout = search.next()
        for count, _ in enumerate(errand.train("a", handout.settings, name="0", seed=0, fresh=False), start=1):
            if count == 6:  # nobody heard of any of them
                break
    trials = finish(spec, tmp_path)
    assert [note["from"] for note in notes(spec)] == [0, 0, 6]
    assert [measurement.step for measurement in trials[0].measurements] == [6, 7, 8, 9, 10]
    assert told(trials)[0][5] == expected[0][5][5:]


def test_a_broken_checkpoint_costs_time_and_not_the_trial(tmp_path: Path) -> None:
    spec = study(tmp_path, arms=(searched("a"),), trials=1)
    expected = told(finish(spec, tmp_path / "whole"))
    with sitting(spec, tmp_path) as (search, errand, _, _):
        train(search, errand, search.next(), measurements=4)
    (checkpoint,) = (errand.folder / "trials").iterdir()
    checkpoint.write_bytes(checkpoint.read_bytes()[:20])
    assert told(finish(spec, tmp_path)) == expected
    assert [note["from"] for note in notes(spec)] == [0, 0, 0]
