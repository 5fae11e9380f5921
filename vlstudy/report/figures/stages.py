"""What each stage added: zero-shot, the trained arm below, and the arm on top of it."""

from itertools import pairwise
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report import formatting
from vlstudy.report.figures.columns import columns
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.reading import Condition, conditions, family, test_metric, tested
from vlstudy.report.statistics import paired
from vlstudy.report.style import INK, canvas


def title(record: StudyRecord) -> str:
    """The heading."""
    return "What each stage added"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row a stage: the paired difference on test between the arm that it ends in and the one it starts from."""
    if not any(arm.on for arm in record.header.arms):
        raise NotApplicable("No arm stands on another.")
    rows = [row for one in conditions(record) for arm in one.arms if arm.on for row in _rows(record, one, arm)]
    if not rows:
        raise Unavailable("No arm has been confirmed together with the one that it stands on yet.")
    frame = pd.DataFrame(rows)
    return frame if len(conditions(record)) > 1 else frame.drop(columns="condition")


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """How to read a row and what a stage's difference is not."""
    better = "to the right is better" if record.header.direction == "maximize" else "to the left is better"
    return (
        f"Each row is a stage: the arm after the arrow less the one before it, seed by seed, with the 95 % interval; "
        f"{better}, and a bar clear of zero is more than the luck of the draw. A trained arm below is trained once per "
        "seed and draw, and the arm on it starts from its features. A later stage has less left to gain than an "
        "earlier one: two stages are not a contest."
    )


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """A panel a condition; a row a stage, in the colour of the arm that it ends in."""
    groups = list(frame.groupby("condition", sort=False)) if "condition" in frame else [("", frame)]
    sizes = [len(rows) for _, rows in groups]
    height = 0.5 + sum(0.35 * size + (0.3 if len(groups) > 1 else 0.1) for size in sizes)
    figure, axes = canvas(rows=len(groups), height=height, ratios=sizes)
    ends = frame[["mean", "low", "high"]].astype(float)
    low, high = min(0.0, float(ends.min().min())), max(0.0, float(ends.max().max()))
    room = 0.06 * (high - low) or 1.0
    for panel, (label, rows) in zip(axes, groups, strict=True):
        _panel(panel, record, rows)
        panel.set_xlim(low - room, high + room)
        panel.tick_params(axis="x", labelbottom=panel is axes[-1])
        panel.set_title(short(str(label), 44), loc="left", parse_math=False)
    label = f"difference in {formatting.metric_name(test_metric(record))}"
    axes[-1].set_xlabel(formatting.difference_label(label, record.header.unit), parse_math=False)
    return figure


def _panel(axes: Axes, record: StudyRecord, frame: pd.DataFrame) -> None:
    for place, (_, row) in enumerate(frame.iterrows()):
        y, look = len(frame) - 1 - place, mark(record, row["to"])
        if pd.notna(row["low"]):
            axes.plot([row["low"], row["high"]], [y, y], color=look.colour, linewidth=2.4, solid_capstyle="round")
        axes.plot(row["mean"], y, look.marker, color=look.colour, markersize=7.5, markeredgewidth=0)
    names = [f"{short(row['from'], 13)} → {short(row['to'], 13)}" for _, row in frame[::-1].iterrows()]
    axes.set_yticks(range(len(frame)), names, parse_math=False)
    axes.set_ylim(-0.6, len(frame) - 0.4)
    axes.axvline(0, color=INK, linewidth=1)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)


def _rows(record: StudyRecord, condition: Condition, upper: ArmHeader) -> list[dict[str, Any]]:
    """From zero-shot, if it is there, over the lower arm to the upper one."""
    named = {family(arm): arm for arm in condition.arms}
    untrained = next((arm for arm in condition.arms if arm.method == "zero_shot"), None)
    chain = [arm for arm in (untrained, named.get(upper.on), upper) if arm is not None]
    rows = []
    for before, after in pairwise(chain):
        if before is after or not (gap := paired(tested(record, after.name), tested(record, before.name))):
            continue
        place = {"condition": condition.label, "arm": family(upper), "from": family(before), "to": family(after)}
        rows.append(place | columns(gap, formatting.scale(record.header.unit)))
    return rows
