"""Arms that are trained on top of others: when they are searched, with what, and that a crash changes none of it."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tuning.fakes import notes, searched, study
from tests.tuning.here import finish, sitting, told, train
from vlstudy.journal import ConfirmRecord, folder_of, read, storage
from vlstudy.journal.folder import checkpoint_of
from vlstudy.measurement import Measurement, Point
from vlstudy.study.settings import resolve
from vlstudy.study.spec import Arm, BudgetSpec, PrunerSpec, SearchSpec, StudySpec
from vlstudy.tuning.confirm import outstanding
from vlstudy.tuning.launch import count
from vlstudy.tuning.progress import rows


def pair(condition: dict[str, Any] | None = None, below: str = "below", **changes: Any) -> tuple[Arm, Arm]:
    """An arm and one on top of it, under a condition."""
    suffix = "" if condition is None else f" [shots={condition['shots']}]"
    common = {"condition": condition or {}, **changes}
    lower = searched(f"{below}{suffix}", family=below, **common)
    return lower, searched(f"above{suffix}", family="above", on=below, **common)


def stacked(folder: Path, **changes: Any) -> StudySpec:
    return study(folder, **{"arms": (searched("other"), *pair()), "trials": 3, **changes})


def on_of(settings: Any) -> dict[str, Any]:
    """The stored settings of the trial below."""
    return {name.removeprefix("on."): value for name, value in settings.items() if name.startswith("on.")}


def test_an_arm_waits_until_the_one_below_is_searched_to_its_end(tmp_path: Path) -> None:
    with sitting(stacked(tmp_path), tmp_path) as (search, errand, ledger, _):
        first, second, third = search.next(), search.next(), search.next()
        assert [first.arm, second.arm, third.arm] == ["below"] * 3  # the arm that another waits for comes first
        others = [search.next() for _ in range(3)]
        assert [handout.arm for handout in others] == ["other"] * 3
        train(search, errand, first), train(search, errand, third)
        assert search.next() is None and not search.finished  # the second might still become the best
        train(search, errand, second)
        best = max(ledger.trials("below"), key=lambda trial: trial.value)
        handout = search.next()
        assert handout.arm == "above"
        assert on_of(handout.settings) == {"trial": best.number, **best.user_attrs["settings"]}
        train(search, errand, handout)
    (note,) = (note for note in notes(errand.spec) if note["arm"] == "above")
    assert note["base"] == ["below", best.user_attrs["settings"]]
    assert all(note["base"] is None for note in notes(errand.spec) if note["arm"] != "above")


def test_what_is_below_is_no_parameter_of_the_sampler(tmp_path: Path) -> None:
    spec = stacked(tmp_path, search=SearchSpec(sampler="tpe", trials=12, seed=0), evaluations=1)
    with sitting(spec, tmp_path) as (search, errand, ledger, _):
        while handout := search.next():
            train(search, errand, handout)
        assert all(trial.params.keys() == {"train.lr", "method.noise"} for trial in ledger.trials("above"))


def test_the_settings_below_do_not_reach_the_method_above() -> None:
    _, upper = pair()
    own = {"train.lr": 1e-3}
    assert resolve(upper, {**own, "on.trial": 7, "on.train.lr": 1e-4, "on.method.blocks": 2}) == resolve(upper, own)


@pytest.mark.parametrize("written", [True, False], ids=["after the write", "before the write"])
def test_death_at_any_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: bool) -> None:
    class Death(BaseException):
        """As kill -9, as far as one process can do it to itself."""

    arms = (*pair({"shots": 1}), *pair({"shots": 4}))
    search = SearchSpec(sampler="tpe", trials=4, seed=1)
    spec = study(tmp_path, arms=arms, search=search, pruner=PrunerSpec(name="asha", reduction=2), evaluations=5)
    expected = told(finish(spec, tmp_path / "whole"))
    append, left = storage.JournalFileBackend.append_logs, 0

    def mortal(self: storage.JournalFileBackend, logs: list[dict[str, Any]]) -> None:
        nonlocal left
        left -= 1
        if left == 0 and not written:
            raise Death
        append(self, logs)
        if left == 0:
            raise Death

    monkeypatch.setattr(storage.JournalFileBackend, "append_logs", mortal)
    for moment in range(9, 120, 13):
        for life in (moment, 7, 0):  # dies, dies again soon after it was resumed, and is left alone
            left = life
            with suppress(Death):
                trials = finish(spec, tmp_path / str(moment))
                break
        assert told(trials) == expected


def test_conditions_do_not_mix(tmp_path: Path) -> None:
    spec = study(tmp_path, arms=(*pair({"shots": 1}), *pair({"shots": 4})), trials=3)
    trials = finish(spec, tmp_path)
    for shots in (1, 4):
        below = [trial for trial in trials if trial.arm == f"below [shots={shots}]"]
        best = max(below, key=lambda trial: trial.measurements[-1].metrics["val/accuracy"])
        above = [on_of(trial.settings) for trial in trials if trial.arm == f"above [shots={shots}]"]
        assert above == [{"trial": best.number, **best.settings}] * 3
    bases = {(note["arm"], note["base"][0]) for note in notes(spec) if note["base"]}
    assert bases == {(f"above [shots={shots}]", f"below [shots={shots}]") for shots in (1, 4)}


def test_checkpoints_of_equal_numbers_are_apart(tmp_path: Path) -> None:
    arms = [arm for shots in (1, 4) for arm in pair({"shots": shots})]
    spec = study(tmp_path, arms=tuple(arms), trials=1)
    assert len({checkpoint_of(tmp_path, arm.name, "0") for arm in arms}) == 4
    with sitting(spec, tmp_path) as (search, errand, _, _):
        for handout in (search.next(), search.next()):
            train(search, errand, handout, measurements=4)
        assert len(list((errand.folder / "trials").iterdir())) == 2
    assert told(finish(spec, tmp_path)) == told(finish(spec, tmp_path / "whole"))
    assert [note["from"] for note in notes(spec)][:4] == [0, 0, 4, 4]


def test_confirmation_trains_the_arm_below_with_the_same_settings(tmp_path: Path) -> None:
    spec = stacked(tmp_path)
    finish(spec, tmp_path)
    with sitting(spec, tmp_path) as (_, errand, ledger, _):
        above = [repetition for repetition in outstanding(ledger) if repetition.arm == "above"]
        assert [repetition.seed for repetition in above] == [1, 2]
        training = errand.train("above", above[0].settings, name="confirm", seed=1, fresh=True)
        *_, (_, state) = training
        _, evidence = errand.test("above", above[0].settings, state, seed=1)
        best = ledger.trial("below", above[0].settings["on.trial"]).user_attrs["settings"]
    assert list(evidence["names"]) == ["above", "below"]
    last = notes(spec)[-1]
    assert (last["fresh"], last["base"]) == (True, ["below", best])


def test_an_arm_on_one_without_a_complete_trial_has_no_trials(tmp_path: Path) -> None:
    spec = study(tmp_path, arms=(*pair(below="bug"), searched("a")), trials=2)
    trials = finish(spec, tmp_path)
    assert {trial.arm for trial in trials} == {"bug", "a"}
    with sitting(spec, tmp_path) as (search, _, ledger, _):
        assert search.finished and search.next() is None
        assert count(ledger) == rows(read(folder_of(spec, tmp_path)))
        assert {row.name: (row.done, row.wanted) for row in count(ledger)} == {
            "bug": (2, 2),
            "above": (0, 0),
            "a": (2, 2),
        }


def test_a_budget_that_ends_below_leaves_nothing_above(tmp_path: Path) -> None:
    spec = stacked(tmp_path, budget=BudgetSpec(minutes=0.5))
    with sitting(spec, tmp_path) as (search, errand, ledger, _):
        train(search, errand, search.next())
        ledger.clock("search", 31.0)
    with sitting(spec, tmp_path) as (search, _, ledger, _):
        assert search.finished and not ledger.trials("above")
        assert [row.wanted for row in count(ledger)] == [3, 3, 3]  # with more minutes they come
    more = replace(spec, budget=BudgetSpec(minutes=5))
    assert len([trial for trial in finish(more, tmp_path) if trial.arm == "above"]) == 3


def test_a_confirmed_record_is_read_back_with_what_is_below(tmp_path: Path) -> None:
    spec = stacked(tmp_path)
    with sitting(spec, tmp_path) as (_, errand, ledger, _):
        point = Point(axis={}, metrics={"test/accuracy": 0.5})
        measured = Measurement(step=1, progress=1.0, points=(point,), choice=0)
        settings = {"train.lr": 1e-3, "on.trial": 2, "on.train.lr": 1e-4}
        record = ConfirmRecord(
            arm="above",
            rank=0,
            trial=0,
            seed=1,
            settings=settings,
            axis={},
            metrics=point.metrics,
            measurement=measured,
            seconds=1.0,
        )
        ledger.confirm(record, 0.5)
    found = read(errand.folder)
    assert found.confirms == (record,)
    assert {arm.name: arm.on for arm in found.header.arms} == {"other": "", "below": "", "above": "below"}
