"""Arms on the test split: every seed a dot, the mean with its interval, and paired differences."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report import formatting
from vlstudy.report.comparing import Comparison, comparisons
from vlstudy.report.figures.columns import columns
from vlstudy.report.figures.figure import Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.reading import (
    Condition,
    conditions,
    confirmed,
    family,
    strongest_baseline,
    test_metric,
    tested,
)
from vlstudy.report.statistics import interval, paired
from vlstudy.report.style import INK, MUTED, canvas

SEED, GAP = "seed ", "difference"
CROWD = 8  # rows of a panel; more stand closer


def title(record: StudyRecord) -> str:
    """The heading."""
    return "The arms on the test split"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row an arm, best first in its condition: mean, interval, n, difference to the strongest baseline, seeds."""
    rows = [row for condition in conditions(record) for row in _rows(record, condition)]
    if not rows:
        raise Unavailable("No setting has been confirmed on the test split yet.")
    frame = pd.DataFrame(rows)
    for name in frame.filter(regex=r"\bn$"):
        frame[name] = frame[name].astype("Int64")  # a count stays a whole number beside a missing one
    if f"{GAP}: p" in frame and frame[f"{GAP}: p"].isna().all():
        frame = frame.drop(columns=[f"{GAP}: p", f"{GAP}: corrected p"])
    seeds = sorted({seed for arm in record.header.arms for seed in tested(record, arm.name)})
    return frame[[*frame.filter(regex=f"^(?!{SEED})"), *(f"{SEED}{seed}" for seed in seeds)]]


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What the dots, bars and differences are."""
    lines = (
        "Small dots: the seeds, each with its own few-shot draw, initialisation and data order. Large mark: their "
        "mean. Bar: its 95 % interval, from drawing the seeds again out of themselves (bootstrap), widened by what so "
        "few seeds underrate; none where all seeds agree."
    )
    if "condition" in frame:
        return (
            f"{lines} A panel per condition. On the right the difference, seed by seed, to the baseline with the best "
            "mean on test in that condition, which has none: bold where its 95 % interval is clear of zero."
            f"{_tests(frame)}"
        )
    base = strongest_baseline(record, conditions(record)[0])
    if base is None or len(frame) < 2:
        return lines
    return (
        f"{lines} The lower panel shows the difference, seed by seed, to {base.name}, the baseline with the best mean "
        "on test: a bar clear of the line at zero is a difference that the luck of the draw does not explain."
        f"{_tests(frame)}"
    )


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """Values with a row an arm; the paired differences below them, or beside them where there are conditions."""
    seeds = frame.filter(regex=f"^{SEED}")
    if "condition" in frame:
        return _by_condition(record, frame, seeds)
    base, unit = strongest_baseline(record, conditions(record)[0]), record.header.unit
    others = frame[frame[f"{GAP}: n"].notna()] if f"{GAP}: n" in frame else frame.iloc[:0]
    rows, each = 2 if len(others) else 1, 0.44 if len(frame) <= CROWD else 0.3
    height = 0.75 + each * len(frame) + (0.65 + each * len(others) if rows == 2 else 0)
    figure, axes = canvas(rows=rows, height=height, ratios=(len(frame), len(others))[:rows])
    _strips(axes[0], record, frame, seeds, "")
    axes[0].set_xlabel(formatting.axis_label(test_metric(record), unit), parse_math=False)
    if base is not None and rows == 2:
        _strips(axes[1], record, others, seeds - seeds[frame["arm"] == base.name].iloc[0], f"{GAP}: ")
        axes[1].axvline(0, color=INK, linewidth=1)
        label = formatting.difference_label(f"difference to {short(base.name)}, same seeds", unit)
        axes[1].set_xlabel(label, parse_math=False)
    return figure


def _tests(frame: pd.DataFrame) -> str:
    """What the p of the table are, where there are any."""
    if f"{GAP}: p" not in frame:
        return ""
    return (
        " The table has the p of each difference (Wilcoxon's signed-rank test, two-sided), as it is and after Holm's "
        "correction for the alternatives that share a baseline: from six seeds on the answer asks for both, the "
        "interval and the corrected p."
    )


def _by_condition(record: StudyRecord, frame: pd.DataFrame, seeds: pd.DataFrame) -> Figure:
    groups = list(frame.groupby("condition", sort=False))
    sizes = [len(rows) for _, rows in groups]
    heights = [0.45 + 0.3 * size for size in sizes]
    figure, axes = canvas(rows=len(groups), height=0.4 + sum(heights), ratios=sizes, shared=False)
    low, high = float(seeds.min().min()), float(seeds.max().max())
    margin = 0.05 * (high - low) or 1.0
    alike = _on_one_scale(record)
    for panel, (label, rows) in zip(axes, groups, strict=True):
        _strips(panel, record, rows, seeds, "")
        panel.set_title(short(str(label), 44), loc="left", parse_math=False)
        if alike:
            panel.set_xlim(low - margin, high + margin)
            panel.tick_params(axis="x", labelbottom=panel is axes[-1])
        for place, (_, row) in enumerate(rows.iterrows()):
            if f"{GAP}: n" in row:
                _beside(panel, len(rows) - 1 - place, row, record.header.unit)
    axes[-1].set_xlabel(formatting.axis_label(test_metric(record), record.header.unit), parse_math=False)
    return figure


def _on_one_scale(record: StudyRecord) -> bool:
    """Whether conditions differ in numbers alone, such as shots; those of tasks are too far apart for one scale."""
    values = (value for arm in record.header.arms for value in arm.condition.values())
    return all(isinstance(value, int | float) for value in values)


def _beside(axes: Axes, y: float, row: "pd.Series[Any]", unit: str) -> None:
    """The paired difference with its interval, behind the right edge; nothing for the baseline itself."""
    factor = formatting.scale(unit)
    mean, low, high = (row[f"{GAP}: {name}"] for name in ("mean", "low", "high"))
    if pd.isna(mean):
        return
    text, sure = formatting.change(mean / factor, unit), False
    if pd.notna(low):
        text, sure = f"{text} ({formatting.bounds(low / factor, high / factor, unit)})", low > 0 or high < 0
    look: dict[str, Any] = {"fontweight": "bold", "color": INK} if sure else {"color": MUTED}
    axes.annotate(text, (1.02, y), xycoords=("axes fraction", "data"), va="center", fontsize=9, **look)


def _rows(record: StudyRecord, condition: Condition) -> list[dict[str, Any]]:
    base = strongest_baseline(record, condition)
    found = {one.arm.name: one for one in comparisons(record) if one.gain and one.rivals > 1}
    rows = [
        _row(record, condition, arm, base, found.get(arm.name)) for arm in condition.arms if tested(record, arm.name)
    ]
    return sorted(rows, key=lambda row: row["mean"], reverse=record.header.direction == "maximize")


def _row(
    record: StudyRecord, condition: Condition, arm: ArmHeader, base: ArmHeader | None, test: Comparison | None
) -> dict[str, Any]:
    """An arm; with the p of its difference where it is one of several alternatives to one baseline."""
    values, factor = tested(record, arm.name), formatting.scale(record.header.unit)
    chosen = next(iter(confirmed(record, arm.name).values()))
    row: dict[str, Any] = {"condition": condition.label} if len(conditions(record)) > 1 else {}
    row |= {"arm": family(arm) if row else arm.name, **columns(interval(list(values.values())), factor)}
    if base is not None:
        gap = None if arm is base else paired(values, tested(record, base.name))
        row |= columns(gap, factor, f"{GAP}: ")
        row |= {f"{GAP}: p": test and test.p, f"{GAP}: corrected p": test and test.corrected}
    row |= {"setting": formatting.settings(chosen.settings), "chosen on validation": formatting.settings(chosen.axis)}
    return row | {f"{SEED}{seed}": factor * value for seed, value in values.items()}


def _strips(axes: Axes, record: StudyRecord, frame: pd.DataFrame, seeds: pd.DataFrame, prefix: str) -> None:
    """One row an arm from the top: its seeds as dots, above them mean and interval."""
    for place, (index, row) in enumerate(frame.iterrows()):
        y, look = len(frame) - 1 - place, mark(record, row["arm"])
        points = seeds[seeds.index == index].iloc[0].dropna()
        dots: dict[str, Any] = {"markersize": 4.2, "alpha": 0.6, "markeredgewidth": 0}
        axes.plot(points, [y - 0.18] * len(points), "o", color=look.colour, **dots)
        if pd.notna(row[f"{prefix}low"]):
            ends = [row[f"{prefix}low"], row[f"{prefix}high"]]
            axes.plot(ends, [y + 0.12] * 2, color=look.colour, linewidth=2.4, solid_capstyle="round")
        axes.plot(row[f"{prefix}mean"], y + 0.12, look.marker, color=look.colour, markersize=7.5, markeredgewidth=0)
    names = [short(name) for name in reversed(list(frame["arm"]))]
    axes.set_yticks(range(len(frame)), names, parse_math=False)
    axes.set_ylim(-0.55, len(frame) - 0.45)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.05)
