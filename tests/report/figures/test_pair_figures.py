"""Figures of pairs: recall by schedule, weights, curriculum and robustness, their numbers by hand."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests import planted_pairs as pairs
from tests.report import tasks
from tests.report.figures.test_figures import HOSTILE
from tests.report.records import full
from vlstudy.journal import StudyRecord, TrialRecord
from vlstudy.report.figures import NotApplicable, Unavailable, comparison, curriculum, retrieval, robustness, weights
from vlstudy.report.svg import drawn

MADE: dict[Any, Callable[[], StudyRecord]] = {
    retrieval: pairs.schedules,
    weights: pairs.schedules,
    curriculum: pairs.curricula,
    robustness: pairs.trained_noisy,
}
FIGURES = pytest.mark.parametrize("figure", list(MADE), ids=lambda figure: figure.__name__.rpartition(".")[2])


def drawing(figure: Any, record: StudyRecord) -> str:
    frame = figure.numbers(record)
    return drawn("one", "one", lambda: figure.draw(record, frame))


def captioned(figure: Any, record: StudyRecord) -> str:
    text: str = figure.caption(record, figure.numbers(record))
    return text


@FIGURES
def test_it_draws_without_warnings_and_says_what_to_see(figure: Any) -> None:
    record = MADE[figure]()
    assert len(captioned(figure, record)) > 60 and figure.title(record)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one, two = drawing(figure, record), drawing(figure, record)
    assert one == two and one.startswith("<svg")


@FIGURES
@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_do_not_break_a_drawing(figure: Any, hostile: str) -> None:
    svg = drawing(figure, tasks.renamed(MADE[figure](), hostile))
    assert "<script" not in svg and "n" * 50 not in svg


@FIGURES
def test_missing_seeds_and_missing_arms_leave_the_rest(figure: Any) -> None:
    record = MADE[figure]()
    last = record.header.arms[-1].name
    kept = tuple(item for item in record.confirms if item.seed in (1, 3) and item.arm != last)
    left = tuple(item for item in record.trials if item.arm != last)
    record = replace(record, confirms=kept, trials=left)
    assert drawing(figure, record) and captioned(figure, record)


@FIGURES
def test_other_studies_have_no_such_figure_and_an_unfinished_one_says_so(figure: Any) -> None:
    with pytest.raises(NotApplicable):
        figure.numbers(full())
    if figure is not robustness:  # whose question shows in what was measured, unless the training was noisy
        with pytest.raises(Unavailable) as found:
            figure.numbers(replace(MADE[figure](), confirms=(), trials=()))
        assert not isinstance(found.value, NotApplicable)


def two(gains: list[float], **changes: Any) -> StudyRecord:
    """Fixed weights, and variance_sim with these gains in every recall, in points."""
    arms = [*pairs.scheduled("fixed"), *pairs.scheduled("variance_sim", **changes)]
    confirms = []
    for seed, gain in enumerate(gains, 1):
        base, own = pairs.recalls(0.4 + 0.01 * seed), pairs.recalls(0.4 + 0.01 * seed + gain / 100)
        confirms += [tasks.on_test("fixed", seed, base), tasks.on_test("variance_sim", seed, own)]
    data = {"source": "miniature", "task": "captions"}
    return tasks.study(arms, confirms, objective="val/mean_recall", data=data)


def test_retrieval_by_hand() -> None:
    frame = retrieval.numbers(two([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])).set_index(["measure", "arm"])
    row = frame.loc[("R@1, image → text", "variance_sim")]
    assert row["mean"] == pytest.approx(100 * (0.435 - 0.18) + 3.5) and row["baseline"] == "fixed"
    assert row["difference: mean"] == pytest.approx(3.5) and row["difference: n"] == 6
    assert row["difference: p"] == row["difference: corrected p"] == 0.03125
    assert frame["published"].dropna().to_dict() == {
        ("R@1, image → text", "variance_sim"): 2.3,
        ("R@1, text → image", "variance_sim"): 1.5,
    }
    assert frame.loc[("mean recall", "fixed"), ["baseline", "difference: mean"]].isna().all()


def test_retrieval_compares_with_the_same_method_under_fixed_weights_though_another_baseline_is_stronger() -> None:
    record = two([1.0, 2.0, 3.0])
    stronger = [tasks.on_test("zero_shot", seed, pairs.recalls(0.9)) for seed in (1, 2, 3)]
    arms = (*tasks.family("zero_shot"), *record.header.arms)
    record = replace(record, header=replace(record.header, arms=arms), confirms=(*record.confirms, *stronger))
    frame = retrieval.numbers(record)
    assert set(frame["baseline"].dropna()) == {"fixed"}
    header = replace(record.header, arms=tuple(arm for arm in arms if arm.name != "fixed"))
    assert set(retrieval.numbers(replace(record, header=header))["baseline"].dropna()) == {"zero_shot"}


def test_the_published_gains_are_told_as_unverified_and_only_where_the_schedule_is_theirs() -> None:
    text = captioned(retrieval, pairs.schedules())
    assert "[S]" in text and "third-party" in text and "neither checked" in text
    record = pairs.curricula()
    assert "published" not in retrieval.numbers(record) and "[S]" not in captioned(retrieval, record)
    assert retrieval.title(record) != retrieval.title(pairs.schedules()) == "Recall by schedule"


def test_the_p_are_corrected_within_a_condition_and_a_measure() -> None:
    frame = retrieval.numbers(pairs.schedules())
    for _, rows in frame.dropna(subset=["difference: p"]).groupby(["measure", "condition"]):
        assert len(rows) == 3 and rows["difference: corrected p"].min() == pytest.approx(
            3 * rows["difference: p"].min()
        )
    told = comparison.numbers(pairs.schedules())
    own = frame[frame["measure"] == "mean recall"].set_index(["condition", "arm"])["difference: corrected p"].dropna()
    assert told.set_index(["condition", "arm"])["difference: corrected p"].dropna().to_dict() == own.to_dict()
    assert "Holm" in captioned(comparison, pairs.schedules())
    assert "difference: p" not in comparison.numbers(two([1.0, 2.0]))  # one alternative has nothing to correct


def test_a_crowd_of_arms_is_drawn_by_mean_recall_alone() -> None:
    record = pairs.schedules(images=(100, 200, 400, 800, 1600, 3200, 6400))
    assert "R@1 is in the table" in captioned(retrieval, record)
    svg = drawing(retrieval, record)
    assert ">mean recall</text>" in svg and "R@1" not in svg


def signalled(name: str, signals: list[dict[str, float]], record: StudyRecord) -> StudyRecord:
    """The record with these signals in the arm's trials."""

    def told(item: TrialRecord) -> TrialRecord:
        if item.arm != name:
            return item
        made = zip(item.measurements, signals, strict=False)
        return replace(item, measurements=tuple(replace(one, signals=own) for one, own in made))

    return replace(record, trials=tuple(map(told, record.trials)))


