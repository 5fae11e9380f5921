"""Figures: their numbers by hand, what they refuse, and drawings that no name can break."""

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import planted_pairs as pairs
from tests.report import aims, tasks
from tests.report.records import LR, NOISE, arm_header, confirm, full, header, small, trial
from vlstudy.journal import StudyRecord, TrialRecord
from vlstudy.measurement import Measurement, Point
from vlstudy.report.figures import FIGURES, NotApplicable, Unavailable
from vlstudy.report.svg import drawn

HOSTILE = ("<script>alert(1)</script>", "$x_1$ and $\\frac{1", "_leading", "n" * 60)


SPACE = {LR: "log-uniform 1e-4 .. 1e-2", NOISE: "uniform 0 .. 1"}


def study(*trials: TrialRecord, space: Mapping[str, str] = SPACE, **changes: Any) -> StudyRecord:
    """A linear probe and an FMA that searches `space`, with these trials."""
    arms = arm_header("linear_probe"), arm_header("fma", baseline=False, space=space)
    return StudyRecord(folder="f", text="", header=header(*arms, **changes), trials=trials)


# the study that each figure is drawn of; all others are drawn of a study that has no more than trials and seeds
STUDIES: dict[str, Callable[[Path], StudyRecord]] = {
    "shots": lambda folder: tasks.by_shots(),
    "objectives": lambda folder: aims.pareto(),
    "base_new": lambda folder: tasks.base_to_new(),
    "domains": lambda folder: tasks.left_out(),
    "stages": lambda folder: tasks.stacked(),
    "retrieval": lambda folder: pairs.schedules(),
    "weights": lambda folder: pairs.schedules(),
    "curriculum": lambda folder: pairs.curricula(),
    "robustness": lambda folder: pairs.trained_noisy(),
    **dict.fromkeys(("alpha_target", "pareto", "gap_quality", "tsne", "captions"), pairs.curricula),
    **dict.fromkeys(("attention", "attention_layers", "smoothing", "calibration"), tasks.looked_at),
}


def example(name: str, folder: Path) -> StudyRecord:
    return STUDIES.get(name, lambda folder: full())(folder)


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_figure_draws_without_warnings_and_says_what_to_see(name: str, tmp_path: Path) -> None:
    figure, record = FIGURES[name], example(name, tmp_path)
    frame = figure.numbers(record)
    assert len(frame) and len(figure.caption(record, frame)) > 60 and figure.title(record)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one, two = (drawn(name, name, lambda: figure.draw(record, frame)) for _ in range(2))
    assert one == two and one.startswith("<svg")


@pytest.mark.parametrize("name", list(FIGURES))
@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_do_not_break_a_drawing(name: str, hostile: str, tmp_path: Path) -> None:
    record = tasks.renamed(example(name, tmp_path), hostile)
    frame = FIGURES[name].numbers(record)
    svg = drawn(name, name, lambda: FIGURES[name].draw(record, frame))
    assert "<script" not in svg
    assert "n" * 50 not in svg


@pytest.mark.parametrize("name", list(FIGURES))
@pytest.mark.parametrize("seeds", [(1,), (1, 3)])
def test_missing_seeds_and_missing_arms_leave_the_rest(name: str, seeds: tuple[int, ...], tmp_path: Path) -> None:
    record = example(name, tmp_path)
    last = [arm.name for arm in record.header.arms][-1]
    kept = [item for item in record.confirms if item.seed in seeds and (item.arm != last or name == "stages")]
    record = replace(record, confirms=tuple(kept))
    if name in ("smoothing", "gap_quality") or (name == "inference_axes" and last == "fma"):
        with pytest.raises(Unavailable):  # the only arm that has what the figure is about, or the sixth model
            FIGURES[name].numbers(record)
        return
    frame = FIGURES[name].numbers(record)
    assert FIGURES[name].caption(record, frame) and drawn(name, name, lambda: FIGURES[name].draw(record, frame))


@pytest.mark.parametrize("name", list(FIGURES))
def test_thirty_arms_can_be_drawn(name: str, tmp_path: Path) -> None:
    record = tasks.crowd(tmp_path)
    assert len(record.header.arms) == 30
    try:
        frame = FIGURES[name].numbers(record)
    except NotApplicable:
        assert name in STUDIES and name != "calibration"
        return
    svg = drawn(name, name, lambda: FIGURES[name].draw(record, frame))
    assert len(FIGURES[name].caption(record, frame)) < 1200
    width, height = map(float, re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)[0])
    assert height < 9 * width


