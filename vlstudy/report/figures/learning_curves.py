"""Objective against progress for every trial of every trained arm, pruned ones visible."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlstudy.journal import StudyRecord
from vlstudy.report import formatting
from vlstudy.report.figures.figure import Unavailable
from vlstudy.report.figures.marks import label, mark
from vlstudy.report.style import INK, MUTED, panels

NAMES, ENDS = ("arm", "trial", "verdict"), {"pruned": "|", "failed": "x", "running": "."}


def title(record: StudyRecord) -> str:
    """The heading."""
    return "Learning curves"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per trial that was measured, of the arms that are trained step by step; a column per progress."""
    rows = [row for arm in record.header.arms for row in _rows(record, arm.name)]
    if not rows:
        raise Unavailable("No arm has been measured more than once in a training, so that there are no curves.")
    frame = pd.DataFrame(rows)
    return frame[[*NAMES, *sorted((name for name in map(str, frame) if name not in NAMES), key=_percent)]]


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """How complete, pruned and failed trials look, and how many there are."""
    last = frame["verdict"].value_counts()
    spoken = ", ".join(f"{last[verdict]} {verdict}" for verdict in ("complete", *ENDS) if verdict in last)
    left = [arm.name for arm in record.header.arms if arm.name not in set(frame["arm"])]
    return (
        f"Validation during training, a line a trial ({spoken}). Coloured: complete, the best one thick. Grey and "
        "dashed: pruned, up to the bar where the pruner stopped it. A cross: failed there."
        + (f" Measured once only, so without a curve: {', '.join(left)}." if left else "")
    )


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """One panel an arm, on one scale."""
    arms = list(frame.groupby("arm", sort=False))
    figure, axes, columns = panels(len(arms), height=1.9, shared=True)
    for panel, (arm, rows) in zip(axes, arms, strict=True):
        _panel(panel, record, str(arm), rows, 40 if columns == 1 else 20)
    figure.supxlabel("training done (%)", fontsize=9.5, color=INK)
    figure.supylabel(
        formatting.axis_label(record.header.objective, record.header.unit), fontsize=9.5, color=INK, parse_math=False
    )
    return figure


def _rows(record: StudyRecord, arm: str) -> list[dict[str, Any]]:
    trials = [trial for trial in record.trials if trial.arm == arm and trial.measurements]
    if not any(len(trial.measurements) > 1 for trial in trials):
        return []
    factor, objective = formatting.scale(record.header.unit), record.header.objective
    return [
        {"arm": arm, "trial": trial.number, "verdict": trial.verdict}
        | {
            f"{item.percent} %": factor * item.metrics[objective]
            for item in trial.measurements
            if objective in item.metrics
        }
        for trial in trials
    ]


def _percent(name: str) -> int:
    return int(name.removesuffix(" %"))


def _panel(axes: Axes, record: StudyRecord, arm: str, frame: pd.DataFrame, longest: int) -> None:
    look = mark(record, arm)
    curves = frame.drop(columns=list(NAMES)).rename(columns=_percent)
    ends = curves[frame["verdict"] == "complete"].ffill(axis=1).iloc[:, -1]
    best = None if ends.empty else ends.idxmax() if record.header.direction == "maximize" else ends.idxmin()
    for (trial, curve), verdict in zip(curves.iterrows(), frame["verdict"], strict=True):
        seen = curve.dropna()
        x, y = seen.index, seen.to_numpy()
        if verdict == "complete":
            width, alpha = (2.6, 1.0) if trial == best else (1.0, 0.5)
            axes.plot(x, y, color=look.colour, linewidth=width, alpha=alpha, zorder=4 if trial == best else 3)
            continue
        axes.plot(x, y, color=MUTED, linewidth=0.9, alpha=0.75, linestyle=(0, (3, 2)))
        axes.plot(x[-1], y[-1], ENDS[verdict], color=INK if verdict == "failed" else MUTED, markersize=6)
    axes.set_xlim(0, 102)
    axes.set_title(label(record, arm, longest), loc="left", color=look.colour, parse_math=False)
