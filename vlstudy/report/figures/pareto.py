"""Quality against gap: what every confirmed setting pays for a smaller one, and which no other setting beats."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vlstudy.journal import ArmHeader, ConfirmRecord, StudyRecord
from vlstudy.report.figures.columns import columns
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.gaps import FACTORS, GAPS, LABELS, closes_gaps, collapsed, quality
from vlstudy.report.reading import Condition, conditions, family
from vlstudy.report.statistics import interval
from vlstudy.report.style import INK, MUTED, PAPER, canvas, key

SHOWN = ("centroid gap", "distribution gap")
QUALITIES = ("accuracy", "mean_recall")
TEST, SEARCH = "test", "validation"
MOST = 4  # conditions that are drawn


def title(record: StudyRecord) -> str:
    """The heading."""
    return "What a smaller gap costs"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per gap and confirmed setting: the gap and the quality with their intervals, and whether none beats it.

    Trials of the search follow, where what they were measured by is the same on validation as on test.
    """
    if not closes_gaps(record):
        raise NotApplicable("No arm closes the gap between the modalities.")
    name = quality(record, QUALITIES)
    every = conditions(record)
    rows = [row for one in every for gap in SHOWN for row in _front(_confirmed(record, one, gap, name))]
    if not rows:
        raise Unavailable("No setting has been confirmed together with its gaps yet.")
    if name == "accuracy":
        rows += [row for one in every for gap in SHOWN for row in _searched(record, one, gap)]
    frame = pd.DataFrame(rows)
    frame["n"] = frame["n"].astype("Int64")
    return frame if len(every) > 1 else frame.drop(columns="condition")


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What points, bars and the line are, and which arms are not on the line for their features collapsed."""
    lines = [
        "Each mark is a confirmed setting on test, its bars the 95 % intervals over seeds, both ways; to the upper "
        "left is better. The line joins the settings that no other one beats in both, going by the means: neighbours "
        "whose bars overlap may change places. Both gaps are distances between unit vectors, at most 2."
    ]
    if (frame["on"] == SEARCH).any():
        lines.append("Faint dots: the trials of the search at their end, on validation.")
    if fallen := list(dict.fromkeys(frame.loc[frame["collapsed"], "arm"])):
        lines.append(
            f"Hollow: {', '.join(map(str, fallen))}. The features fill fewer than two dimensions, and a cloud that has "
            "collapsed has small gaps for free: these do not count as a success and are not on the line."
        )
    if "condition" in frame and frame["condition"].nunique() > MOST:
        lines.append(f"Drawn are the first {MOST} conditions; all are in the table.")
    return " ".join(lines)


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """One gap above the other; with several conditions beside each other, a row a condition."""
    groups = list(frame.groupby("condition", sort=False))[:MOST] if "condition" in frame else [("", frame)]
    names, wide = list(dict.fromkeys(frame["arm"])), len(groups) > 1
    rows = len(groups) if wide else len(SHOWN)
    figure, axes = canvas(
        rows=rows, columns=2 if wide else 1, height=0.45 + 2.3 * rows + 0.1 * len(names), shared=False
    )
    for place, panel in enumerate(axes):
        label, own = groups[place // len(SHOWN)]
        gap = SHOWN[place % len(SHOWN)]
        _panel(panel, record, own[own["gap"] == gap])
        panel.set_xlabel(f"{gap} on test")
        if wide and place % len(SHOWN) == 0:
            panel.set_title(short(str(label), 22), loc="left", parse_math=False)
    figure.supylabel(LABELS[str(frame["measure"].iloc[0]).replace(" ", "_")], fontsize=9.5, color=INK)
    looks = {str(name): mark(record, str(name)) for name in names}
    key(figure, [(short(name), look.colour, look.marker) for name, look in looks.items()])
    return figure


def front(gaps: Sequence[float], qualities: Sequence[float]) -> list[bool]:
    """Whether no other point has a gap as small and a quality as high, one of them better.

    >>> front([0.1, 0.2, 0.3, 0.3], [1, 3, 2, 3])
    [True, True, False, False]
    """
    x, y = np.asarray(gaps, dtype=float), np.asarray(qualities, dtype=float)
    beaten: NDArray[np.bool_] = (x[:, None] >= x) & (y[:, None] <= y) & ((x[:, None] > x) | (y[:, None] < y))
    return [not any(row) for row in beaten]


def _confirmed(record: StudyRecord, condition: Condition, gap: str, measure: str) -> list[dict[str, Any]]:
    rows = []
    for arm in condition.arms:
        for trial, items in _settings(record, arm).items():
            both = [item.metrics for item in items if {GAPS[gap], f"test/{measure}"} <= set(item.metrics)]
            if not both:
                continue
            across = columns(interval([one[GAPS[gap]] for one in both]), 1.0, "gap: ")
            up = columns(interval([one[f"test/{measure}"] for one in both]), FACTORS[measure], "quality: ")
            place = {"on": TEST, "gap": gap, "measure": measure.replace("_", " "), "condition": condition.label}
            ends = {name: value for name, value in (across | up).items() if not name.endswith(": n")}
            rows.append(place | {"arm": family(arm), "trial": trial} | ends | {"n": len(both)})
            rows[-1] |= {"collapsed": collapsed(record, arm)}
    return rows


def _settings(record: StudyRecord, arm: ArmHeader) -> dict[int, list[ConfirmRecord]]:
    """Trial -> its confirmations, the arm's best setting first."""
    found: dict[int, list[ConfirmRecord]] = {}
    for item in sorted(record.confirms, key=lambda item: (item.rank, item.seed)):
        if item.arm == arm.name:
            found.setdefault(item.trial, []).append(item)
    return found


