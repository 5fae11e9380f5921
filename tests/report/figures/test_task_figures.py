"""Figures of the tasks: their numbers by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.report import tasks
from vlstudy.journal import StudyRecord
from vlstudy.measurement import Measurement, Point
from vlstudy.report.figures import FIGURES, NotApplicable, Unavailable
from vlstudy.report.svg import drawn

NAN = float("nan")


def drawing(name: str, record: StudyRecord) -> str:
    figure = FIGURES[name]
    frame = figure.numbers(record)
    return drawn(name, name, lambda: figure.draw(record, frame))


def test_shots_by_hand() -> None:
    arms = tasks.family("coop", [{"shots": 16}, {"shots": 0}, {"shots": 1}])
    values = {"coop [shots=1]": [0.5, 0.6], "coop [shots=16]": [0.7, 0.7], "coop [shots=0]": [0.9, 0.9]}
    confirms = [
        tasks.on_test(arm, seed, {"accuracy": value}) for arm, own in values.items() for seed, value in enumerate(own)
    ]
    frame = FIGURES["shots"].numbers(tasks.study(arms, confirms))
    assert frame["value"].tolist() == [1, 16, 0]  # 0 means all
    assert frame["mean"].tolist() == pytest.approx([55, 70, 90])
    assert frame["low"][1] == frame["high"][1] == pytest.approx(70) and frame["low"][0] < 50
    assert ">all</text>" in drawing("shots", tasks.study(arms, confirms))


def test_a_second_knob_has_its_own_panels() -> None:
    arms = tasks.family("coop", [{"shots": s, "held_out": d} for s in (1, 4) for d in ("sketch", "noise")])
    confirms = [tasks.on_test(arm.name, 1, {"accuracy": 0.5}) for arm in arms]
    frame = FIGURES["shots"].numbers(tasks.study(arms, confirms))
    assert set(frame["knob"]) == {"shots"} and set(frame["others"]) == {"held_out = sketch", "held_out = noise"}


def test_shots_ask_for_a_number_that_varies() -> None:
    for conditions in ([{"shots": 4}], [{"held_out": "a"}, {"held_out": "b"}], [{}]):
        with pytest.raises(NotApplicable):
            FIGURES["shots"].numbers(tasks.study(tasks.family("coop", conditions), []))


def test_base_against_new_by_hand() -> None:
    found = {"base_accuracy": 0.8, "new_accuracy": 0.4, "harmonic_mean": 8 / 15}
    confirms = [tasks.on_test("coop", 1, found), tasks.on_test("coop", 2, found)]
    data = {"source": "coop", "task": "base_to_new"}
    record = tasks.study(tasks.family("coop"), confirms, data=data, tested="test/harmonic_mean")
    row = FIGURES["base_new"].numbers(record).iloc[0]
    assert (row["base: mean"], row["new: mean"]) == pytest.approx((80, 40))
    assert row["harmonic mean: mean"] == pytest.approx(53.333, abs=1e-3) and row["n"] == 2
    assert "Highest harmonic mean: coop, 53.3 %." in FIGURES["base_new"].caption(
        record, FIGURES["base_new"].numbers(record)
    )


def test_lines_of_equal_harmonic_mean_are_where_they_should_be() -> None:
    from vlstudy.report.figures.base_new import _isolines
    from vlstudy.report.style import canvas

    _, (axes,) = canvas(height=3)
    _isolines(axes, (50.0, 80.0), (40.0, 70.0), labelled=True)
    lines = [line.get_xydata() for line in axes.get_lines()]
    means = [set(np.round(2 * x * y / (x + y), 6)) for x, y in (line.T for line in lines)]
    assert 3 <= len(means) <= 9 and all(len(mean) == 1 for mean in means)
    assert [text.get_text() for text in axes.texts] == [f"{mean.copy().pop():.0f}" for mean in means]


def held_out(values: dict[str, dict[str, list[float]]]) -> StudyRecord:
    """Family -> domain -> accuracy on seed 1, 2, ..."""
    arms = [arm for name, own in values.items() for arm in tasks.family(name, [{"held_out": domain} for domain in own])]
    confirms = [
        tasks.on_test(arm.name, seed, {"accuracy": value, f"accuracy@{arm.condition['held_out']}": value})
        for arm in arms
        for seed, value in enumerate(values[arm.family][arm.condition["held_out"]], start=1)
    ]
    return tasks.study(arms, confirms, data={"source": "domains", "task": "domain_shift"})


def test_domains_left_out_in_turn_by_hand() -> None:
    record = held_out(
        {
            "zero_shot": {"sketch": [0.5, 0.5], "noise": [0.3, 0.3]},
            "coop": {"sketch": [0.6, 0.6], "noise": [0.3, 0.3]},
            "fma": {"sketch": [0.62, 0.64], "noise": [0.2, 0.4]},
        }
    )
    frame = FIGURES["domains"].numbers(record).set_index(["row", "domain"])
    assert frame["mean"]["fma"].to_dict() == pytest.approx({"sketch": 63, "noise": 30, "mean": 46.5})
    assert frame["difference: mean"]["fma"].to_dict() == pytest.approx({"sketch": 3, "noise": 0, "mean": 1.5})
    assert set(frame["baseline"]) == {"coop"} and np.isnan(frame["difference: mean"]["coop", "mean"])
    # seed by seed: the means over the domains are 41 and 52 against 45, so that their interval is their own
    assert frame["difference: low"]["fma", "mean"] < -4 and frame["difference: high"]["fma", "mean"] > 7


def test_a_domain_that_was_not_measured_leaves_no_mean_over_domains() -> None:
    record = held_out({"coop": {"sketch": [0.6], "noise": [0.3]}, "fma": {"sketch": [0.7], "noise": []}})
    frame = FIGURES["domains"].numbers(record)
    assert frame[["row", "domain"]].to_numpy().tolist() == [
        ["coop", "sketch"],
        ["coop", "noise"],
        ["coop", "mean"],
        ["fma", "sketch"],
    ]
    assert ">nan</text>" not in drawing("domains", record)


def test_one_training_on_several_domains_and_shots_by_hand() -> None:
    arms = [*tasks.family("coop", [{"shots": 1}, {"shots": 4}]), *tasks.family("fma", [{"shots": 1}, {"shots": 4}])]
    level = {"coop": 0.4, "fma": 0.5}
    confirms = [
        tasks.on_test(arm.name, 1, {"accuracy@v2": level[arm.family], "accuracy@sketch": 0.2, "accuracy": 0.3})
        for arm in arms
    ]
    data = {"source": "domains", "task": "domain_shift", "train_on": "imagenet"}
    frame = FIGURES["domains"].numbers(tasks.study(arms, confirms, data=data))
    assert list(dict.fromkeys(frame["row"])) == [f"{name} (shots = {k})" for k in (1, 4) for name in ("coop", "fma")]
    assert frame[frame["domain"] == "v2"]["difference: mean"].tolist() == pytest.approx([NAN, 10, NAN, 10], nan_ok=True)


def test_halves_of_the_classes_are_no_domains() -> None:
    record = tasks.base_to_new()
    open_class = replace(record, header=replace(record.header, data={"task": "open_class"}))
    with pytest.raises(NotApplicable):
        FIGURES["domains"].numbers(open_class)
    assert len(FIGURES["base_new"].numbers(open_class))


def test_stages_by_hand() -> None:
    frame = FIGURES["stages"].numbers(tasks.stacked())
    assert frame[["condition", "from", "to"]].to_numpy().tolist() == [
        [f"shots = {shots}", *step] for shots in (4, 16) for step in (("zero_shot", "coop"), ("coop", "fma_on_coop"))
    ]
    assert frame["mean"].tolist() == pytest.approx([10.3, 2, 10.3, 2])
    assert frame["low"][1] == frame["high"][1] == pytest.approx(2)  # the same on every seed


def test_a_stage_on_zero_shot_is_told_once() -> None:
    arms = [*tasks.family("zero_shot"), *tasks.family("fma", on="zero_shot")]
    confirms = [tasks.on_test("zero_shot", 1, {"accuracy": 0.5}), tasks.on_test("fma", 1, {"accuracy": 0.6})]
    frame = FIGURES["stages"].numbers(tasks.study(arms, confirms))
    assert frame[["from", "to"]].to_numpy().tolist() == [["zero_shot", "fma"]] and "condition" not in frame
    with pytest.raises(Unavailable, match="together with the one that it stands on"):
        FIGURES["stages"].numbers(tasks.study(arms, confirms[:1]))


def test_attention_on_pictures_by_hand(tmp_path: Path) -> None:
    record = tasks.looked_at(tmp_path, ("zero_shot", "alignclip"))
    masks = np.zeros((6, 4, 4), dtype=bool)
    masks[:5, :2, :3] = True  # the upper left patch, and half of the upper right one
    after = np.zeros((6, 3, 2, 2), dtype=np.float32)
    after[:, 0], after[:, 1], after[:, 2] = [[0.5, 0.3], [0.1, 0.1]], [[0.7, 0.1], [0.1, 0.1]], [[0, 0], [0, 1]]
    arrays = tasks.pictures(1) | {"masks": masks, "attention_after": after}
    arrays |= {"pictures": np.zeros((6, 4, 4, 3), dtype=np.uint8), "attention_before": np.full((6, 3, 2, 2), 0.25)}
    tasks.leave(tmp_path, "alignclip", arrays)
    frame = FIGURES["attention"].numbers(record)
    assert len(frame) == 6 and set(frame["arm"]) == {"alignclip"}
    first = frame.iloc[0]  # two layers are aligned: their mean is 0.6, 0.2, 0.1, 0.1
    assert first["on the object before (%)"] == pytest.approx(37.5)
    assert first["on the object after (%)"] == pytest.approx(70)
    assert (first["patches with half of it before"], first["patches with half of it after"]) == (2, 1)
    assert np.isnan(frame["on the object after (%)"].iloc[5])  # no object in sight
    assert "the first 2 of 3 layers" in FIGURES["attention"].caption(record, frame)
    assert drawing("attention", record).count("<image") == 6 * 3


def test_pictures_without_masks_have_no_outline_and_no_share(tmp_path: Path) -> None:
    record = tasks.looked_at(tmp_path, ("zero_shot", "finetune"))
    arrays = tasks.pictures(1)
    del arrays["masks"]
    tasks.leave(tmp_path, "finetune", arrays)
    assert not FIGURES["attention"].numbers(record).filter(like="on the object").size
    assert "outline" not in FIGURES["attention"].caption(record, FIGURES["attention"].numbers(record))
    assert "var(--paper)" not in drawing("attention", record)
    tasks.leave(tmp_path, "finetune", tasks.pictures(1))
    assert drawing("attention", record).count("var(--paper)") == 6 * 3


def test_arms_that_were_shown_other_pictures_are_named_not_drawn(tmp_path: Path) -> None:
    record = tasks.looked_at(tmp_path)
    other = tasks.pictures(1)
    tasks.leave(tmp_path, "finetune", other | {"pictures": other["pictures"][::-1]})
    frame = FIGURES["attention"].numbers(record)
    assert set(frame["arm"]) == {"alignclip"} and "Not shown: finetune." in FIGURES["attention"].caption(record, frame)


def test_attention_by_layer_is_paired_with_plain_fine_tuning(tmp_path: Path) -> None:
    arms = [*tasks.family("zero_shot"), *tasks.family("finetune"), *tasks.family("alignclip")]
    confirms = [
        tasks.on_test(name, seed, {f"attention_on_object{at}": value + 0.01 * seed for at in ("@2", "@10", "")})
        for name, value in (("zero_shot", 0.2), ("finetune", 0.3), ("alignclip", 0.35))
        for seed in (1, 2, 3)
    ]
    frame = FIGURES["attention_layers"].numbers(tasks.study(arms, confirms, str(tmp_path)))
    assert frame["layer"].tolist() == [2, 10, "mean"] * 3
    assert frame["mean"].tolist() == pytest.approx([22] * 3 + [32] * 3 + [37] * 3)
    assert frame["difference: mean"].tolist() == pytest.approx([-10] * 3 + [NAN] * 3 + [5] * 3, nan_ok=True)
    assert frame["difference: low"].iloc[-1] == pytest.approx(5)  # every seed differs by the same
    without = tasks.study([arms[0], arms[2]], confirms, str(tmp_path))
    assert FIGURES["attention_layers"].numbers(without)["difference: mean"].iloc[-1] == pytest.approx(15)


def test_smoothing_by_hand(tmp_path: Path) -> None:
    record = tasks.looked_at(tmp_path)
    matrix = np.array([[0.7, 0.2, 0.1], [0.05, 0.9, 0.05], [0.3, 0.1, 0.6]])
    tasks.leave(tmp_path, "alignclip", {"smoothing": matrix, "classnames": np.array(["cat", "dog", "<b>"])})
    frame = FIGURES["smoothing"].numbers(record)
    assert frame["own weight (%)"].tolist() == pytest.approx([70, 90, 60])
    assert frame["1."].tolist() == ["dog", "cat", "cat"] and frame["1. weight (%)"].tolist() == pytest.approx(
        [20, 5, 30]
    )
    caption = FIGURES["smoothing"].caption(record, frame)
    assert "a class keeps 73.3 % on average, from 60.0 to 90.0 %" in caption
    svg = drawing("smoothing", record)
    assert all(f">{text}</text>" in svg for text in ("70", "90", "60", "&lt;b&gt;"))


@pytest.mark.parametrize(("classes", "rows"), [(2, 2), (50, 50), (300, 50)])
def test_many_classes_are_drawn_as_far_as_they_can_be_read(classes: int, rows: int, tmp_path: Path) -> None:
    record = tasks.looked_at(tmp_path)
    tasks.leave(tmp_path, "alignclip", tasks.smoothing(classes))
    svg = drawing("smoothing", record)
    assert len(FIGURES["smoothing"].numbers(record)) == classes
    assert svg.count("class number") == (rows if classes > 20 else 2 * rows) and len(svg) < 120_000


def test_calibration_is_of_the_point_that_validation_chose(tmp_path: Path) -> None:
    arm = tasks.family("fma")
    points = tuple(Point(axis={"steps": steps}, metrics={}) for steps in (0.0, 1.0))
    measured = Measurement(step=1, progress=1.0, points=points, choice=0)
    confirms = [
        tasks.on_test("fma", seed, {"expected_calibration_error": ece}, axis={"steps": 1.0}, measurement=measured)
        for seed, ece in ((1, 0.02), (2, 0.04))
    ]
    bins = np.zeros((2, 15, 3))
    bins[0, 3], bins[1, 9], bins[1, 12] = (0.2, 0.9, 7), (0.65, 0.5, 30), (0.85, 0.8, 10)
    tasks.leave(tmp_path, "fma", {"reliability": bins})
    frame = FIGURES["calibration"].numbers(tasks.study(arm, confirms, str(tmp_path)))
    assert frame[["bin", "images"]].to_numpy().tolist() == [[10, 30], [13, 10]]
    assert frame["confidence (%)"].tolist() == pytest.approx([65, 85])
    assert frame["accuracy (%)"].tolist() == pytest.approx([50, 80])
    assert frame["ECE"].tolist() == pytest.approx([3, 3]) and frame["ECE: low"][0] < 2


def test_arms_without_a_diagram_are_named(tmp_path: Path) -> None:
    record = tasks.looked_at(tmp_path)
    tasks.leave(tmp_path, "finetune", {})
    frame = FIGURES["calibration"].numbers(record)
    assert "Without a diagram: finetune." in FIGURES["calibration"].caption(record, frame)


@pytest.mark.parametrize("name", ["base_new", "domains"])
def test_thirty_arms_of_a_task_can_be_drawn(name: str) -> None:
    names = [f"variant_{place}" for place in range(30)]
    record = tasks.base_to_new(names) if name == "base_new" else tasks.left_out(names)
    svg = drawing(name, record)
    assert ">variant_29</text>" in svg and len(svg) < 250_000
