"""Best validation value so far against the budget spent."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vlstudy.journal import StudyRecord
from vlstudy.report import formatting
from vlstudy.report.figures.figure import Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.reading import conditions, family, validated
from vlstudy.report.style import INK, canvas, end_labels


def title(record: StudyRecord) -> str:
    """The heading."""
    return "Best so far against budget"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per finished trial, in the order in which its arm finished them."""
    rows = [row for arm in record.header.arms for row in _rows(record, arm.name)]
    if not rows:
        raise Unavailable("No trial has been completed yet.")
    return pd.DataFrame(rows)


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What counts as budget."""
    return (
        "The best validation value of each arm after as many of its trials were finished. Pruned and failed trials "
        "count as spent, but set no value. A line that still rises at its end says that the arm was given too few "
        "trials; a thin one only carries on the last value of an arm that had fewer. These values were chosen by, so "
        "they flatter: only test decides. The table has the seconds since the search began."
    )


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """One step line an arm, named at its end; a panel a condition."""
    place = {arm.name: (one.label, family(arm)) for one in conditions(record) for arm in one.arms}
    seen = frame.dropna(subset=["best"])
    groups = list(seen.groupby(seen["arm"].map(lambda arm: place[arm][0]), sort=False))
    each = max(3.1 if len(groups) == 1 else 2.3, 0.7 + 0.19 * max(rows["arm"].nunique() for _, rows in groups))
    figure, axes = canvas(rows=len(groups), height=each * len(groups))
    for panel, (label, rows) in zip(axes, groups, strict=True):
        labels = []
        for arm, own in rows.groupby("arm", sort=False):
            _line(panel, record, str(arm), own, int(frame["trials finished"].max()))
            labels.append((float(own["best"].iloc[-1]), short(place[str(arm)][1], 14), mark(record, str(arm)).colour))
        panel.set_title(short(str(label), 44), loc="left", parse_math=False)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        end_labels(panel, labels, len(groups))
    axes[-1].set_xlabel("trials finished")
    label = formatting.axis_label(record.header.objective, record.header.unit)
    figure.supylabel(label, fontsize=9.5, color=INK, parse_math=False)
    return figure


def _line(axes: Axes, record: StudyRecord, arm: str, rows: pd.DataFrame, longest: int) -> None:
    look, x, y = mark(record, arm), rows["trials finished"], rows["best"].astype(float)
    axes.step(x, y, where="post", color=look.colour, linewidth=2)
    axes.plot([x.iloc[-1], longest], [y.iloc[-1]] * 2, color=look.colour, linewidth=0.8)
    axes.plot(x.iloc[-1], y.iloc[-1], look.marker, color=look.colour, markersize=6.5, markeredgewidth=0)


def _rows(record: StudyRecord, arm: str) -> list[dict[str, Any]]:
    """Nothing for an arm without a complete trial."""
    finished = [trial for trial in record.trials if trial.arm == arm and trial.verdict != "running"]
    finished.sort(key=lambda trial: (trial.finished or 0.0, trial.number))
    began = min((trial.started for trial in record.trials if trial.started is not None), default=0.0)
    better, best, rows = max if record.header.direction == "maximize" else min, list[float](), list[dict[str, Any]]()
    for spent, trial in enumerate(finished, start=1):
        value = validated(record, trial) if trial.verdict == "complete" else None
        best = [better([*best, value])] if value is not None else best
        rows.append(
            {
                "arm": arm,
                "trials finished": spent,
                "seconds": None if trial.finished is None else round(trial.finished - began, 1),
                "trial": trial.number,
                "verdict": trial.verdict,
                "best": formatting.scale(record.header.unit) * best[0] if best else None,
            }
        )
    return rows if best else []
