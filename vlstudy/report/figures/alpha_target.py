"""What rises and falls with alpha_target: quality, gaps, dimension, clusters and captions."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report.figures.columns import columns
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.formatting import MINUS, settings
from vlstudy.report.gaps import FACTORS, collapsed, quality
from vlstudy.report.reading import Condition, conditions, confirmed, family, measured
from vlstudy.report.references import TPC_CMA
from vlstudy.report.statistics import differences, interval
from vlstudy.report.style import INK, MUTED, PAPER, canvas, end_labels, key

KNOB = "schedule.alpha_target"
SQUARED = "mean squared distance of pairs"
MEASURES = {  # shown name -> metric on test; the gaps are the candidates for what the paper calls modality gap
    "accuracy (%)": "accuracy",
    "mean recall (%)": "mean_recall",
    "centroid gap": "centroid_gap",
    "centroid gap, unbiased": "centroid_gap_unbiased",
    "distribution gap": "distribution_gap",
    "distribution gap, Bures": "distribution_gap_bures",
    "distribution gap, sliced": "distribution_gap_sliced",
    "distribution gap, normalized": "distribution_gap_normalized",
    "raw gap": "raw_gap",
    "mean distance of pairs": "raw_gap_mean",
    SQUARED: "raw_gap",
    "effective dimension": "effective_dimension",
    "kNN mixing": "knn_mixing",
    "joint ARI": "joint_ari",
    "CIDEr-D (×100)": "cider",
}
CANDIDATES = ("centroid gap", "mean distance of pairs", SQUARED)
DRAWN_GAPS = {"raw gap": "-", "centroid gap": (0, (5, 2)), "distribution gap": (0, (1, 1.5))}
PANELS = ("effective dimension", "joint ARI", "CIDEr-D (×100)")
PLACE = ["condition", "held", "alpha_target"]
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))  # of the lines; more repeat them


def title(record: StudyRecord) -> str:
    """The heading."""
    return "What alpha_target buys and costs"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per arm and measure: its value on test, and its change to alpha_target = 0 and to the untouched backbone.

    Changes are differences seed by seed in percent of the reference's mean; `published (%)` is relative to CLIP.
    """
    if not _differ(record):
        raise NotApplicable("No arms differ in alpha_target.")
    lines = [rows for one in conditions(record) for rows in _lines(record, one)]
    found = [row for rows in lines if len({row["alpha_target"] for row in rows}) > 1 for row in rows]
    if not found:
        raise Unavailable("Fewer than two values of alpha_target have been confirmed on test yet.")
    frame = pd.DataFrame(found).sort_values(PLACE, kind="stable", ignore_index=True)
    frame["n"] = frame["n"].astype("Int64")
    idle = [name for name in ("condition", "held") if frame[name].nunique() == 1]
    return frame.drop(columns=idle).dropna(axis="columns", how="all")


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What lines and bars are, what was published, and that nobody knows of which gap."""
    first = str(frame["measure"].iloc[0]).removesuffix(" (%)")
    lines = [
        f"Means on test with 95 % intervals over seeds, along alpha_target; {first} on top, then the gaps, which are "
        "distances between unit vectors. The table has the percent change of every variant of the gap."
    ]
    if "change to 0: mean" in frame:
        told = {name: _changes(frame, name) for name in (str(frame["measure"].iloc[0]), *CANDIDATES)}
        found = ", ".join(f"{name.removesuffix(' (%)')} {change}" for name, change in told.items() if change)
        lines.append(f"Change to alpha_target = 0, seed by seed, at the largest one: {found}." if found else "")
    else:
        lines.append("No arm has alpha_target = 0, so that no change to it can be told.")
    lines.append(
        f"Published for CLIP ViT-B/32 [A: the abstract]: modality gap {MINUS}66.6 % at 0.05 and {MINUS}82.3 % at 0.5, "
        "relative to CLIP as it was, not to alpha_target = 0. Which gap is meant is unknown: the values stand beside "
        "all three candidates, and a match with one of them proves nothing."
    )
    if fallen := list(dict.fromkeys(map(str, frame.loc[frame["collapsed"], "arm"]))):
        lines.append(
            f"Hollow: {', '.join(fallen)}. The features fill fewer than two dimensions: they have collapsed, and their "
            "small gaps do not count as a success."
        )
    return " ".join(filter(None, lines))


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """A panel a measure, the three gaps in one; the line is alpha_target's, the marks are the arms'."""
    known = set(frame["measure"])
    top = [name for name in ("accuracy (%)", "mean recall (%)") if name in known][:1]
    groups = [[name] for name in top] + [[name for name in DRAWN_GAPS if name in known]]
    groups = [one for one in groups + [[name] for name in PANELS if name in known] if one]
    ratios = [1.6 if len(one) > 1 else 1.0 for one in groups]
    figure, axes = canvas(rows=len(groups), height=0.9 + 1.15 * sum(ratios), ratios=ratios)
    several = [name for name in ("condition", "held") if name in frame]
    lines = [rows for _, rows in frame.groupby(several, sort=False)] if several else [frame]
    for panel, group in zip(axes, groups, strict=True):
        for name in group:
            for place, rows in enumerate(lines):
                dash = DRAWN_GAPS[name] if len(lines) == 1 and len(group) > 1 else DASHES[place % len(DASHES)]
                _line(panel, record, rows[rows["measure"] == name], dash)
        panel.set_title(group[0] if len(group) == 1 else "gaps", loc="left")
        panel.margins(x=0.03, y=0.12)
        if len(group) > 1:
            _named(panel, frame, group, len(groups))
        panel.tick_params(axis="x", labelbottom=panel is axes[-1])
        panel.sharex(axes[0])
    axes[-1].set_xlabel("alpha_target")
    looks = {str(name): mark(record, str(name)) for name in dict.fromkeys(frame["arm"])}
    key(figure, [(short(name), look.colour, look.marker) for name, look in looks.items()])
    return figure


def _differ(record: StudyRecord) -> bool:
    """Whether arms of `cma` were given, or found, different values."""
    targets = {_target(record, arm) for arm in record.header.arms if arm.method == "cma"}
    return len(targets - {None}) > 1


def _target(record: StudyRecord, arm: ArmHeader) -> float | None:
    """The arm's alpha_target, given or chosen in the search; None while it is not known."""
    chosen = next(iter(confirmed(record, arm.name).values()), None)
    value = {**arm.fixed, **(chosen.settings if chosen else {})}.get(KNOB)
    return float(value) if isinstance(value, int | float) else None