@pytest.mark.parametrize("name", list(FIGURES))
def test_an_empty_study_has_a_sentence_instead_or_no_such_section(name: str) -> None:
    with pytest.raises(Unavailable, match=r"^[A-Z].*\.$") as raised:
        FIGURES[name].numbers(study())
    left_out = name in STUDIES and name != "calibration"
    assert (raised.type is NotApplicable) == (left_out or name == "inference_axes")


def test_comparison_by_hand() -> None:
    values = {"zero_shot": [0.5, 0.5], "linear_probe": [0.6, 0.7], "fma": [0.7, 0.9]}
    frame = FIGURES["comparison"].numbers(small(values))
    assert frame["arm"].tolist() == ["fma", "linear_probe", "zero_shot"]
    assert frame["mean"].tolist() == pytest.approx([80, 65, 50])
    assert frame["n"].tolist() == [2, 2, 2]
    differences = frame["difference: mean"].tolist()
    assert differences[0] == pytest.approx(15) and differences[2] == pytest.approx(-15)
    assert frame["seed 2"].tolist() == pytest.approx([90, 70, 50])
    assert frame["low"][2] == frame["high"][2] == pytest.approx(50)


def test_comparison_without_a_baseline_has_one_panel() -> None:
    record = small({"fma": [0.7, 0.9]})
    frame = FIGURES["comparison"].numbers(record)
    assert [column for column in frame if "difference" in column] == []
    assert "lower panel" not in FIGURES["comparison"].caption(record, frame)
    drawn("one", "one", lambda: FIGURES["comparison"].draw(record, frame))


def test_comparison_puts_the_least_first_where_less_is_better() -> None:
    record = small({"zero_shot": [0.5], "fma": [0.7]}, direction="minimize")
    assert FIGURES["comparison"].numbers(record)["arm"].tolist() == ["zero_shot", "fma"]


def test_solver_steps_tell_the_choice_from_the_oracle() -> None:
    axes = {"method.solver_steps": tuple(range(11))}
    arm = arm_header("fma", baseline=False, axes=axes)
    searched = trial("fma", 0, {1.0: 0.8}, axis="solver_steps")
    confirms = tuple(confirm("fma", seed, 0.8, axis={"solver_steps": 9.0}) for seed in (1, 2))
    record = StudyRecord(folder="f", text="", header=header(arm), trials=(searched,), confirms=confirms)
    figure = FIGURES["inference_axes"]
    frame = figure.numbers(record).set_index("value")
    assert frame.index[frame["chosen on validation"]].tolist() == [9] and frame.index[frame["oracle"]].tolist() == [6]
    assert frame["test mean"][6.0] - frame["test mean"][9.0] > 0
    assert figure.title(record) == "Accuracy against solver steps"
    caption = figure.caption(record, frame.reset_index())
    assert "fma: validation chose solver_steps = 9, the oracle 6, better by 4.0 points." in caption


def test_two_axes_have_a_panel_each_with_the_other_held_where_validation_chose_it() -> None:
    points = tuple(
        Point(axis={"steps": steps, "stop": stop}, metrics={"test/accuracy": steps / 10 + stop})
        for steps in (1.0, 2.0)
        for stop in (0.25, 0.5)
    )
    measured = Measurement(step=1, progress=1.0, points=points, choice=3)
    chosen = confirm("fma", 1, 0.5, measurement=measured, metrics=points[1].metrics)
    chosen = replace(chosen, axis={"steps": 1.0, "stop": 0.5})
    frame = FIGURES["inference_axes"].numbers(replace(small({"fma": []}), confirms=(chosen,)))
    assert frame.groupby("axis")["test mean"].apply(list).to_dict() == {
        "steps": pytest.approx([60, 70]),
        "stop": pytest.approx([35, 60]),
    }


