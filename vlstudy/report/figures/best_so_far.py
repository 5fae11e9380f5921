"""Best validation value so far against the budget spent."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vlstudy.journal import StudyRecord
from vlstudy.report import formatting
from vlstudy.report.figures.figure import Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.reading import validated
from vlstudy.report.style import canvas, end_labels


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
    """One step line an arm, named at its end."""
    figure, axes = canvas(height=3.1)
    longest, labels = int(frame["trials finished"].max()), []
    for arm, rows in frame.dropna(subset=["best"]).groupby("arm", sort=False):
        look, x, y = mark(record, str(arm)), rows["trials finished"], rows["best"].astype(float)
        axes[0].step(x, y, where="post", color=look.colour, linewidth=2)
        axes[0].plot([x.iloc[-1], longest], [y.iloc[-1]] * 2, color=look.colour, linewidth=0.8)
        axes[0].plot(x.iloc[-1], y.iloc[-1], look.marker, color=look.colour, markersize=6.5, markeredgewidth=0)
        labels.append((float(y.iloc[-1]), short(str(arm), 14), look.colour))
    axes[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].set_xlabel("trials finished")
    axes[0].set_ylabel(formatting.axis_label(record.header.objective, record.header.unit), parse_math=False)
    end_labels(axes[0], labels)
    return figure


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
