"""What the search hands out, and the verdicts that it gives."""

from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend

from tests.tuning.fakes import searched, study
from tests.tuning.here import finish, sitting, told, train
from vlstudy.journal import folder_of, read
from vlstudy.study.space import Choice, Dimension, Grid, Int, LogInt, Uniform
from vlstudy.study.spec import Arm, BudgetSpec, PrunerSpec, SearchSpec
from vlstudy.tuning.asking import _sampler


def test_every_arm_gets_what_it_wants_and_arms_take_turns(tmp_path: Path) -> None:
    spec = study(tmp_path, trials=4)
    with sitting(spec, tmp_path) as (search, errand, _, _):
        order = []
        while handout := search.next():
            order.append(handout.arm)
            train(search, errand, handout)
    assert order == ["a", "b", "zero", "a", "b", "a", "b", "a", "b"]
    assert {trial.verdict for trial in read(folder_of(spec, tmp_path)).trials} == {"complete"}


def test_a_finished_study_hands_out_nothing(tmp_path: Path) -> None:
    spec = study(tmp_path, trials=2)
    before = finish(spec, tmp_path)
    with sitting(spec, tmp_path) as (search, _, _, _):
        assert search.finished
        assert search.next() is None
    assert list(read(folder_of(spec, tmp_path)).trials) == before


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_suggestions_are_a_function_of_the_journal_and_the_seed(tmp_path: Path, sampler: str) -> None:
    spec = study(tmp_path, arms=(searched("a"),), trials=14, search=SearchSpec(sampler=sampler, trials=14, seed=3))
    first, second = finish(spec, tmp_path / "1"), finish(spec, tmp_path / "2")
    assert told(first) == told(second)
    other = finish(replace(spec, search=replace(spec.search, seed=4)), tmp_path / "3")
    assert first[0].settings != other[0].settings


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_suggestions_are_those_of_optuna(tmp_path: Path, sampler: str) -> None:
    """Also those that come from a model, which needs ten trials: `ask` with the same sampler on the same history."""
    search = SearchSpec(sampler=sampler, trials=16, seed=0)
    arm = searched("a")
    finish(study(tmp_path, arms=(arm,), search=search, evaluations=1), tmp_path)
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(next(tmp_path.glob("*/journal.log")))))
    ours = storage.get_all_trials(storage.get_study_id_from_name("search/a"))
    for number in (0, 3, 12, 15):
        theirs = optuna.create_study(direction="maximize", sampler=_sampler(arm, search, number))
        theirs.add_trials(ours[:number])
        assert theirs.ask(ours[number].distributions).params == ours[number].params


def test_grids_are_enumerated_and_conditions_hold(tmp_path: Path) -> None:
    arm = Arm(
        name="grid",
        method="fma",
        schedule="fixed",
        space=(
            Dimension(name="method.width", distribution=Grid((1, 2)), when={"method.kind": "wide"}),
            Dimension(name="method.kind", distribution=Grid(("wide", "deep"))),
            Dimension(name="method.never", distribution=Grid((5, 6)), when={"schedule": "other"}),
            Dimension(name="method.shape", distribution=Grid(((1, 2), (3, 4)))),
        ),
    )
    settings = [dict(trial.settings) for trial in finish(study(tmp_path, arms=(arm,)), tmp_path)]
    wide = [{"method.kind": "wide", "method.width": width} for width in (1, 2)]
    cells = [*wide, {"method.kind": "deep"}]
    expected = [{**cell, "method.shape": shape} for cell in cells for shape in ([1, 2], [3, 4])]
    assert len(settings) == len(expected) == 6
    assert all(cell in settings for cell in expected)


def test_sampled_knobs_join_the_cells_of_grids(tmp_path: Path) -> None:
    arm = Arm(
        name="mixed",
        method="fma",
        space=(
            Dimension(name="method.cell", distribution=Grid(("x", "y"))),
            Dimension(name="train.epochs", distribution=LogInt(1, 100)),
            Dimension(name="method.blocks", distribution=Int(2, 4)),
            Dimension(name="method.noise", distribution=Uniform(0.0, 1.0), when={"method.cell": "x"}),
            Dimension(name="method.kind", distribution=Choice(("p", None, True))),
        ),
    )
    spec = study(tmp_path, arms=(arm,), search=SearchSpec(sampler="tpe", trials=24, seed=0), evaluations=1)
    settings = [trial.settings for trial in finish(spec, tmp_path)]
    assert [each["method.cell"] for each in settings] == ["x", "y"] * 12
    assert all(("method.noise" in each) == (each["method.cell"] == "x") for each in settings)
    assert all(1 <= each["train.epochs"] <= 100 and 2 <= each["method.blocks"] <= 4 for each in settings)
    assert {each["method.kind"] for each in settings} == {"p", None, True}


