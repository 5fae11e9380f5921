"""Share of the attention on the object in each layer, before and after, against plain fine-tuning."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report import formatting
from vlstudy.report.figures.columns import columns
from vlstudy.report.figures.figure import NotApplicable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.reading import Condition, conditions, confirmed, family, measured
from vlstudy.report.statistics import interval, paired
from vlstudy.report.style import INK, canvas, key

METRIC, GAP, MEAN = "test/attention_on_object", "difference: ", "mean"
PERCENT = formatting.scale("fraction")


def title(record: StudyRecord) -> str:
    """The heading."""
    return "Attention on the object, layer by layer"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per arm and layer, the mean over layers last: the share, and the paired difference to fine-tuning."""
    rows = [row for one in conditions(record) for arm in one.arms for row in _rows(record, one, arm)]
    if not rows:
        raise NotApplicable("There are no masks of the objects, or no tower whose attention can be looked at.")
    frame = pd.DataFrame(rows)
    return frame if len(conditions(record)) > 1 else frame.drop(columns="condition")


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What the lines are and whom the differences are to."""
    references = [_reference(one) for one in conditions(record)]
    names = ", ".join(dict.fromkeys(family(arm) for arm in references if arm))
    untouched = any(arm.method == "zero_shot" for arm in record.header.arms)
    return (
        "Share of the class token's attention that falls inside the object's mask, mean over heads and test pictures; "
        "bars: 95 % intervals over the seeds."
        + (" Dashed: the backbone before any training." if untouched else "")
        + (f" The second panel shows the difference to {names}, seed by seed." if names else "")
        + " More attention on the object does not by itself mean better predictions."
    )


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """Shares and differences: one above the other, or side by side where there are conditions."""
    groups = list(frame.groupby("condition", sort=False)) if "condition" in frame else [("", frame)]
    both = bool(frame[f"{GAP}n"].notna().any())
    per, names = 2 if both else 1, list(dict.fromkeys(frame["arm"]))
    foot = 0.3 + 0.2 * ((len(names) + 1) // 2)
    if len(groups) == 1:
        figure, axes = canvas(rows=per, height=2.3 * per + foot)
    else:
        figure, axes = canvas(rows=len(groups), columns=per, height=1.9 * len(groups) + foot)
    for place, (label, rows) in enumerate(groups):
        mine = axes[per * place : per * (place + 1)]
        _lines(mine[0], record, rows, "")
        mine[0].set_ylabel("on the object (%)" if len(groups) == 1 else "on object (%)")
        mine[0].set_title(short(str(label), 22), loc="left", parse_math=False)
        if both:
            _lines(mine[1], record, rows[rows[f"{GAP}n"].notna()], GAP)
            mine[1].axhline(0, color=INK, linewidth=1)
            mine[1].set_ylabel("difference (points)" if len(groups) == 1 else "difference")
        for panel in mine:
            panel.set_xlabel("layer")
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    looks = {name: mark(record, name) for name in names}
    key(figure, [(short(name), look.colour, look.marker) for name, look in looks.items()])
    return figure


def _rows(record: StudyRecord, condition: Condition, arm: ArmHeader) -> list[dict[str, Any]]:
    found = {name for item in confirmed(record, arm.name).values() for name in item.metrics}
    layers = sorted(int(name.partition("@")[2]) for name in found if name.startswith(f"{METRIC}@"))
    reference = _reference(condition)
    rows = []
    for layer, metric in [*((layer, f"{METRIC}@{layer}") for layer in layers), (MEAN, METRIC)]:
        values = measured(record, arm.name, metric)
        if not values:
            continue
        other = {} if reference is None or reference is arm else measured(record, reference.name, metric)
        gap = paired(values, other)
        place = {"condition": condition.label, "arm": family(arm), "layer": layer}
        rows.append(place | columns(interval(list(values.values())), PERCENT) | columns(gap, PERCENT, GAP))
    return rows


def _reference(condition: Condition) -> ArmHeader | None:
    """The condition's plain fine-tuning; without one, zero-shot."""
    for method in ("finetune", "zero_shot"):
        for arm in condition.arms:
            if arm.method == method:
                return arm
    return None


def _lines(axes: Axes, record: StudyRecord, frame: pd.DataFrame, prefix: str) -> None:
    """A line an arm, a little apart from each other, with a bar at each layer."""
    groups = list(frame[frame["layer"] != MEAN].groupby("arm", sort=False))
    for place, (arm, rows) in enumerate(groups):
        look = mark(record, str(arm))
        x = rows["layer"].astype(float) + min(0.08, 0.5 / len(groups)) * (place - (len(groups) - 1) / 2)
        dashed = any(family(item) == arm and item.method == "zero_shot" for item in record.header.arms)
        style: Any = (0, (4, 2)) if dashed else "-"
        axes.plot(x, rows[f"{prefix}mean"], color=look.colour, linewidth=1.6, linestyle=style)
        axes.plot(x, rows[f"{prefix}mean"], look.marker, color=look.colour, markersize=5, markeredgewidth=0)
        if rows[f"{prefix}low"].notna().all():
            axes.vlines(x, rows[f"{prefix}low"], rows[f"{prefix}high"], colors=look.colour, linewidth=1.4)