def _front(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With `on the front`, for which nothing that collapsed is counted."""
    sound = [row for row in rows if not row["collapsed"]]
    best = front([row["gap: mean"] for row in sound], [row["quality: mean"] for row in sound])
    kept = {id(row) for row, unbeaten in zip(sound, best, strict=True) if unbeaten}
    return [row | {"on the front": id(row) in kept} for row in rows]


def _searched(record: StudyRecord, condition: Condition, gap: str) -> list[dict[str, Any]]:
    """Complete trials at their end; on accuracy alone, for a recall depends on the size of the gallery."""
    names, rows = {arm.name: family(arm) for arm in condition.arms}, []
    metric = GAPS[gap].replace("test/", "val/")
    for item in record.trials:
        last = item.measurements[-1].metrics if item.measurements else {}
        if item.arm not in names or item.verdict != "complete" or not {metric, "val/accuracy"} <= set(last):
            continue
        place = {"on": SEARCH, "gap": gap, "measure": "accuracy", "condition": condition.label}
        ends = {"gap: mean": last[metric], "quality: mean": FACTORS["accuracy"] * last["val/accuracy"]}
        rows.append(place | {"arm": names[item.arm], "trial": item.number} | ends)
        rows[-1] |= {"n": 1, "collapsed": False, "on the front": False}
    return rows


def _panel(axes: Axes, record: StudyRecord, frame: pd.DataFrame) -> None:
    for _, row in frame[frame["on"] == SEARCH].iterrows():
        look = mark(record, str(row["arm"]))
        axes.plot(row["gap: mean"], row["quality: mean"], ".", color=look.colour, alpha=0.4, markeredgewidth=0)
    tested = frame[frame["on"] == TEST]
    best = tested[tested["on the front"]].sort_values("gap: mean")
    axes.plot(best["gap: mean"], best["quality: mean"], color=MUTED, linewidth=1.4, zorder=1.5)
    for _, row in tested.iterrows():
        look, x, y = mark(record, str(row["arm"])), row["gap: mean"], row["quality: mean"]
        if pd.notna(row["gap: low"]):
            axes.plot([row["gap: low"], row["gap: high"]], [y, y], color=look.colour, linewidth=1.4, alpha=0.8)
            axes.plot([x, x], [row["quality: low"], row["quality: high"]], color=look.colour, linewidth=1.4, alpha=0.8)
        face = PAPER if row["collapsed"] else look.colour
        axes.plot(x, y, look.marker, color=look.colour, markersize=7.5, markerfacecolor=face, markeredgewidth=1.2)
    axes.margins(0.08)