def test_weights_are_those_of_the_best_trial() -> None:
    record = pairs.schedules(images=(100,))
    frame = weights.numbers(record)
    assert set(frame["trial"]) == {1} and "fixed" not in set(frame["arm"])
    best = next(item for item in record.trials if item.arm.startswith("spread_sim") and item.number == 1)
    own = frame[frame["arm"] == "spread_sim"]
    assert own["training done (%)"].tolist() == [10 * place for place in range(1, 11)]
    assert own[weights.WEIGHT].tolist() == [item.signals[weights.WEIGHT] for item in best.measurements]
    pruned = replace(record, trials=tuple(replace(item, verdict="pruned") for item in record.trials))
    with pytest.raises(Unavailable):
        weights.numbers(pruned)


def test_a_schedule_that_never_moved_is_said_to_be_fixed_weights() -> None:
    record = pairs.schedules(images=(100,))
    name = next(arm.name for arm in record.header.arms if arm.family == "spread_sim")
    still = signalled(name, [{weights.WEIGHT: 0.5 + 0.001 * place} for place in range(10)], record)
    assert "one half: spread_sim, which" in captioned(weights, still)
    assert "one half: " not in captioned(weights, record)
    assert ">averages of spread_sim</text>" not in drawing(weights, still)
    assert ">averages of variance_sim</text>" in drawing(weights, still)


def test_many_conditions_leave_the_averages_to_the_table() -> None:
    record = pairs.schedules(images=(100, 400, 1000))
    assert "averages that the weights follow are in the table" in captioned(weights, record)
    assert ">averages of" not in drawing(weights, record)


def test_the_curriculum_shades_its_phases_and_tells_a_jump_above_five_percent() -> None:
    record = pairs.curricula()
    frame = curriculum.numbers(record)
    assert frame[["arm", "anchor end", "ramp end"]].drop_duplicates().to_numpy().tolist() == [
        [f"cma_{100 * target:g}", 0.2, 0.6] for target in pairs.TARGETS
    ]
    last = frame[frame["training done (%)"] == 100].set_index("arm")
    assert last["alpha"].to_dict() == pytest.approx({"cma_0": 0, "cma_5": 0.05, "cma_20": 0.2, "cma_50": 0.5})
    assert last["centroid gap"].is_monotonic_decreasing and last["distribution gap"].is_monotonic_decreasing
    assert "in one jump at the end of the ramp: cma_50 (8 %)." in captioned(curriculum, record)
    svg = drawing(curriculum, record)
    assert all(f">{phase}</text>" in svg for phase in curriculum.PHASES)
    assert "one jump" not in captioned(curriculum, pairs.curricula(targets=(0.0, 0.2)))


def test_phases_that_differ_have_lines_of_their_own() -> None:
    record = pairs.curricula()
    own = next(item for item in record.trials if item.arm == "cma_20")
    moved = [{**item.signals, "anchor_end": 0.1, "ramp_end": 0.4} for item in own.measurements]
    record = signalled("cma_20", moved, record)
    assert "dotted lines in the arm's colour" in captioned(curriculum, record)
    assert ">stabilize</text>" not in drawing(curriculum, record)


