"""The figure of gap against quality: its numbers by hand and what it refuses."""

from dataclasses import replace

import pytest

from tests import planted_pairs as pairs
from tests.report import tasks
from tests.report.figures.test_figures import HOSTILE
from tests.report.records import full
from vlstudy.journal import StudyRecord
from vlstudy.report.figures import NotApplicable, Unavailable, gap_quality
from vlstudy.report.regression import regression
from vlstudy.report.svg import drawn

TARGETS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)


def drawing(record: StudyRecord) -> str:
    frame = gap_quality.numbers(record)
    return drawn("one", "one", lambda: gap_quality.draw(record, frame))


def without(record: StudyRecord, *metrics: str) -> StudyRecord:
    kept = [{name: value for name, value in item.metrics.items() if name not in metrics} for item in record.confirms]
    confirms = zip(record.confirms, kept, strict=True)
    return replace(record, confirms=tuple(replace(item, metrics=values) for item, values in confirms))


def test_lines_are_those_of_the_means_over_seeds() -> None:
    record = pairs.curricula(targets=TARGETS)
    frame = gap_quality.numbers(record)
    assert set(frame["measure"]) == {"cider"} and frame.groupby("gap").size().tolist() == [8, 8, 8]
    own = frame[frame["gap"] == "centroid gap"]
    line = regression(own["value"].tolist(), own["quality"].tolist())
    first = own.iloc[0]
    assert (first["R2"], first["slope"], first["n"]) == pytest.approx((line.r2, line.slope, 8))
    found = [item.metrics["test/cider"] for item in record.confirms if item.arm == "cma_50"]
    assert own.set_index("arm")["quality"]["cma_50"] == pytest.approx(100 * sum(found) / 10)
    text = gap_quality.caption(record, frame)
    assert "0.986 for the distribution gap and 0.691 for the raw gap" in text and "[A" in text
    assert drawing(record) == drawing(record) and "n = 8" in drawing(record)


def test_the_next_quality_takes_the_place_of_one_that_was_not_measured() -> None:
    record = without(pairs.curricula(targets=TARGETS), "test/cider")
    assert set(gap_quality.numbers(record)["measure"]) == {"joint ari"}
    assert set(gap_quality.numbers(without(record, "test/joint_ari"))["measure"]) == {"mean recall"}


def test_fewer_than_six_models_are_insufficient() -> None:
    with pytest.raises(Unavailable, match="Insufficient: 3 models are measured, 6 are the least"):
        gap_quality.numbers(pairs.curricula(targets=(0.5,)))
    with pytest.raises(NotApplicable):
        gap_quality.numbers(full())


def test_what_collapsed_is_hollow_and_stays_on_the_line() -> None:
    record = pairs.curricula(targets=TARGETS)
    confirms = [
        replace(item, metrics={**item.metrics, "test/effective_dimension": 1.2}) if item.arm == "cma_50" else item
        for item in record.confirms
    ]
    record = replace(record, confirms=tuple(confirms))
    frame = gap_quality.numbers(record)
    assert frame["n"].dropna().tolist() == [8, 8, 8]
    assert "Hollow: cma_50." in gap_quality.caption(record, frame) and "var(--paper)" in drawing(record)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_do_not_break_it(hostile: str) -> None:
    svg = drawing(tasks.renamed(pairs.curricula(targets=TARGETS, seeds=(1, 2)), hostile))
    assert "<script" not in svg and "n" * 50 not in svg
