"""Which setting stands best, and at which point of the inference axes, where settings have several seeds."""

import math
from pathlib import Path

from tests.tuning.fakes import FakeWork, searched, study
from vlstudy.journal.entries import GROUP, REPLICATE, SETTINGS
from vlstudy.journal.folder import write_header
from vlstudy.journal.ledger import Ledger
from vlstudy.measurement import Measurement, Point
from vlstudy.tuning.standing import best_trials, chosen_axis


def ledger_in(folder: Path) -> Ledger:
    """An empty journal of one arm, `a`."""
    spec = study(folder, arms=(searched("a"),))
    header = FakeWork().header(spec, {})
    write_header(folder, header, spec.text)
    return Ledger(folder, header)


def trained(ledger: Ledger, *curves: tuple[float, ...], constraint: float | None = None) -> int:
    """The first trial of a setting with these seeds, each with a value at every point of the axis.

    The value that counts is the first that was measured.
    """
    numbers: list[int] = []
    for replicate, curve in enumerate(curves):
        origin = {GROUP: numbers[0], REPLICATE: replicate} if numbers else {}
        setting = {"train.lr": numbers[0] if numbers else len(ledger.trials("a"))}
        number = ledger.begin("a", setting, {}, {}, attributes=origin)
        points = tuple(Point(axis={"k": k}, metrics={"val/accuracy": value}) for k, value in enumerate(curve))
        choice = next(index for index, value in enumerate(curve) if not math.isnan(value))
        ledger.record("a", number, Measurement(step=1, progress=1.0, points=points, choice=choice))
        ledger.complete("a", number, [curve[choice]], constraints={} if constraint is None else {"val/x": constraint})
        numbers.append(number)
    return numbers[0]


def best(ledger: Ledger, top: int = 1) -> list[int]:
    """The numbers of the best settings."""
    return [trial.number for trial in best_trials(ledger, "a", top)]


def test_the_best_setting_is_the_complete_one_with_the_best_mean_by_its_first_trial(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    lucky, steady, poor = trained(ledger, (0.9,)), trained(ledger, (0.7,), (0.8,)), trained(ledger, (0.8,), (0.2,))
    assert best(ledger, top=3) == [steady, poor]  # one lucky seed is no complete setting
    assert lucky not in best(ledger, top=3)
    assert ledger.trials("a")[steady].user_attrs[SETTINGS] == {"train.lr": steady}


def test_where_a_budget_ended_the_search_those_with_the_most_seeds_count(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    one, other = trained(ledger, (0.5,)), trained(ledger, (0.6,))
    assert best(ledger, top=2) == [other, one]


def test_a_setting_that_was_given_up_is_not_the_best(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    failed, sound = trained(ledger, (0.9,), (0.9,)), trained(ledger, (0.5,))
    ledger.fail("a", ledger.begin("a", {}, {}, {}, attributes={GROUP: failed, REPLICATE: 2}), "a bug")
    assert best(ledger) == [sound]


def test_a_setting_that_holds_the_constraints_is_best_though_another_has_more_seeds(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    trained(ledger, (0.9,), (0.9,), constraint=1.0)
    assert best(ledger) == [0]
    holds = trained(ledger, (0.5,), constraint=-1.0)
    assert best(ledger) == [holds]


def test_the_point_of_the_axis_is_the_best_in_the_mean_of_the_seeds(tmp_path: Path) -> None:
    """Each seed alone would choose another point than 1."""
    ledger = ledger_in(tmp_path)
    number = trained(ledger, (0.9, 0.8, 0.1), (0.1, 0.8, 0.9))
    assert chosen_axis(ledger, "a", ledger.trial("a", number)) == {"k": 1}


def test_a_point_that_one_seed_could_not_measure_is_not_chosen(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    number = trained(ledger, (math.nan, 0.5, 0.8), (0.9, 0.5, 0.7))
    assert chosen_axis(ledger, "a", ledger.trial("a", number)) == {"k": 2}


def test_the_point_of_a_setting_with_one_seed_is_the_one_that_its_measurement_chose(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    number = trained(ledger, (0.5, 0.9))
    assert chosen_axis(ledger, "a", ledger.trial("a", number)) == {"k": 0}
