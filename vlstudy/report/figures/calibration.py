"""Reliability diagrams: whether a confidence of 80 % is right in 80 % of the cases."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vlstudy.journal import ArmHeader, StudyRecord, evidence
from vlstudy.report import formatting
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.figures.marks import label, mark
from vlstudy.report.reading import confirmed, measured
from vlstudy.report.statistics import Interval, interval
from vlstudy.report.style import GRID, INK, canvas

METRIC = "test/expected_calibration_error"
PERCENT = formatting.scale("fraction")


def title(record: StudyRecord) -> str:
    """The heading."""
    return "Calibration"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per arm and bin that is not empty: confidence, accuracy and images of one seed, and the arm's ECE."""
    rows = [row for arm in record.header.arms for row in _rows(record, arm)]
    if rows:
        return pd.DataFrame(rows)
    if not record.confirms:
        raise Unavailable("No setting has been confirmed on the test split yet.")
    raise NotApplicable("No confirmation left a reliability diagram.")


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What marks, line and number are."""
    left = [arm.name for arm in record.header.arms if confirmed(record, arm.name) and arm.name not in set(frame["arm"])]
    return (
        "Accuracy (up) of the images whose highest probability (across) falls into each of 15 equal bins; a larger "
        "mark stands for more images. Below the diagonal the arm is more confident than it is right. The diagram is "
        "of the first confirmation seed at the point that validation chose. ECE: the mean distance from the diagonal "
        "in points, weighted by images, mean over all seeds with its 95 % interval, which narrow panels leave to the "
        "table; with few images a bin's scatter raises it."
        + (f" Without a diagram: {', '.join(left[:8])}." if left else "")
    )


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """A small square an arm."""
    arms = list(frame.groupby("arm", sort=False))
    columns = {1: 1, 2: 2, 4: 2}.get(len(arms), 3)
    rows = -(-len(arms) // columns)
    side = {1: 3.1, 2: 2.0, 3: 1.42}[columns]
    figure, axes = canvas(rows=rows, columns=columns, height=0.3 + rows * (side + 0.4))
    for spare in axes[len(arms) :]:
        spare.remove()
    for place, (panel, (arm, own)) in enumerate(zip(axes, arms, strict=False)):
        _panel(panel, record, str(arm), own, columns)
        panel.tick_params(axis="y", labelleft=place % columns == 0)
        panel.tick_params(axis="x", labelbottom=place + columns >= len(arms))
    figure.supxlabel("confidence (%)", fontsize=9.5, color=INK)
    figure.supylabel("accuracy (%)", fontsize=9.5, color=INK)
    return figure


def _panel(axes: Axes, record: StudyRecord, arm: str, frame: pd.DataFrame, columns: int) -> None:
    look, first = mark(record, arm), frame.iloc[0]
    axes.plot([0, 100], [0, 100], color=GRID, linewidth=1.4)
    axes.plot(frame["confidence (%)"], frame["accuracy (%)"], color=look.colour, linewidth=1.2, alpha=0.7)
    sizes = 6 + 34 * frame["images"] / frame["images"].max()
    axes.scatter(frame["confidence (%)"], frame["accuracy (%)"], s=sizes, color=look.colour, linewidths=0)
    text = f"ECE {first['ECE']:.1f}"
    if pd.notna(first["ECE: low"]) and columns < 3:  # a narrow panel has no room; the table has the interval
        low, high = (float(first[f"ECE: {end}"]) / PERCENT for end in ("low", "high"))
        text += f" ({formatting.bounds(low, high, 'fraction')})"
    name = label(record, arm, {1: 40, 2: 22, 3: 15}[columns])
    axes.set_title(name, loc="left", color=look.colour, fontsize=9, pad=15, parse_math=False)
    axes.annotate(text, (0, 1), xytext=(0, 3), xycoords="axes fraction", textcoords="offset points", fontsize=9)
    axes.set_xlim(-3, 103)
    axes.set_ylim(-3, 103)
    axes.set_xticks([0, 50, 100])
    axes.set_yticks([0, 50, 100])
    axes.get_xticklabels()[0].set_horizontalalignment("left")  # else the ends of two panels touch
    axes.get_xticklabels()[-1].set_horizontalalignment("right")
    axes.set_aspect("equal")


def _rows(record: StudyRecord, arm: ArmHeader) -> list[dict[str, Any]]:
    bins, ece = _bins(record, arm), _error(record, arm)
    if bins is None or ece is None:
        return []
    ends = {"ECE": ece.mean, "ECE: low": ece.low, "ECE: high": ece.high}
    scaled = {name: None if value is None else PERCENT * value for name, value in ends.items()}
    return [
        {
            "arm": arm.name,
            "bin": place + 1,
            "confidence (%)": PERCENT * confidence,
            "accuracy (%)": PERCENT * accuracy,
            "images": int(count),
            **scaled,
            "n": ece.n,
        }
        for place, (confidence, accuracy, count) in enumerate(bins)
        if count
    ]


def _bins(record: StudyRecord, arm: ArmHeader) -> NDArray[np.float64] | None:
    """The reliability [15 3] at the point that validation chose, of the first seed."""
    found = confirmed(record, arm.name)
    every = evidence(record, arm.name).get("reliability") if found else None
    if every is None:
        return None
    first = next(iter(found.values()))
    places = [place for place, point in enumerate(first.measurement.points) if dict(point.axis) == dict(first.axis)]
    return np.asarray(every[places[0]]) if places and places[0] < len(every) else None


def _error(record: StudyRecord, arm: ArmHeader) -> Interval | None:
    values = list(measured(record, arm.name, METRIC).values())
    return interval(values) if values else None
