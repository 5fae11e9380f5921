"""The front of several objectives, and constraints, by hand."""

import pytest

from tests.report.aims import LIMIT, OTHER, pareto
from tests.report.records import full
from vlstudy.report.figures import NotApplicable, objectives
from vlstudy.report.render import render


def test_the_front_by_hand() -> None:
    record = pareto()
    frame = objectives.numbers(record)
    rows = frame[frame["on"] == "validation"].to_dict("records")
    complete = [trial for trial in record.trials if trial.verdict == "complete"]
    assert len(rows) == len(complete) and frame["on"].iloc[-1] == "test"
    for row in rows:
        assert row["holds"] == (row["val/effective_dimension"] >= 8)
        better = [
            other
            for other in rows
            if other["holds"]
            and other["val/accuracy"] >= row["val/accuracy"]
            and other[OTHER] <= row[OTHER]
            and (other["val/accuracy"], other[OTHER]) != (row["val/accuracy"], row[OTHER])
        ]
        assert row["on the front"] == (row["holds"] and not better)
    assert any(row["on the front"] for row in rows) and not all(row["holds"] for row in rows)


def test_the_caption_counts_what_holds_and_says_what_decides() -> None:
    record = pareto()
    frame = objectives.numbers(record)
    said = objectives.caption(record, frame)
    held, searched = int(frame[frame["on"] == "validation"]["holds"].sum()), int((frame["on"] == "validation").sum())
    assert f"{held} of {searched} settings hold val/effective_dimension >= 8" in said
    assert "Arms are compared on val/accuracy" in said


def test_constraints_alone_have_their_figure_and_one_objective_has_none() -> None:
    record = pareto(others=False)
    assert objectives.title(record) == "What holds its constraints"
    assert len(objectives.draw(record, objectives.numbers(record)).axes) == 1
    with pytest.raises(NotApplicable):
        objectives.numbers(full())
    with pytest.raises(NotApplicable):
        objectives.numbers(pareto(others=False, constraints={}))


def test_the_page_shows_it() -> None:
    page = render(pareto())
    assert "What no other setting beats" in page and "val/effective_dimension" in page
    assert "What no other setting beats" not in render(full()) and LIMIT
