"""Which gap predicts what a model is worth: a line over models for each gap."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlstudy.journal import StudyRecord
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.formatting import MINUS
from vlstudy.report.gaps import FACTORS, GAPS, LABELS, closes_gaps, collapsed, quality
from vlstudy.report.reading import Condition, conditions, family, measured
from vlstudy.report.references import GAP_R2
from vlstudy.report.regression import FEWEST, Insufficient, Regression, regression
from vlstudy.report.style import INK, MUTED, PAPER, canvas, key

QUALITIES = ("cider", "joint_ari", "mean_recall")
SPOKEN = {"cider": "CIDEr-D of captions written without memory", "joint ari": "joint ARI"}


def title(record: StudyRecord) -> str:
    """The heading."""
    return "Which gap predicts quality"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per gap and model, both in the mean over seeds; a gap's first row has its line and R2 with interval."""
    if not closes_gaps(record):
        raise NotApplicable("No arm closes the gap between the modalities.")
    name = quality(record, QUALITIES, models=FEWEST)
    if not name:
        raise Unavailable("No setting has been confirmed together with its gaps yet.")
    rows, refused = list[dict[str, Any]](), dict[int, str]()
    for condition in conditions(record):
        for gap in GAPS:
            own = _models(record, condition, gap, name)
            try:
                line = regression([row["value"] for row in own], [row["quality"] for row in own])
            except Insufficient as reason:
                refused[len(own)] = str(reason)
                continue
            rows += [row | (_fit(line) if row is own[0] else {}) for row in own]
    if not rows:
        closest = refused[max(refused)]
        raise Unavailable(f"{closest[0].upper()}{closest[1:]}")
    frame = pd.DataFrame(rows)
    frame["n"] = frame["n"].astype("Int64")
    return frame if len(conditions(record)) > 1 else frame.drop(columns="condition")


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """The R2 of each gap with its interval, what was published, and how little n models say."""
    fits = _drawn(frame).dropna(subset=["R2"])
    told = "; ".join(
        f"{row['gap']} {row['R2']:.2f} ({row['R2: low']:.2f} to {row['R2: high']:.2f}), slope "
        f"{row['slope']:+.3g}".replace("-", MINUS)
        for _, row in fits.iterrows()
    )
    published = " and ".join(f"{value} for the {gap}" for gap, value in GAP_R2.items())
    measure = str(frame["measure"].iloc[0])
    lines = [
        f"Each mark is a model: its {SPOKEN.get(measure, measure)} against one of its gaps, both on test and in the "
        f"mean over seeds. R² of the straight line with its 95 % bootstrap interval over the {int(fits['n'].max())} "
        f"models: {told}. Models that differ in one knob are no independent sample, and where two intervals overlap "
        "neither gap can be said to predict better.",
        f"Published [A: the abstract]: R² of {published}, over other models, without n or interval. The quality is "
        "that of captions or of joint clusters [S: a summary]; the formulas of its gaps are unknown.",
    ]
    if fallen := list(dict.fromkeys(map(str, frame.loc[frame["collapsed"], "arm"]))):
        lines.append(
            f"Hollow: {', '.join(fallen)}. The features fill fewer than two dimensions: they have collapsed, and their "
            "small gaps do not count as a success. The line counts them, for leaving out what does not fit flatters R²."
        )
    if len(_drawn(frame)) < len(frame):
        lines.append(f"Drawn is {frame['condition'].iloc[0]}; the other conditions are in the table.")
    return " ".join(lines)


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """A panel a gap, of the first condition that has enough models."""
    shown = _drawn(frame)
    groups = list(shown.groupby("gap", sort=False))
    names = list(dict.fromkeys(map(str, shown["arm"])))
    figure, axes = canvas(rows=len(groups), height=0.45 + 1.9 * len(groups) + 0.1 * len(names))
    for panel, (gap, rows) in zip(axes, groups, strict=True):
        _panel(panel, record, rows)
        panel.set_xlabel(f"{gap} on test")
    figure.supylabel(LABELS[str(frame["measure"].iloc[0]).replace(" ", "_")], fontsize=9.5, color=INK)
    key(figure, [(short(name), mark(record, name).colour, mark(record, name).marker) for name in names])
    return figure


def _models(record: StudyRecord, condition: Condition, gap: str, name: str) -> list[dict[str, Any]]:
    """The arms of a condition that have both, over the seeds that have both."""
    rows = []
    for arm in condition.arms:
        gaps, worth = measured(record, arm.name, GAPS[gap]), measured(record, arm.name, f"test/{name}")
        seeds = sorted(gaps.keys() & worth.keys())
        if not seeds:
            continue
        value = sum(gaps[seed] for seed in seeds) / len(seeds)
        level = FACTORS.get(name, 1.0) * sum(worth[seed] for seed in seeds) / len(seeds)
        row = {"condition": condition.label, "gap": gap, "arm": family(arm), "value": value, "quality": level}
        rows.append(row | {"measure": name.replace("_", " "), "seeds": len(seeds), "collapsed": collapsed(record, arm)})
    return rows


def _fit(line: Regression) -> dict[str, float | int]:
    ends = {"R2": line.r2, "R2: low": line.low, "R2: high": line.high}
    return ends | {"slope": line.slope, "intercept": line.intercept, "n": line.n}


def _drawn(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["condition"] == frame["condition"].iloc[0]] if "condition" in frame else frame


def _panel(axes: Axes, record: StudyRecord, rows: pd.DataFrame) -> None:
    fit = rows.dropna(subset=["R2"]).iloc[0]
    ends = pd.Series([rows["value"].min(), rows["value"].max()])
    axes.plot(ends, fit["intercept"] + fit["slope"] * ends, color=MUTED, linewidth=1.5, zorder=1.5)
    for _, row in rows.iterrows():
        look = mark(record, str(row["arm"]))
        face = PAPER if row["collapsed"] else look.colour
        axes.plot(row["value"], row["quality"], look.marker, color=look.colour, markersize=7, markerfacecolor=face)
    told = f"R² = {fit['R2']:.2f} ({fit['R2: low']:.2f} to {fit['R2: high']:.2f}), n = {int(fit['n'])}"
    axes.set_title(told, loc="left", fontweight="normal", fontsize=9)
    axes.margins(0.06, 0.12)