def test_failures_keep_their_reason_and_the_study_goes_on(tmp_path: Path) -> None:
    arms = tuple(replace(searched(name), name=name) for name in ("nan", "bug", "loss", "good"))
    trials = finish(study(tmp_path, arms=arms, trials=2), tmp_path)
    verdicts = {(trial.arm, trial.verdict) for trial in trials}
    assert verdicts == {("nan", "failed"), ("bug", "failed"), ("loss", "failed"), ("good", "complete")}
    reasons = {trial.arm: trial.reason for trial in trials}
    assert reasons["bug"].startswith("RuntimeError: a bug in the training (fakes.py:")
    assert "not finite at step 5; the last finite loss was 1.25" in reasons["loss"]
    assert reasons["nan"].startswith("val/accuracy is nan at step 5 (50 % of the training); its last finite value was")
    assert reasons["good"] == ""
    assert all(len(trial.measurements) == 4 for trial in trials if trial.arm == "nan")


def test_nan_is_never_promoted_nor_counted_by_the_pruner(tmp_path: Path) -> None:
    spec = study(tmp_path, arms=(searched("nan"),), trials=4, pruner=PrunerSpec(name="asha", reduction=3, grace=0.6))
    assert [trial.verdict for trial in finish(spec, tmp_path)] == ["failed"] * 4


@pytest.mark.parametrize("name", ["asha", "hyperband", "median"])
@pytest.mark.parametrize("objective", ["val/accuracy", "val/cross_entropy"])
def test_pruners_stop_the_worse_ones(tmp_path: Path, name: str, objective: str) -> None:
    pruner = PrunerSpec(name=name, reduction=3, grace=0.2)
    spec = study(tmp_path, arms=(searched("a"),), trials=20, pruner=pruner, objective=objective)
    trials = finish(spec, tmp_path)
    pruned = [trial for trial in trials if trial.verdict == "pruned"]
    complete = [trial for trial in trials if trial.verdict == "complete"]
    assert len(pruned) >= 3 and complete
    assert all(trial.measurements[-1].progress < 1 and trial.reason.startswith(name) for trial in pruned)
    assert all(trial.measurements[-1].percent >= 20 for trial in pruned)
    assert all(trial.measurements[-1].progress == 1 and trial.reason == "" for trial in complete)
    sign = -1 if objective == "val/cross_entropy" else 1
    best = [max(sign * trial.measurements[1].metrics[objective] for trial in some) for some in (complete, pruned)]
    assert best[0] > best[1]  # at 20 %


def test_interrupted_trials_come_first_with_their_settings(tmp_path: Path) -> None:
    spec = study(tmp_path, trials=3)
    with sitting(spec, tmp_path) as (search, errand, _, _):
        first, second = search.next(), search.next()
        assert not train(search, errand, second, measurements=4)
    with sitting(spec, tmp_path) as (search, errand, _, _):
        assert [search.next(), search.next()] == [first, second]
        assert train(search, errand, second)
        assert search.next().number == 0  # of `zero`, which has had none
    trial = next(trial for trial in read(folder_of(spec, tmp_path)).trials if trial.arm == second.arm)
    assert [measurement.step for measurement in trial.measurements] == list(range(1, 11))


def test_a_lost_trial_is_handed_out_again_three_times(tmp_path: Path) -> None:
    spec = study(tmp_path, arms=(Arm(name="zero", method="zero_shot"),))
    with sitting(spec, tmp_path) as (search, _, _, lines):
        for _ in range(4):
            handout = search.next()
            search.lost(handout.arm, handout.number, "the node went away", counts=False)  # preempted: does not count
        for _ in range(4):
            assert not search.finished
            handout = search.next()
            search.lost(handout.arm, handout.number, "the node went away")
        assert search.finished and search.next() is None
    (trial,) = read(folder_of(spec, tmp_path)).trials
    assert (trial.verdict, trial.reason) == ("failed", "its worker died 4 times, at last: the node went away")
    assert len(lines) == 8


def test_the_budget_counts_earlier_sittings(tmp_path: Path) -> None:
    spec = study(tmp_path, trials=50, budget=BudgetSpec(minutes=0.5))
    with sitting(spec, tmp_path) as (search, errand, ledger, _):
        train(search, errand, search.next())
        search.stop_clock()
        ledger.clock("search", 31.0)
    with sitting(spec, tmp_path) as (search, _, _, _):
        assert search.finished
    assert read(folder_of(spec, tmp_path)).header.provenance["search seconds"] == "31"


def test_a_training_that_measures_differently_the_second_time_keeps_the_first(tmp_path: Path) -> None:
    spec = study(tmp_path, arms=(searched("a"),), trials=1)
    with sitting(spec, tmp_path) as (search, errand, _, lines):
        handout = search.next()
        train(search, errand, handout, measurements=1)
        (known,) = read(errand.folder).trials[0].measurements
        assert not search.heard("a", 0, replace(known, seconds=1e9))
        assert not lines
        assert not search.heard("a", 0, replace(known, terms={"loss": 1.0}))
    assert "measured step 1 twice" in lines[0]
    assert read(errand.folder).trials[0].measurements == (known,)
