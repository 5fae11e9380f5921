"""Inference axes: the test metric against solver steps, with what validation chose and what an oracle would."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vlstudy.journal import ConfirmRecord, StudyRecord
from vlstudy.measurement import Point
from vlstudy.report import formatting
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.figures.marks import label, mark
from vlstudy.report.reading import confirmed, test_metric
from vlstudy.report.statistics import interval
from vlstudy.report.style import INK, panels

MOST = 6  # findings that the caption tells; all are in the table
CHOSEN, ORACLE = "chosen on validation", "oracle"


def title(record: StudyRecord) -> str:
    """The heading; it names the axes that the arms have."""
    names = dict.fromkeys(name.rpartition(".")[2].replace("_", " ") for arm in record.header.arms for name in arm.axes)
    metric = formatting.metric_name(test_metric(record).rpartition("/")[2])
    return f"{metric.capitalize()} against {', '.join(names) or 'inference knobs'}"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per arm, axis and value: mean on test with interval, validation, what was chosen, the oracle's."""
    rows = [row for arm in record.header.arms for row in _arm(record, confirmed(record, arm.name))]
    if not rows and not any(arm.axes for arm in record.header.arms):
        raise NotApplicable("No arm has a knob that is set at inference, such as solver steps.")
    if not rows:
        raise Unavailable("No arm that was measured on test has a knob that is set at inference, such as solver steps.")
    return pd.DataFrame(rows)


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What line, band and marks are, and how far the choice on validation lies behind the oracle's."""
    groups = _groups(frame)
    findings = " ".join(_finding(record, rows) for _, rows in groups[:MOST])
    rest = " The others are in the table." if len(groups) > MOST else ""
    return (
        "Solid: mean on test over the fresh seeds, with its 95 % interval as a band. Dotted: validation in the search, "
        "by which the filled mark was chosen; it alone is the result. The ring is an oracle that looks at test: never "
        f"the result, for choosing there flatters the method. {findings}{rest}"
    )


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """One panel per arm and axis."""
    groups = _groups(frame)
    figure, axes, columns = panels(len(groups), height=3.1)
    for panel, (_, rows) in zip(axes, groups, strict=True):
        _panel(panel, record, rows.reset_index(drop=True), 40 if columns == 1 else 20)
        if columns == 1:
            panel.legend(loc="best", frameon=False)
    metric = formatting.axis_label(test_metric(record).rpartition("/")[2], record.header.unit)
    figure.supylabel(metric, fontsize=9.5, color=INK, parse_math=False)
    return figure


def _groups(frame: pd.DataFrame) -> list[tuple[Any, pd.DataFrame]]:
    return list(frame.groupby(["arm", "axis"], sort=False))


def _finding(record: StudyRecord, rows: pd.DataFrame) -> str:
    arm, axis, unit = rows["arm"].iloc[0], rows["axis"].iloc[0], record.header.unit
    picked, oracle = rows[rows[CHOSEN]].iloc[0], rows[rows[ORACLE]].iloc[0]
    start = f"{arm}: validation chose {axis} = {formatting.setting(picked['value'])}"
    if picked["value"] == oracle["value"]:
        return f"{start}, which is also the oracle's."
    gap = (oracle["test mean"] - picked["test mean"]) / formatting.scale(unit)
    return f"{start}, the oracle {formatting.setting(oracle['value'])}, better by {formatting.difference(gap, unit)}."


def _arm(record: StudyRecord, found: Mapping[int, ConfirmRecord]) -> list[dict[str, Any]]:
    chosen = next(iter(found.values()), None)
    if chosen is None:
        return []
    trials = [item for item in record.trials if item.arm == chosen.arm and item.number == chosen.trial]
    validation = trials[0].measurements[-1].points if trials and trials[0].measurements else ()
    return [row for axis in chosen.axis for row in _rows(record, found, chosen, axis, validation)]


def _rows(
    record: StudyRecord,
    found: Mapping[int, ConfirmRecord],
    chosen: ConfirmRecord,
    axis: str,
    validation: tuple[Point, ...],
) -> list[dict[str, Any]]:
    """Along one axis, the others being where validation chose them."""
    factor, metric, tests = formatting.scale(record.header.unit), test_metric(record), dict[float, list[float]]()
    for item in found.values():
        for value, point in _along(axis, chosen, item.measurement.points).items():
            if metric in point.metrics:
                tests.setdefault(value, []).append(point.metrics[metric])
    searched = _along(axis, chosen, validation)
    judged = {value: point.metrics.get(record.header.objective) for value, point in searched.items()}
    means = {value: sum(values) / len(values) for value, values in sorted(tests.items())}
    if not means:
        return []
    best = (max if record.header.direction == "maximize" else min)(means, key=lambda value: means[value])
    rows = []
    for value in means:
        test = interval(tests[value])
        ends = {"test mean": test.mean, "low": test.low, "high": test.high, "validation": judged.get(value)}
        scaled = {name: None if end is None else factor * end for name, end in ends.items()}
        marks = {CHOSEN: value == chosen.axis[axis], ORACLE: value == best}
        rows.append({"arm": chosen.arm, "axis": axis, "value": _whole(value), **scaled, "n": test.n, **marks})
    return rows


def _whole(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value


def _along(axis: str, chosen: ConfirmRecord, points: tuple[Point, ...]) -> dict[float, Point]:
    others = {name: value for name, value in chosen.axis.items() if name != axis}
    return {point.axis[axis]: point for point in points if others.items() <= point.axis.items() and axis in point.axis}


def _panel(axes: Axes, record: StudyRecord, frame: pd.DataFrame, longest: int) -> None:
    look, x, y = mark(record, frame["arm"].iloc[0]), frame["value"].astype(float), frame["test mean"]
    if frame["low"].notna().all():
        low, high = frame["low"].astype(float), frame["high"].astype(float)
        axes.fill_between(x, low, high, color=look.colour, alpha=0.22, linewidth=0)
    axes.plot(x, y, color=look.colour, linewidth=2, label="test, mean")
    if frame["validation"].notna().any():
        axes.plot(x, frame["validation"], color=INK, linewidth=1.3, linestyle=(0, (1, 1.6)), label="validation")
    picked, oracle = frame[frame[CHOSEN]], frame[frame[ORACLE]]
    filled: dict[str, Any] = {"color": look.colour, "markersize": 8, "label": CHOSEN}
    ring: dict[str, Any] = {"color": INK, "markersize": 13, "fillstyle": "none", "label": "oracle, not the result"}
    axes.plot(picked["value"], picked["test mean"], look.marker, linestyle="none", **filled)
    axes.plot(oracle["value"], oracle["test mean"], "o", linestyle="none", **ring)
    if all(float(value).is_integer() for value in x):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(label(record, frame["arm"].iloc[0], longest), loc="left", color=look.colour, parse_math=False)
    axes.set_xlabel(frame["axis"].iloc[0].replace("_", " "), parse_math=False)
