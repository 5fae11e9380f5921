"""Accuracy on base classes against accuracy on new ones."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report import formatting
from vlstudy.report.figures.columns import columns
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.reading import conditions, confirmed, family, measured, tasks
from vlstudy.report.statistics import interval
from vlstudy.report.style import GRID, MUTED, key, panels

TASKS = ("base_to_new", "open_class")
METRICS = {"base": "test/base_accuracy", "new": "test/new_accuracy", "harmonic mean": "test/harmonic_mean"}
PERCENT = formatting.scale("fraction")


def title(record: StudyRecord) -> str:
    """The heading."""
    return "Base classes against new classes"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row an arm: base, new and their harmonic mean, each with its interval."""
    if not set(tasks(record)) & set(TASKS):
        raise NotApplicable("All classes were trained on.")
    rows = [_row(record, arm, one.label) for one in conditions(record) for arm in one.arms]
    found = [row for row in rows if row]
    if not found:
        raise Unavailable("No setting has been confirmed on base and new classes yet.")
    frame = pd.DataFrame(found)
    return frame if len(conditions(record)) > 1 else frame.drop(columns="condition")


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What the marks, bars and lines are."""
    names = "the names of its own half" if "base_to_new" in tasks(record) else "all names"
    best = frame.sort_values("harmonic mean: mean", kind="stable").iloc[-1]
    where = f" ({best['condition']})" if "condition" in frame else ""
    value = formatting.shown(best["harmonic mean: mean"] / PERCENT, "fraction")
    return (
        "Accuracy on the classes that were trained on (across) and on those that were not (up), each image scored "
        f"against {names}; bars: 95 % intervals. On a grey line the harmonic mean is the same: to the upper right is "
        f"better, to the lower right new classes were given up for base ones. Highest harmonic mean: {best['arm']}"
        f"{where}, {value}."
    )


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """One panel a condition, on one scale."""
    groups = list(frame.groupby("condition", sort=False)) if "condition" in frame else [("", frame)]
    names = list(dict.fromkeys(frame["arm"]))
    figure, axes, _ = panels(len(groups), height=3.0 + 0.1 * len(names) / len(groups), shared=True, most=2)
    across, up = _limits(frame, "base"), _limits(frame, "new")
    for panel, (label, rows) in zip(axes, groups, strict=True):
        panel.set_xlim(*across)
        panel.set_ylim(*up)
        _isolines(panel, across, up, labelled=len(groups) <= 2)
        for _, row in rows.iterrows():
            _cross(panel, record, row)
        if label:
            panel.set_title(short(str(label), 22), loc="left", parse_math=False)
        panel.set_xlabel("base accuracy (%)")
        panel.set_ylabel("new accuracy (%)")
    looks = {name: mark(record, name) for name in names}
    key(figure, [(short(name), look.colour, look.marker) for name, look in looks.items()])
    return figure


def _row(record: StudyRecord, arm: ArmHeader, condition: str) -> dict[str, Any]:
    """Nothing for an arm without both halves."""
    found = {name: list(measured(record, arm.name, metric).values()) for name, metric in METRICS.items()}
    if not all(found.values()):
        return {}
    row: dict[str, Any] = {"condition": condition, "arm": family(arm)}
    for name, values in found.items():
        row |= {f"{name}: {end}": value for end, value in columns(interval(values), PERCENT).items() if end != "n"}
    return row | {"n": len(confirmed(record, arm.name))}


def _limits(frame: pd.DataFrame, name: str) -> tuple[float, float]:
    """All marks and bars, with room."""
    values = frame[[f"{name}: {end}" for end in ("mean", "low", "high")]].astype(float).to_numpy()
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = max(0.08 * (high - low), 1.0)
    return low - room, high + room


def _isolines(axes: Axes, across: tuple[float, float], up: tuple[float, float], *, labelled: bool) -> None:
    """Lines new = H base / (2 base - H) for about five round values of the harmonic mean H."""
    ends = [2 * x * y / (x + y) for x, y in zip(across, up, strict=True) if x > 0 and y > 0]
    step = next((step for step in (1, 2, 5, 10) if (max(ends) - min(ends)) / step <= 9), 20)
    for mean in np.arange(step, 100.1, step):
        base = np.linspace(max(across[0], mean / 2 + 0.5), across[1], 60)
        new = mean * base / (2 * base - mean)
        inside = (new >= up[0]) & (new <= up[1])
        if inside.sum() < 3:
            continue
        axes.plot(base[inside], new[inside], color=GRID, linewidth=1.2, zorder=0.5)
        if labelled:
            place = np.flatnonzero(inside)[-1]
            look: dict[str, Any] = {"fontsize": 9, "color": MUTED, "ha": "right", "va": "bottom"}
            axes.annotate(f"{mean:.0f}", (base[place], new[place]), **look)


def _cross(axes: Axes, record: StudyRecord, row: "pd.Series[Any]") -> None:
    look, x, y = mark(record, row["arm"]), row["base: mean"], row["new: mean"]
    if pd.notna(row["base: low"]):
        axes.plot([row["base: low"], row["base: high"]], [y, y], color=look.colour, linewidth=1.4, alpha=0.8)
        axes.plot([x, x], [row["new: low"], row["new: high"]], color=look.colour, linewidth=1.4, alpha=0.8)
    axes.plot(x, y, look.marker, color=look.colour, markersize=7.5, markeredgewidth=0)