def test_a_curriculum_without_gaps_on_validation_is_drawn_without_them() -> None:
    record = pairs.curricula()
    bare = []
    for item in record.trials:
        points = [tuple(replace(p, metrics={"val/mean_recall": 0.5}) for p in one.points) for one in item.measurements]
        made = (replace(one, points=own) for one, own in zip(item.measurements, points, strict=True))
        bare.append(replace(item, measurements=tuple(made)))
    record = replace(record, trials=tuple(bare))
    assert "centroid gap" not in curriculum.numbers(record) and ">centroid gap" not in drawing(curriculum, record)


def test_the_area_is_the_mean_height_of_the_curve() -> None:
    assert robustness.area({0.5: 0.0, 0.0: 1.0}) == pytest.approx(0.5)
    assert robustness.area({0.0: 1.0, 0.1: 1.0, 0.5: 0.5}) == pytest.approx((0.1 + 0.4 * 0.75) / 0.5)


def test_noise_in_the_test_by_hand() -> None:
    arms = pairs.scheduled("fixed")
    clean, noisy = {1: 0.5, 2: 0.4}, {1: 0.25, 2: 0.4}
    confirms = [
        tasks.on_test("fixed", seed, {"mean_recall": clean[seed], "mean_recall@caption=0.4": noisy[seed]})
        for seed in (1, 2)
    ]
    frame = robustness.numbers(tasks.study(arms, confirms, data=pairs.DATA))
    assert frame[["stage", "noise", "level"]].to_numpy().tolist() == [
        ["tested on", "caption", 0.0],
        ["tested on", "caption", 0.4],
    ]
    assert frame["mean"].tolist() == pytest.approx([100, 75])  # of 50 % and 100 %, seed by seed
    assert frame["area: mean"][0] == pytest.approx(87.5) and frame["area: n"][0] == 2
    assert frame["area: mean"].isna().tolist() == [False, True]


def test_the_two_stages_stand_apart_and_only_clean_arms_are_tested_on_noise() -> None:
    frame = robustness.numbers(pairs.trained_noisy())
    curves = frame.groupby(["stage", "noise", "arm"], sort=False)["level"].apply(list).to_dict()
    assert {(stage, noise) for stage, noise, _ in curves} == {
        *(("tested on", kind) for kind in ("caption", "pixel")),
        *(("trained on", kind) for kind in ("caption", "pair")),
    }
    assert curves["tested on", "pixel", "fixed"] == [0.0, *pairs.NOISES]
    assert curves["trained on", "pair", "variance_sim"] == [0.0, 0.1, 0.3, 0.5]
    svg = drawing(robustness, pairs.trained_noisy())
    assert ">tested on caption noise</text>" in svg and ">trained on caption noise</text>" in svg


def test_noise_in_the_training_is_relative_to_the_same_seed_trained_clean() -> None:
    arms = pairs.scheduled("fixed", [{"noise": "off", "noise_level": 0.3}, {"noise": "pair", "noise_level": 0.3}])
    values = {"off": [0.5, 0.4], "pair": [0.4, 0.2]}
    confirms = [
        tasks.on_test(arm.name, seed, {"mean_recall": value})
        for arm in arms
        for seed, value in enumerate(values[arm.condition["noise"]], 1)
    ]
    frame = robustness.numbers(tasks.study(arms, confirms, data=pairs.DATA))
    assert frame["level"].tolist() == [0.0, 0.3] and frame["mean"].tolist() == pytest.approx([100, 65])
    assert frame["area: mean"][0] == pytest.approx(82.5)


def test_many_panels_stand_in_two_columns_and_name_their_values_and_arms_once() -> None:
    svg = drawing(robustness, pairs.schedules(images=(100, 400, 1000, 2000)))
    assert ">tested: caption, 1000</text>" in svg and svg.count(">variance_sim</text>") == 1


def test_a_curriculum_under_two_conditions_has_a_column_each() -> None:
    record = pairs.curricula(targets=(0.5,))
    named = {item.name: item for item in record.header.arms}
    arms, trials = [], list[TrialRecord]()
    for images in pairs.IMAGES:
        name = f"cma_50 [images={images}]"
        arms.append(replace(named["cma_50"], name=name, family="cma_50", condition={"images": images}))
        trials += [replace(item, arm=name) for item in record.trials if item.arm == "cma_50"]
    record = replace(record, header=replace(record.header, arms=tuple(arms)), trials=tuple(trials))
    svg = drawing(curriculum, record)
    assert ">images = 100</text>" in svg and ">images = 400</text>" in svg
    assert svg.count(">training done (%)</text>") == 2
    assert "cma_50 at images = 100 (8 %), cma_50 at images = 400 (8 %)." in captioned(curriculum, record)
