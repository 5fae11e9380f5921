"""When a search ends before its settings are tried."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.tuning.fakes import searched, study
from tests.tuning.here import finish, sitting, train
from vlstudy.journal import folder_of, read
from vlstudy.journal.folder import read_header
from vlstudy.journal.ledger import Ledger
from vlstudy.study.spec import BudgetSpec, ResourceSpec, StopSpec
from vlstudy.tuning.stopping import gpu_hours, why_stop


def test_all_trials_of_a_budget(tmp_path: Path) -> None:
    spec = study(tmp_path, arms=(searched("a"), searched("b")), trials=9, budget=BudgetSpec(trials=5))
    assert len(finish(spec, tmp_path)) == 5
    assert len(finish(replace(spec, budget=BudgetSpec(trials=7)), tmp_path)) == 7  # more later


def test_a_target_that_is_reached(tmp_path: Path) -> None:
    spec = study(tmp_path, arms=(searched("a"),), trials=30, stop=StopSpec(target=0.85))
    trials = finish(spec, tmp_path)
    values = [trial.measurements[-1].metrics["val/accuracy"] for trial in trials]
    assert len(trials) < 30 and values[-1] >= 0.85 > max(values[:-1])
    with sitting(spec, tmp_path) as (search, _, _, _):
        assert search.finished and "reached 0." in search.ended and search.ended.endswith("the target is 0.85")


def test_a_target_below_counts_where_less_is_better(tmp_path: Path) -> None:
    spec = study(tmp_path, arms=(searched("a"),), trials=30, stop=StopSpec(target=0.2), objective="val/cross_entropy")
    values = [trial.measurements[-1].metrics["val/cross_entropy"] for trial in finish(spec, tmp_path)]
    assert len(values) < 30 and values[-1] <= 0.2 < min(values[:-1], default=1)


def test_a_plateau_ends_its_arm_only(tmp_path: Path) -> None:
    spec = study(tmp_path, arms=(searched("a"), searched("bug")), trials=30, stop=StopSpec(patience=4))
    trials = finish(spec, tmp_path)
    mine = [trial.measurements[-1].metrics["val/accuracy"] for trial in trials if trial.arm == "a"]
    best = mine.index(max(mine))
    assert len(mine) == best + 1 + 4 < 30
    assert sum(trial.arm == "bug" for trial in trials) <= 4


@pytest.mark.parametrize(
    ("budget", "says"),
    [
        (BudgetSpec(gpu_hours=2.0), "2.50 GPU hours are spent, of 2"),
        (BudgetSpec(money=5.0, price_per_gpu_hour=2.0), "5.00 are spent on 2.50 GPU hours, of 5"),
        (BudgetSpec(money=6.0, price_per_gpu_hour=2.0, gpu_hours=3.0), None),
    ],
)
def test_hours_and_money_are_counted_from_the_journal(tmp_path: Path, budget: BudgetSpec, says: str | None) -> None:
    spec = study(tmp_path, arms=(searched("a"),), trials=2, resources=ResourceSpec(gpus=0.5), budget=budget)
    with sitting(spec, tmp_path) as (search, errand, ledger, _):
        for _ in range(2):
            handout = search.next()
            for measurement, _ in errand.train(handout.arm, handout.settings, name="x", seed=0, fresh=False):
                slow = replace(measurement, seconds=900.0 * measurement.step)  # 2.5 hours in all
                search.heard(handout.arm, handout.number, slow)
            (errand.folder / "trials").joinpath(next((errand.folder / "trials").iterdir()).name).unlink()
        assert gpu_hours(spec, ledger.trials("a")) == pytest.approx(2.5)
        assert why_stop(spec, ledger, seconds=0) == says
    again = Ledger(folder_of(spec, tmp_path), read_header(folder_of(spec, tmp_path)))
    assert why_stop(spec, again, seconds=0) == says


def test_the_report_knows_why_it_ended(tmp_path: Path) -> None:
    spec = study(tmp_path, arms=(searched("a"),), trials=9, budget=BudgetSpec(trials=2))
    with sitting(spec, tmp_path) as (search, errand, ledger, _):
        while handout := search.next():
            train(search, errand, handout)
        ledger.end(search.ended)
    record = read(folder_of(spec, tmp_path))
    assert record.ended == "2 trials were begun, which is all that budget.trials allows"
    assert record.header.provenance["search ended early"] == record.ended