def test_best_so_far_by_hand() -> None:
    record = study(
        trial("fma", 0, {1.0: 0.5}),
        trial("fma", 1, {0.2: 0.9}, verdict="pruned"),
        trial("fma", 2, {1.0: 0.7}),
        trial("fma", 3, {1.0: 0.6}),
        trial("fma", 4, {0.2: 0.8}, verdict="running"),
    )
    frame = FIGURES["best_so_far"].numbers(record)
    assert frame["trials finished"].tolist() == [1, 2, 3, 4]
    assert frame["best"].tolist() == pytest.approx([50, 50, 70, 70])
    assert frame["seconds"].tolist() == [9, 14, 19, 24]


def test_best_so_far_falls_where_less_is_better() -> None:
    record = study(trial("fma", 0, {1.0: 0.5}), trial("fma", 1, {1.0: 0.3}), direction="minimize", unit="nats")
    assert FIGURES["best_so_far"].numbers(record)["best"].tolist() == [0.5, 0.3]


def test_learning_curves_have_every_measurement_of_every_verdict() -> None:
    record = study(
        trial("fma", 0, {0.5: 0.5, 1.0: 0.6}),
        trial("fma", 1, {0.5: 0.4}, verdict="pruned"),
        trial("linear_probe", 0, {1.0: 0.7}),
    )
    frame = FIGURES["learning_curves"].numbers(record)
    assert frame["50 %"].tolist() == pytest.approx([50, 40])
    assert frame["100 %"].tolist() == pytest.approx([60, float("nan")], nan_ok=True)
    assert frame["verdict"].tolist() == ["complete", "pruned"]
    assert "Measured once only, so without a curve: linear_probe." in FIGURES["learning_curves"].caption(record, frame)


def test_importance_finds_the_knob_that_matters_and_counts_complete_trials_only() -> None:
    trials = [
        trial("fma", n, {1.0: 0.5 + 0.4 * (n / 40)}, settings={LR: 10 ** (-4 + n / 20), NOISE: (n * 7 % 40) / 40})
        for n in range(40)
    ]
    pruned = [trial("fma", 40 + n, {0.2: 0.99}, settings={LR: 1e-4, NOISE: 0.0}, verdict="pruned") for n in range(20)]
    frame = FIGURES["importance"].numbers(study(*trials, *pruned)).set_index("knob")
    assert frame["importance"][LR] > 0.7
    assert frame["importance"].sum() == pytest.approx(1)
    assert set(frame["n"]) == {40}


@pytest.mark.parametrize(
    "trials",
    [
        [trial("fma", n, {1.0: 0.5 + n / 100}, settings={LR: 1e-3 * (n + 1), NOISE: n / 9}) for n in range(9)],
        [trial("fma", n, {1.0: 0.5}, settings={LR: 1e-3 * (n + 1), NOISE: n / 9}) for n in range(12)],
        [trial("fma", n, {1.0: 0.5 + n / 100}, settings={LR: 1e-3 * (n + 1), NOISE: 0.5}) for n in range(12)],
    ],
    ids=["few", "constant", "one knob"],
)
def test_importance_refuses_too_little(trials: list[TrialRecord]) -> None:
    with pytest.raises(Unavailable, match="too little to say which knob"):
        FIGURES["importance"].numbers(study(*trials))


def test_importance_takes_words_and_whole_numbers() -> None:
    space = {"method.path": "choice none, bridge", "method.blocks": "int 0 .. 12", "method.steps": "choice 1, 2"}
    trials = [
        trial(
            "fma",
            n,
            {1.0: 0.5 + 0.3 * (n % 2) + n / 1000},
            settings={"method.path": ("none", "bridge")[n % 2], "method.blocks": n, "method.steps": n % 3},
        )
        for n in range(12)
    ]
    frame = FIGURES["importance"].numbers(study(*trials, space=space)).set_index("knob")
    assert set(frame.index) == set(space) and frame["importance"].idxmax() == "method.path"


def test_importance_takes_a_knob_that_only_some_trials_have() -> None:
    space = {"method.path": "choice none, bridge", NOISE: "uniform 0 .. 1 when method.path = bridge"}
    trials = [
        trial(
            "fma",
            n,
            {1.0: 0.5 + 0.3 * (n % 2) + n / 1000},
            settings={"method.path": "bridge", NOISE: n / 20} if n % 2 else {"method.path": "none"},
        )
        for n in range(20)
    ]
    assert set(FIGURES["importance"].numbers(study(*trials, space=space))["knob"]) == set(space)
