"""What the confirmation writes: the tested metric, and once an arm the arrays that the report draws."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tuning.fakes import FakeWork, searched, study
from tests.tuning.here import finish, sitting
from vlstudy.journal import evidence, folder_of, read
from vlstudy.study.spec import Arm, ConfirmSpec, StudySpec
from vlstudy.tuning import confirm as confirming
from vlstudy.tuning.confirm import Repetition, _repeat, _write, outstanding
from vlstudy.tuning.errand import Errand

Answered = Callable[[Errand, Any, Repetition, list[str]], None]


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Answered:
    """Measures a repetition here, and lets the driver write the answer as if a worker had given it."""
    monkeypatch.setattr(confirming.ray, "get", lambda reference: reference)

    def answer(errand: Errand, ledger: Any, repetition: Repetition, lines: list[str]) -> None:
        _write(errand, ledger, repetition, _repeat(errand, repetition), lines.append)

    return answer


def searched_study(folder: Path) -> StudySpec:
    """Two settings of one arm to be confirmed on two seeds, the first of which is not the least."""
    spec = study(folder, arms=(searched("a/b [shots=4]"),), trials=3, confirm=ConfirmSpec(top=2, seeds=(9, 7)))
    finish(spec, folder)
    return spec


def test_only_the_best_setting_on_the_first_seed_leaves_evidence(tmp_path: Path, answered: Answered) -> None:
    spec = searched_study(tmp_path)
    with sitting(spec, tmp_path) as (_, errand, ledger, _):
        waiting = outstanding(ledger)
        assert [(one.seed, one.rank) for one in waiting] == [(9, 0), (9, 1), (7, 0), (7, 1)]
        for one in waiting:
            answered(errand, ledger, one, [])
    record = read(errand.folder)
    assert len(record.confirms) == 4
    (file,) = (errand.folder / "evidence").iterdir()
    assert file.suffix == ".npz" and file.stem.startswith("a_b_shots_4_")
    found = evidence(record, "a/b [shots=4]")
    assert found["seed"] == 9 and list(found["names"]) == ["a/b [shots=4]", ""]
    assert evidence(record, "another") == {}


def test_a_driver_that_dies_between_evidence_and_record_measures_again(
    tmp_path: Path, answered: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = searched_study(tmp_path)
    with sitting(spec, tmp_path) as (_, errand, ledger, _):
        first = outstanding(ledger)[0]
        with monkeypatch.context() as patch:
            patch.setattr(ledger, "confirm", lambda record, value: pytest.exit("dies"))
            with pytest.raises(pytest.exit.Exception):
                answered(errand, ledger, first, [])
    record = read(folder_of(spec, tmp_path))
    assert not record.confirms and evidence(record, first.arm)  # never a record without its evidence
    with sitting(spec, tmp_path) as (_, errand, ledger, _):
        assert outstanding(ledger)[0] == first
        answered(errand, ledger, first, [])
        assert first not in outstanding(ledger)


def test_evidence_that_needs_unpickling_is_refused(
    tmp_path: Path, answered: Answered, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = searched_study(tmp_path)
    test = FakeWork.test
    objects = {"pictures": np.array([None])}
    monkeypatch.setattr(FakeWork, "test", lambda *args, **how: (test(*args, **how)[0], objects))
    with sitting(spec, tmp_path) as (_, errand, ledger, _), pytest.raises(ValueError, match="allow_pickle"):
        answered(errand, ledger, outstanding(ledger)[0], [])


def test_a_metric_that_was_not_measured_is_told(tmp_path: Path, answered: Answered) -> None:
    class BaseToNew:
        """A source of that task."""

        task, log, seconds, evaluations = "base_to_new", str(tmp_path / "log"), 0.0, 1

    spec = study(tmp_path, arms=(Arm(name="zero", method="zero_shot", data=BaseToNew()),))
    assert spec.tested == "test/harmonic_mean"
    finish(spec, tmp_path)
    lines: list[str] = []
    with sitting(spec, tmp_path) as (_, errand, ledger, _):
        answered(errand, ledger, outstanding(ledger)[0], lines)
        assert len(outstanding(ledger)) == 2
    assert "test/harmonic_mean was not measured" in lines[0]
