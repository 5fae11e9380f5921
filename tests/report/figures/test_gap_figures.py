"""Figures of the gap: what it costs, what alpha_target does, maps and captions, their numbers by hand."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import planted_pairs as pairs
from tests.report import tasks
from tests.report.figures.test_figures import HOSTILE
from tests.report.records import full
from vlstudy.journal import StudyRecord
from vlstudy.report.figures import NotApplicable, Unavailable, alpha_target, captions, pareto, tsne
from vlstudy.report.gaps import collapsed
from vlstudy.report.limits import limits
from vlstudy.report.svg import drawn

FIGURES = pytest.mark.parametrize(
    "figure", [pareto, alpha_target, tsne, captions], ids=lambda figure: figure.__name__.rpartition(".")[2]
)
NAN = float("nan")


def drawing(figure: Any, record: StudyRecord) -> str:
    frame = figure.numbers(record)
    return drawn("one", "one", lambda: figure.draw(record, frame))


def captioned(figure: Any, record: StudyRecord) -> str:
    text: str = figure.caption(record, figure.numbers(record))
    return text


def changed(record: StudyRecord, arm: str, change: Callable[[dict[str, float]], dict[str, float]]) -> StudyRecord:
    """The record with other values on test for one arm."""
    confirms = tuple(
        replace(item, metrics=change(dict(item.metrics))) if item.arm == arm else item for item in record.confirms
    )
    return replace(record, confirms=confirms)


def fallen(record: StudyRecord, arm: str) -> StudyRecord:
    return changed(record, arm, lambda values: values | {"test/image_effective_dimension": 1.5})


@FIGURES
def test_it_draws_without_warnings_and_says_what_to_see(figure: Any, tmp_path: Path) -> None:
    record = pairs.curricula(tmp_path)
    assert len(captioned(figure, record)) > 60 and figure.title(record)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one, two = drawing(figure, record), drawing(figure, record)
    assert one == two and one.startswith("<svg") and len(one) < 250_000


@FIGURES
@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_do_not_break_a_drawing(figure: Any, hostile: str, tmp_path: Path) -> None:
    svg = drawing(figure, tasks.renamed(pairs.curricula(tmp_path, (0.0, 0.5), (1, 2)), hostile))
    assert "<script" not in svg and "n" * 50 not in svg


@FIGURES
def test_other_studies_have_none_and_an_unfinished_one_says_so(figure: Any, tmp_path: Path) -> None:
    with pytest.raises(NotApplicable):
        figure.numbers(full())
    record = pairs.curricula(tmp_path)
    asked = replace(record, header=replace(record.header, data={**pairs.DATA, "captioning": True}), confirms=())
    with pytest.raises(Unavailable) as found:
        figure.numbers(asked)
    assert not isinstance(found.value, NotApplicable)


def test_the_front_by_hand() -> None:
    assert pareto.front([0.1, 0.2, 0.2, 0.3], [1, 2, 3, 3]) == [True, False, True, False]
    assert pareto.front([0.1, 0.1], [1, 1]) == [True, True]  # equal points do not beat each other


def test_pareto_by_hand() -> None:
    record = pairs.curricula()
    frame = pareto.numbers(record)
    assert set(frame["measure"]) == {"accuracy"} and set(frame["on"]) == {"test"}  # no trial measured accuracy
    row = frame[(frame["arm"] == "cma_50") & (frame["gap"] == "centroid gap")].iloc[0]
    found = [item.metrics["test/centroid_gap"] for item in record.confirms if item.arm == "cma_50"]
    assert row["gap: mean"] == pytest.approx(sum(found) / 10) and row["gap: low"] < row["gap: mean"] < row["gap: high"]
    assert row["quality: mean"] == pytest.approx(69.5) and row["n"] == 10
    best = frame[frame["on the front"]].groupby("gap")["arm"].apply(list)
    assert "cma_50" in best["centroid gap"] and "zero_shot" not in best["centroid gap"]


def test_every_confirmed_setting_is_a_point_of_its_own() -> None:
    record = pairs.curricula(targets=(0.0, 0.5))
    second = [replace(item, rank=1, trial=1) for item in record.confirms if item.arm == "cma_50"]
    frame = pareto.numbers(replace(record, confirms=(*record.confirms, *second)))
    assert frame[(frame["arm"] == "cma_50") & (frame["gap"] == "centroid gap")]["trial"].tolist() == [0, 1]


def test_what_collapsed_is_marked_and_no_success() -> None:
    record = fallen(pairs.curricula(), "cma_50")
    arms = {arm.name: arm for arm in record.header.arms}
    assert collapsed(record, arms["cma_50"]) and not collapsed(record, arms["cma_20"])
    frame = pareto.numbers(record)
    assert "cma_50" not in set(frame.loc[frame["on the front"], "arm"])
    assert "Hollow: cma_50." in captioned(pareto, record) and "Hollow" not in captioned(pareto, pairs.curricula())
    assert "var(--paper)" in drawing(pareto, record) and "var(--paper)" not in drawing(pareto, pairs.curricula())
    assert "Hollow: cma_50." in captioned(alpha_target, record)
    assert any("cma_50 fill fewer than two dimensions" in line for line in limits(record))


def test_trials_are_faint_points_where_validation_measures_the_same() -> None:
    record = pairs.curricula()
    trials = []
    for item in record.trials:
        last = item.measurements[-1]
        points = (replace(last.points[0], metrics={**last.metrics, "val/accuracy": 0.7}),)
        trials.append(replace(item, measurements=(*item.measurements[:-1], replace(last, points=points))))
    record = replace(record, trials=(*trials, replace(trials[0], verdict="pruned")))
    frame = pareto.numbers(record)
    searched = frame[frame["on"] == "validation"]
    assert len(searched) == 2 * len([trial for trial in trials if "centroid" in str(trial.measurements[-1].metrics)])
    assert set(searched["quality: mean"]) == {70.0} and not searched["on the front"].any()
    assert "Faint dots" in captioned(pareto, record)
    bare = record
    for arm in record.header.arms:  # a recall depends on the size of the gallery
        bare = changed(bare, arm.name, lambda values: {k: v for k, v in values.items() if k != "test/accuracy"})
    assert set(pareto.numbers(bare)["measure"]) == {"mean recall"} and set(pareto.numbers(bare)["on"]) == {"test"}


def curve(values: Sequence[tuple[float, list[float]]], **held: Any) -> StudyRecord:
    """CMA at these alphas with these centroid gaps on seeds 1, 2, ..."""
    arms = [pairs.aligned(target) for target, _ in values]
    confirms = [
        tasks.on_test(arm.name, seed, {"accuracy": 0.5, "centroid_gap": gap, "raw_gap": 2 * gap})
        for arm, (_, own) in zip(arms, values, strict=True)
        for seed, gap in enumerate(own, 1)
    ]
    return tasks.study(arms, confirms, data=pairs.DATA)


def test_changes_along_alpha_are_those_of_the_same_seeds() -> None:
    record = curve([(0.0, [0.8, 0.4]), (0.5, [0.4, 0.2])])
    frame = alpha_target.numbers(record).set_index(["alpha_target", "measure"])
    row = frame.loc[(0.5, "centroid gap")]
    assert row["change to 0: mean"] == pytest.approx(-50) and row["published (%)"] == -82.3
    assert frame.loc[(0.5, alpha_target.SQUARED), "mean"] == pytest.approx((0.8**2 + 0.4**2) / 2)
    assert np.isnan(frame.loc[(0.0, "centroid gap"), "change to 0: mean"])
    assert np.isnan(frame.loc[(0.5, "raw gap"), "published (%)"])  # no candidate
    text = captioned(alpha_target, record)
    assert "centroid gap −50.0 %" in text and "[A" in text and "unknown" in text


def test_changes_to_the_backbone_are_told_beside_those_to_the_control() -> None:
    frame = alpha_target.numbers(pairs.curricula()).set_index(["arm", "measure"])
    control, own = (frame.loc[(name, "centroid gap")] for name in ("cma_0", "cma_50"))
    assert own["change to the backbone: mean"] == pytest.approx(100 * (own["mean"] / 0.8 - 1))
    assert own["change to 0: mean"] == pytest.approx(100 * (own["mean"] / control["mean"] - 1))
    assert set(alpha_target.CANDIDATES) == set(frame.xs("cma_5")[frame.xs("cma_5")["published (%)"] == -66.6].index)


def test_one_seed_has_changes_without_intervals() -> None:
    record = curve([(0.0, [0.8]), (0.5, [0.4])])
    assert "centroid gap −50.0 %," in captioned(alpha_target, record) and drawing(alpha_target, record)


def test_without_a_control_no_change_is_told() -> None:
    record = curve([(0.05, [0.8]), (0.5, [0.4])])
    assert "No arm has alpha_target = 0" in captioned(alpha_target, record) and drawing(alpha_target, record)


def test_arms_that_differ_in_more_than_alpha_are_lines_of_their_own() -> None:
    record = pairs.curricula()
    other = [
        replace(arm, name=f"m_{arm.name}", fixed={**arm.fixed, "method.preset": "mechanisms_only"})
        for arm in record.header.arms
        if arm.method == "cma"
    ]
    confirms = [replace(item, arm=f"m_{item.arm}") for item in record.confirms if item.arm.startswith("cma")]
    both = replace(
        record,
        header=replace(record.header, arms=(*record.header.arms, *other)),
        confirms=(*record.confirms, *confirms),
    )
    frame = alpha_target.numbers(both)
    assert frame["held"].nunique() == 2 and frame.groupby("held")["arm"].nunique().tolist() == [4, 4]
    assert ">centroid gap</text>" in drawing(alpha_target, both)  # each gap has a panel of its own
    assert ">centroid gap</text>" not in drawing(alpha_target, record)


def test_one_alpha_makes_no_curve() -> None:
    with pytest.raises(NotApplicable):
        alpha_target.numbers(pairs.curricula(targets=(0.5,)))


def test_the_numbers_of_the_map_are_those_it_was_left_with(tmp_path: Path) -> None:
    record = pairs.curricula(tmp_path)
    tasks.leave(tmp_path, "cma_50", pairs.evidence(0.5) | {"tsne_metrics": np.array([[0.1, 0.2], [0.9, -0.4]])})
    frame = tsne.numbers(record).set_index("arm")
    assert "zero_shot" not in frame.index and frame.loc["cma_50", "pairs"] == 60
    assert frame.loc["cma_50"].iloc[2:].tolist() == [0.1, 0.9, 0.2, -0.4]
    svg = drawing(tsne, record)
    assert ">before: mixing 0.10, pairs 0.20</text>" in svg and ">after: mixing 0.90, pairs −0.40</text>" in svg
    assert all(f">{name}</text>" in svg for name in ("images", "captions", "red", "yellow", "cma_50"))
    assert "other classes" not in svg and "illustration only" in captioned(tsne, record)


def test_a_map_of_many_classes_or_none_can_be_drawn(tmp_path: Path) -> None:
    record = pairs.curricula(tmp_path, targets=(0.5,))
    for names in ([f"class {place}" for place in range(60)], [""] * 60):
        tasks.leave(tmp_path, "cma_50", pairs.evidence(0.5) | {"tsne_classes": np.array(names)})
        assert (">other classes</text>" in drawing(tsne, record)) == bool(names[0])


def test_captions_are_told_with_the_first_reference_and_cider_times_100(tmp_path: Path) -> None:
    record = pairs.curricula(tmp_path)
    frame = captions.numbers(record)
    assert len(frame) == 6 * 6 * 2 and set(frame["reference"]) == {"a red square"}
    row = frame[(frame["arm"] == "cma_50") & (frame["image"] == 3)].set_index("memory")
    assert row["CIDEr-D (×100)"].to_dict() == pytest.approx({"off": 40, "on": 50})
    svg = drawing(captions, record)
    assert svg.count("<image") == 6 and svg.count(">on, 50: a red square on grey number 2") == 2
    assert "In the table alone: fixed" in captioned(captions, record)


def test_captions_without_pictures_are_drawn_as_text_and_long_ones_end(tmp_path: Path) -> None:
    record = pairs.curricula(tmp_path, targets=(0.5,))
    arrays = pairs.evidence(0.5)
    del arrays["caption_pictures"]
    arrays["caption_written"] = np.array([["word " * 60 + "$x_1"] * 6] * 2)
    for arm in record.header.arms:
        tasks.leave(tmp_path, arm.name, arrays)
    svg = drawing(captions, record)
    assert "<image" not in svg and svg.count("…</text>") == 6 * 2 * 2


def test_arms_that_wrote_of_other_images_are_not_drawn_beside(tmp_path: Path) -> None:
    record = pairs.curricula(tmp_path)
    arrays = pairs.evidence(0.5)
    tasks.leave(tmp_path, "cma_50", arrays | {"caption_references": arrays["caption_references"][::-1]})
    assert "cma_50" in captioned(captions, record).split("In the table alone")[1]


def test_what_is_unknown_of_the_papers_is_told_where_their_methods_are_studied() -> None:
    aligned, scheduled = limits(pairs.curricula()), limits(pairs.schedules())
    assert any("reconstruction of TPC-CMA" in line for line in aligned)
    assert not any("TPC-CMA" in line for line in scheduled)
    assert any("released code describe different methods" in line for line in scheduled)
    assert not any("different methods" in line for line in aligned)
    assert not any("dimensions" in line and "collapsed" in line and "fill" in line for line in aligned)
