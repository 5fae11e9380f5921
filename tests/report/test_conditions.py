"""Studies with conditions: arms are compared within one condition, and told family by family."""

from dataclasses import replace

import pytest

from tests.report import tasks
from vlstudy.journal import StudyRecord
from vlstudy.report.answer import answer, reservations
from vlstudy.report.figures import FIGURES
from vlstudy.report.figures.marks import label, mark
from vlstudy.report.reading import conditions, data_of, families, grouped, strongest_baseline
from vlstudy.report.table import winners


def made(values: dict[str, dict[int, list[float]]]) -> StudyRecord:
    """Family -> shots -> accuracy on seed 1, 2, ..."""
    arms = [arm for name, own in values.items() for arm in tasks.family(name, [{"shots": count} for count in own])]
    confirms = [
        tasks.on_test(arm.name, seed, {"accuracy": value})
        for arm in arms
        for seed, value in enumerate(values[arm.family][arm.condition["shots"]], start=1)
    ]
    return tasks.study(arms, confirms)


TWO = {
    "zero_shot": {1: [0.5] * 5, 4: [0.5] * 5},
    "coop": {1: [0.4] * 5, 4: [0.6] * 5},
    "fma": {1: [0.52] * 5, 4: [0.57] * 5},
}


def test_arms_are_grouped_by_condition_in_the_order_of_the_file() -> None:
    record = made(TWO)
    assert [(one.label, len(one.arms)) for one in conditions(record)] == [("shots = 1", 3), ("shots = 4", 3)]
    assert families(record) == ("zero_shot", "coop", "fma")
    assert [one.label for one in grouped(record.header.arms, without=["shots"])] == [""]


def test_each_condition_has_its_own_strongest_baseline() -> None:
    record = made(TWO)
    assert [strongest_baseline(record, one).family for one in conditions(record)] == ["zero_shot", "coop"]  # type: ignore[union-attr]


def test_few_conditions_have_a_sentence_each() -> None:
    assert [f"{one.verdict}: {one.text}" for one in answer(made(TWO))] == [
        "Yes: at shots = 1, fma beats the strongest baseline, zero_shot, by 2.0 points "
        "(95 % interval 2.0 to 2.0, n = 5 paired seeds).",
        "No: at shots = 4, fma falls behind the strongest baseline, coop, by 3.0 points "
        "(95 % interval −3.0 to −3.0, n = 5 paired seeds).",
    ]


def test_many_conditions_have_a_sentence_a_family_with_every_interval() -> None:
    base = {count: [0.5] * 5 for count in (1, 2, 4, 8, 16)}
    gains = {1: [0.52] * 5, 2: [0.53, 0.49, 0.5, 0.51, 0.49], 4: [0.47] * 5, 8: [0.53] * 3, 16: []}
    (sentence,) = answer(made({"coop": base, "fma": gains}))
    assert sentence.verdict == "It depends"
    assert sentence.text == (
        "fma beats the strongest baseline of the same condition at shots = 1 (2.0 points over coop, 2.0 to 2.0, "
        "n = 5). "
        "It falls behind at shots = 4 (3.0 points below coop, −3.0 to −3.0, n = 5). "
        "It cannot be told apart at shots = 2 (+0.4 points against coop, −1.5 to 2.6, n = 5), "
        "at shots = 8 (+3.0 points against coop, 3.0 to 3.0, n = 3; 2 more needed). "
        "It was not measured on test: no trial yet at shots = 16."
    )


@pytest.mark.parametrize(("gain", "verdict"), [(0.02, "Yes"), (-0.02, "No"), (0.0, "Cannot tell")])
def test_one_outcome_everywhere_is_the_familys_verdict(gain: float, verdict: str) -> None:
    base = {count: [0.5, 0.51, 0.52, 0.53, 0.54] for count in (1, 2, 4, 8, 16)}
    own = {count: [value + gain for value in values] for count, values in base.items()}
    (sentence,) = answer(made({"coop": base, "fma": own}))
    assert sentence.verdict == verdict and "It " not in sentence.text


