"""Tables: what is aligned, what a column is sorted by, and every trial with its story."""

from dataclasses import replace

import pandas as pd

from tests.report.records import LR, confirm, full, small, trial
from vlstudy.report.table import Cell, table, trials, twin, winners


def test_a_column_is_numeric_if_a_value_in_it_is() -> None:
    made = table(["a", "b", "c"], [{"a": "x", "b": None, "c": True}, {"a": "y", "b": 2.0, "c": False}])
    assert made.numeric == (False, True, False)
    assert made.rows == ((Cell("x"), Cell("–"), Cell("yes")), (Cell("y"), Cell("2.00", 2.0), Cell("")))


def test_a_twin_keeps_counts_whole_and_shows_gaps() -> None:
    frame = pd.DataFrame({"mean": [71.5, None], "n": pd.array([5, None], dtype="Int64")})
    assert [[cell.text for cell in row] for row in twin(frame).rows] == [["71.50", "5"], ["–", "–"]]


def test_infinite_values_do_not_decide_how_others_look() -> None:
    made = table(["loss"], [{"loss": float("inf")}, {"loss": 0.00025}, {"loss": float("nan")}])
    assert [row[0].text for row in made.rows] == ["inf", "2.5e-4", "–"]
    assert [row[0].key for row in made.rows] == [None, 0.00025, None]  # JavaScript knows no number called inf


def test_every_trial_is_there_by_arm_and_number() -> None:
    record = full()
    made = trials(record)
    place = {name: index for index, name in enumerate(made.columns)}
    assert len(made.rows) == len(record.trials)
    told = {(row[place["arm"]].text, row[place["trial"]].text): row for row in made.rows}
    for item in record.trials:
        row = told[item.arm, str(item.number)]
        assert row[place["verdict"]].text == item.verdict and row[place["reason"]].text == item.reason
        if LR in item.settings:
            assert row[place[LR]].key == item.settings[LR]
    assert told["fma", "0"][place["chosen at inference"]].text == "solver_steps = 5"


def test_every_setting_measured_on_test_is_there_and_the_one_that_counts_comes_first() -> None:
    record = small({"linear_probe": [0.5, 0.5], "fma": [0.6, 0.6]})
    other = (confirm("fma", 1, 0.8, rank=1, trial=3), confirm("fma", 2, 0.8, rank=1, trial=3))
    newer = tuple(confirm("fma", seed, 0.65, trial=7, settings={LR: 0.001}) for seed in (1, 2))
    searched = (trial("fma", 7, {0.5: 0.1, 1.0: 0.8}),)
    made = winners(replace(record, trials=searched, confirms=record.confirms + other + newer))
    assert made.columns[2:7] == ("validation (%)", "test (%)", "low", "high", "n")
    assert [[cell.text for cell in row] for row in made.rows] == [
        ["linear_probe", "0", "–", "50.00", "50.00", "50.00", "2", "nothing searched", ""],
        ["fma", "7", "80.00", "65.00", "65.00", "65.00", "2", "train.lr = 0.001", ""],
        ["fma", "0", "–", "60.00", "60.00", "60.00", "2", "nothing searched", ""],
        ["fma", "3", "–", "80.00", "80.00", "80.00", "2", "nothing searched", ""],
    ]


def test_a_knob_called_like_a_column_keeps_both() -> None:
    made = trials(small_with(settings={"trial": 7, "verdict": "odd"}))
    assert made.columns.count("trial") == made.columns.count("verdict") == 2
    assert [cell.text for cell in made.rows[0]] == ["fma", "0", "complete", "60.00", "7", "odd", "4.10"]


def small_with(**changes: object):  # type: ignore[no-untyped-def]
    record = small({"fma": []})
    return type(record)(**{**vars(record), "trials": (trial("fma", 0, {1.0: 0.6}, **changes),)})  # type: ignore[arg-type]
