"""Arms on the test split: every seed a dot, the mean with its interval, and paired differences."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report import formatting
from vlstudy.report.figures.figure import Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.reading import confirmed, strongest_baseline, test_metric, tested
from vlstudy.report.statistics import Interval, interval, paired
from vlstudy.report.style import INK, canvas

SEED, GAP = "seed ", "difference"


def title(record: StudyRecord) -> str:
    """The heading."""
    return "The arms on the test split"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row an arm, best first: mean, interval, n, paired difference to the strongest baseline, setting, seeds."""
    base = strongest_baseline(record)
    rows = [_row(record, arm, base) for arm in record.header.arms if tested(record, arm.name)]
    if not rows:
        raise Unavailable("No setting has been confirmed on the test split yet.")
    descending = record.header.direction == "maximize"
    frame = pd.DataFrame(rows).sort_values("mean", ascending=not descending, kind="stable", ignore_index=True)
    for name in frame.filter(regex=r"\bn$"):
        frame[name] = frame[name].astype("Int64")  # a count stays a whole number beside a missing one
    seeds = sorted({seed for arm in frame["arm"] for seed in tested(record, arm)})
    return frame[[*frame.filter(regex=f"^(?!{SEED})"), *(f"{SEED}{seed}" for seed in seeds)]]


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What the dots, bars and differences are."""
    base = strongest_baseline(record)
    lines = (
        "Small dots: the seeds, each with its own few-shot draw, initialisation and data order. Large mark: their "
        "mean. Bar: its 95 % interval, from drawing the seeds again out of themselves (bootstrap), widened by what so "
        "few seeds underrate; none where all seeds agree."
    )
    if base is None or len(frame) < 2:
        return lines
    return (
        f"{lines} The lower panel shows the difference, seed by seed, to {base}, the baseline with the best mean on "
        "test: a bar clear of the line at zero is a difference that the luck of the draw does not explain."
    )


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """Values with a row an arm; below, the paired differences if there is a baseline to differ from."""
    base, unit = strongest_baseline(record), record.header.unit
    others = frame[frame[f"{GAP}: n"].notna()] if f"{GAP}: n" in frame else frame.iloc[:0]
    rows = 2 if len(others) else 1
    height = 0.75 + 0.44 * len(frame) + (0.65 + 0.44 * len(others) if rows == 2 else 0)
    figure, axes = canvas(rows=rows, height=height, ratios=(len(frame), len(others))[:rows])
    seeds = frame.filter(regex=f"^{SEED}")
    _strips(axes[0], record, frame, seeds, "")
    axes[0].set_xlabel(formatting.axis_label(test_metric(record), unit), parse_math=False)
    if base is not None and rows == 2:
        _strips(axes[1], record, others, seeds - seeds[frame["arm"] == base].iloc[0], f"{GAP}: ")
        axes[1].axvline(0, color=INK, linewidth=1)
        label = formatting.difference_label(f"difference to {short(base)}, same seeds", unit)
        axes[1].set_xlabel(label, parse_math=False)
    return figure


def _row(record: StudyRecord, arm: ArmHeader, base: str | None) -> dict[str, Any]:
    values, factor = tested(record, arm.name), formatting.scale(record.header.unit)
    chosen = next(iter(confirmed(record, arm.name).values()))
    row = {"arm": arm.name, **_columns("", interval(list(values.values())), factor)}
    if base is not None:
        gap = None if arm.name == base else paired(values, tested(record, base))
        row |= _columns(f"{GAP}: ", gap, factor)
    row |= {"setting": formatting.settings(chosen.settings), "chosen on validation": formatting.settings(chosen.axis)}
    return row | {f"{SEED}{seed}": factor * value for seed, value in values.items()}


def _columns(prefix: str, found: Interval | None, factor: float) -> dict[str, Any]:
    mean, low, high = (found.mean, found.low, found.high) if found else (None, None, None)
    ends = {"mean": mean, "low": low, "high": high}
    scaled = {f"{prefix}{name}": None if value is None else factor * value for name, value in ends.items()}
    return scaled | {f"{prefix}n": found.n if found else None}


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