def test_reservations_say_that_conditions_are_not_mixed_and_count_the_comparisons() -> None:
    record = made(TWO)
    lines = reservations(record)
    assert "Arms are compared within one condition only: the same data, the same seeds." in lines
    assert any("The 2 intervals" in line for line in lines)
    assert any("baseline of its condition" in line for line in lines)
    short = replace(record, confirms=record.confirms[1:])
    assert any("zero_shot [shots=1] 4." in line for line in reservations(short))


def test_the_missing_are_counted_where_they_are_many() -> None:
    record = tasks.by_shots()
    line = reservations(replace(record, confirms=record.confirms[:1]))[-1]
    assert line.endswith("and 22 more.") and len(line) < 300


def test_a_condition_without_a_baseline_says_so() -> None:
    record = made({"coop": {1: [0.5] * 3, 4: []}, "fma": {1: [0.6] * 3, 4: [0.6] * 3}})
    assert answer(record)[1].text == "at shots = 4, fma has no baseline that was measured on test."


def test_the_comparison_has_a_panel_and_a_baseline_per_condition() -> None:
    record = made(TWO)
    frame = FIGURES["comparison"].numbers(record)
    assert frame[["condition", "arm"]].to_numpy().tolist() == [
        ["shots = 1", "fma"],
        ["shots = 1", "zero_shot"],
        ["shots = 1", "coop"],
        ["shots = 4", "coop"],
        ["shots = 4", "fma"],
        ["shots = 4", "zero_shot"],
    ]
    assert frame["difference: mean"].tolist() == pytest.approx(
        [2, float("nan"), -10, float("nan"), -3, -10], nan_ok=True
    )
    assert "A panel per condition." in FIGURES["comparison"].caption(record, frame)


def test_the_winners_have_a_column_for_what_was_varied() -> None:
    table = winners(made(TWO))
    assert table.columns[:3] == ("arm", "data.shots", "trial") and table.numeric[1]
    assert [cell.text for cell in table.rows[1][:3]] == ["zero_shot", "4", "0"]


def test_a_family_looks_the_same_in_every_condition_and_keeps_its_condition_in_its_label() -> None:
    record = tasks.by_shots()
    assert len({mark(record, arm.name) for arm in record.header.arms if arm.family == "coop"}) == 1
    assert mark(record, "coop") == mark(record, "coop [shots=4]") != mark(record, "fma [shots=4]")
    assert label(record, "tip_adapter [shots=16]", 10) == "tip…er, 16"


def test_an_arms_data_are_the_studys_with_its_own_on_top() -> None:
    record = made(TWO)
    assert data_of(record, record.header.arms[1]) == {"source": "miniature", "task": "few_shot", "shots": 4}


@pytest.mark.parametrize("first", ["domain_shift", "base_to_new"])
def test_a_study_of_two_tasks_shows_the_figures_of_both(first: str) -> None:
    second = "base_to_new" if first == "domain_shift" else "domain_shift"
    arms = tasks.family("coop", [{"task": first}, {"task": second}])
    confirms = []
    for arm in arms:
        halves = {"base_accuracy": 0.7, "new_accuracy": 0.6, "harmonic_mean": 0.65, "accuracy": 0.65}
        domains = {"accuracy": 0.2, "accuracy@sketch": 0.1, "accuracy@noise": 0.3}
        metrics = halves if arm.condition["task"] == "base_to_new" else domains
        confirms += [tasks.on_test(arm.name, seed, metrics) for seed in (1, 2)]
    record = tasks.study(arms, confirms, data={"source": "miniature", "task": first})
    assert FIGURES["base_new"].numbers(record)["arm"].tolist() == ["coop"]
    domains_shown = FIGURES["domains"].numbers(record)
    assert set(domains_shown["row"]) == {"coop"} and {"sketch", "noise"} <= set(domains_shown["domain"])
    panels = FIGURES["comparison"].draw(record, FIGURES["comparison"].numbers(record)).axes
    assert panels[0].get_xlim() != panels[1].get_xlim()  # 65 % and 20 % are not drawn on one scale
