"""Accuracy against shots, or against any other number that the data were varied in."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlstudy.journal import StudyRecord
from vlstudy.report import formatting
from vlstudy.report.figures.columns import columns
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.reading import families, family, grouped, test_metric, tested
from vlstudy.report.statistics import interval
from vlstudy.report.style import INK, canvas, end_labels

ALL = 0  # shots: 0 means all images


def title(record: StudyRecord) -> str:
    """The heading; it names the knobs."""
    metric = formatting.metric_name(test_metric(record).rpartition("/")[2])
    names = [name.replace("_", " ") for name in _knobs(record)]
    return f"{metric.capitalize()} against {' and '.join(names) or 'shots'}"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per family, knob and value, the other knobs held: mean on test with its interval."""
    knobs = _knobs(record)
    if not knobs:
        raise NotApplicable("No number of the data was varied, such as shots.")
    rows = [row for knob in knobs for row in _rows(record, knob)]
    if not rows:
        raise Unavailable("No setting has been confirmed on the test split yet.")
    return pd.DataFrame(rows)


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What lines and bands are."""
    dashed = ", ".join(name for name in dict.fromkeys(frame["arm"]) if _untrained(record, name))
    return (
        "Mean on test of each arm's best setting, searched anew at every value; band: 95 % interval over the seeds. "
        "Bands show how sure each mean is by itself; whether two arms differ is what the paired differences above say."
        + (f" Dashed: {dashed}, which is not trained." if dashed else "")
    )


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """One panel per knob and per condition of the other knobs; a line a family, named at its end."""
    groups = list(frame.groupby(["knob", "others"], sort=False))
    most = frame.groupby(["knob", "others"])["arm"].nunique().max()
    each = max(3.1, 0.9 + 0.19 * most)
    figure, axes = canvas(rows=len(groups), height=each * len(groups))
    for panel, ((knob, others), rows) in zip(axes, groups, strict=True):
        _panel(panel, record, str(knob), rows, len(groups))
        panel.set_ylabel(formatting.axis_label(test_metric(record), record.header.unit), parse_math=False)
        if others:
            panel.set_title(short(str(others), 44), loc="left", parse_math=False)
    return figure


def _panel(axes: Axes, record: StudyRecord, knob: str, frame: pd.DataFrame, rows: int) -> None:
    values = sorted(set(frame["value"]), key=lambda value: _place(knob, value, 0))
    places = _places(knob, values)
    labels = []
    for arm, own in frame.groupby("arm", sort=False):
        own = own.sort_values("value", key=lambda column: column.map(places))
        look, x = mark(record, str(arm)), own["value"].map(places)
        line: dict[str, Any] = (
            {"linestyle": (0, (4, 2)), "marker": ""}
            if _untrained(record, str(arm))
            else {"linestyle": "-", "marker": look.marker}
        )
        if own["low"].notna().all() and not _untrained(record, str(arm)):
            low, high = own["low"].astype(float), own["high"].astype(float)
            axes.fill_between(x, low, high, color=look.colour, alpha=0.16, linewidth=0)
        axes.plot(x, own["mean"], color=look.colour, linewidth=1.8, markersize=6, markeredgewidth=0, **line)
        labels.append((float(own["mean"].iloc[-1]), short(str(arm), 14), look.colour))
    if knob == "shots":
        axes.set_xscale("log", base=2)
    axes.set_xticks(list(places.values()), [_label(knob, value) for value in values], color=INK)
    axes.minorticks_off()
    axes.set_xlabel(f"{knob.replace('_', ' ')}{' per class' if knob == 'shots' else ''}", parse_math=False)
    end_labels(axes, labels, rows)


def _rows(record: StudyRecord, knob: str) -> list[dict[str, Any]]:
    factor = formatting.scale(record.header.unit)
    rows = []
    for name in families(record):
        for others in grouped(
            (arm for arm in record.header.arms if family(arm) == name and knob in arm.condition), without=[knob]
        ):
            for arm in sorted(others.arms, key=lambda arm: _place(knob, arm.condition[knob], 0)):
                if found := tested(record, arm.name):
                    place = {"arm": name, "knob": knob, "others": others.label, "value": arm.condition[knob]}
                    rows.append(place | columns(interval(list(found.values())), factor))
    return rows


def _knobs(record: StudyRecord) -> list[str]:
    """The knobs of the data that were varied and are numbers, in the file's order."""
    found: dict[str, set[Any]] = {}
    for arm in record.header.arms:
        for knob, value in arm.condition.items():
            found.setdefault(knob, set()).add(value)
    return [knob for knob, values in found.items() if len(values) > 1 and all(map(_is_number, values))]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _untrained(record: StudyRecord, name: str) -> bool:
    return any(family(arm) == name and arm.method == "zero_shot" for arm in record.header.arms)


def _places(knob: str, values: list[Any]) -> Mapping[Any, float]:
    """Value -> place on the axis; `all` shots stand one doubling behind the most."""
    most = max((value for value in values if value != ALL), default=1)
    return {value: _place(knob, value, 2 * most) for value in values}


def _place(knob: str, value: Any, end: float) -> float:
    return (end or float("inf")) if knob == "shots" and value == ALL else float(value)


def _label(knob: str, value: Any) -> str:
    return "all" if knob == "shots" and value == ALL else formatting.setting(value)