def _lines(record: StudyRecord, condition: Condition) -> list[list[dict[str, Any]]]:
    """Rows of the arms that differ in nothing that was held but alpha_target, together."""
    found: dict[str, list[tuple[float, ArmHeader]]] = {}
    for arm in condition.arms:
        target = _target(record, arm) if arm.method == "cma" and confirmed(record, arm.name) else None
        if target is not None:
            held = settings({name: value for name, value in arm.fixed.items() if name != KNOB})
            found.setdefault(held, []).append((target, arm))
    untouched = next((arm for arm in condition.arms if arm.method == "zero_shot"), None)
    made = []
    for held, arms in found.items():
        control = next((arm for target, arm in arms if target == 0), None)
        place = {"condition": condition.label, "held": held}
        made.append([place | row for target, arm in arms for row in _rows(record, arm, target, control, untouched)])
    return made


def _rows(
    record: StudyRecord, arm: ArmHeader, target: float, control: ArmHeader | None, untouched: ArmHeader | None
) -> list[dict[str, Any]]:
    rows, fallen = [], collapsed(record, arm)
    for name, metric in MEASURES.items():
        values = _values(record, arm, name)
        if not values:
            continue
        row: dict[str, Any] = {"arm": family(arm), "alpha_target": target, "measure": name}
        row |= columns(interval(list(values.values())), FACTORS.get(metric, 1.0))
        for prefix, base in (("change to 0", control), ("change to the backbone", untouched)):
            relative = _relative(values, _values(record, base, name)) if base and base != arm else []
            ends = columns(interval(relative) if relative else None, 100.0, f"{prefix}: ")
            row |= {end: value for end, value in ends.items() if not end.endswith(": n")}
        paper = "modality gap" if name in CANDIDATES else name.partition(" (")[0]
        rows.append(row | {"published (%)": TPC_CMA.get((target, paper)), "collapsed": fallen})
    return rows


def _values(record: StudyRecord, arm: ArmHeader, name: str) -> dict[int, float]:
    found = measured(record, arm.name, f"test/{MEASURES[name]}")
    return {seed: value**2 for seed, value in found.items()} if name == SQUARED else found


def _relative(values: Mapping[int, float], base: Mapping[int, float]) -> list[float]:
    """Changes of the seeds that both have, as fractions of the reference's mean: a seed's own may be close to 0."""
    shared = values.keys() & base.keys()
    mean = sum(base[seed] for seed in shared) / max(1, len(shared))
    return [change / mean for change in differences(values, base)] if mean else []


def _changes(frame: pd.DataFrame, name: str) -> str:
    """The change at the largest alpha_target with its interval as text; "" where there is none."""
    rows = frame[frame["measure"] == name].dropna(subset=["change to 0: mean"])
    if rows.empty:
        return ""
    row = rows.loc[rows["alpha_target"].idxmax()]
    mean, low, high = (f"{row[f'change to 0: {end}']:+.1f}".replace("-", MINUS) for end in ("mean", "low", "high"))
    return f"{mean} %" if pd.isna(row["change to 0: low"]) else f"{mean} % ({low} to {high})"


def _line(axes: Axes, record: StudyRecord, rows: pd.DataFrame, dash: Any) -> None:
    axes.plot(rows["alpha_target"], rows["mean"], color=MUTED, linewidth=1.5, linestyle=dash, zorder=1.5)
    for _, row in rows.iterrows():
        look, x = mark(record, str(row["arm"])), row["alpha_target"]
        if pd.notna(row["low"]):
            axes.plot([x, x], [row["low"], row["high"]], color=look.colour, linewidth=1.8, solid_capstyle="round")
        face = PAPER if row["collapsed"] else look.colour
        axes.plot(x, row["mean"], look.marker, color=look.colour, markersize=6.5, markerfacecolor=face)


def _named(axes: Axes, frame: pd.DataFrame, names: list[str], rows: int) -> None:
    """The gaps' names behind the right edge, where their lines end."""
    last = frame[frame["alpha_target"] == frame["alpha_target"].max()].groupby("measure", sort=False)["mean"].mean()
    end_labels(axes, [(float(last[name]), name.removesuffix(" gap"), INK) for name in names], rows)
