"""What rises and falls with alpha_target: quality, gaps, dimension, clusters and captions."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report.figures.columns import columns
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.formatting import MINUS, settings
from vlstudy.report.gaps import FACTORS, collapsed
from vlstudy.report.reading import Condition, conditions, confirmed, family, measured
from vlstudy.report.references import TPC_CMA
from vlstudy.report.statistics import differences, interval
from vlstudy.report.style import MUTED, PAPER, canvas, key

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
CHANGES = ("change to 0", "change to the backbone")
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
    lacking = [prefix for prefix in CHANGES if frame[f"{prefix}: mean"].isna().all()]
    idle += [f"{prefix}: {end}" for prefix in lacking for end in ("mean", "low", "high")]
    return frame.drop(columns=idle + ["published (%)"] * bool(frame["published (%)"].isna().all()))


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
        arm = frame.dropna(subset=["change to 0: mean"]).sort_values("alpha_target", kind="stable")["arm"].iloc[-1]
        lines.append(f"Change of {arm}, which has the largest, to alpha_target = 0, seed by seed: {found}.")
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
    """A panel a measure, with the three gaps in one where there is one line; the marks are the arms'."""
    several = [name for name in ("condition", "held") if name in frame]
    split = frame.groupby(several, sort=False) if several else ()
    lines = [(", ".join(map(str, place)), rows) for place, rows in split] or [("", frame)]
    groups = _groups(frame, together=len(lines) == 1)
    ratios = [1.7 if len(one) > 1 else 1.0 for one in groups]
    figure, axes = canvas(rows=len(groups), height=0.9 + 1.15 * sum(ratios), ratios=ratios)
    low, high = float(frame["alpha_target"].min()), float(frame["alpha_target"].max())
    for panel, group in zip(axes, groups, strict=True):
        for name in group:
            for place, (_, rows) in enumerate(lines):
                dash = DRAWN_GAPS[name] if len(group) > 1 else DASHES[place % len(DASHES)]
                _line(panel, record, rows[rows["measure"] == name], dash)
        panel.set_title(group[0] if len(group) == 1 else "gaps", loc="left")
        panel.margins(y=0.12)
        panel.set_xlim(low - 0.03 * (high - low), high + 0.03 * (high - low))
        if len(group) > 1:
            _named(panel, {name.removesuffix(" gap"): DRAWN_GAPS[name] for name in group})
        panel.tick_params(axis="x", labelbottom=panel is axes[-1])
    if several:
        bottom, top = axes[0].get_ylim()
        axes[0].set_ylim(bottom, top + 0.55 * len(lines) * (top - bottom))  # room for the names of the lines
        _named(axes[0], {short(name, 44): DASHES[place % len(DASHES)] for place, (name, _) in enumerate(lines)})
    axes[-1].set_xlabel("alpha_target")
    looks = {str(name): mark(record, str(name)) for name in dict.fromkeys(frame["arm"])}
    key(figure, [(short(name), look.colour, look.marker) for name, look in looks.items()])
    return figure


def _groups(frame: pd.DataFrame, *, together: bool) -> list[list[str]]:
    """The measures of each panel: the gaps in one, or each in its own."""
    known = set(frame["measure"])
    top = [name for name in ("accuracy (%)", "mean recall (%)") if name in known][:1]
    gaps = [name for name in DRAWN_GAPS if name in known]
    middle = [gaps] if together and gaps else [[name] for name in gaps]
    return [*([name] for name in top), *middle, *([name] for name in PANELS if name in known)]


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
    targets = [(_target(record, arm), arm) for arm in condition.arms if arm.method == "cma"]
    known = [(target, arm) for target, arm in targets if target is not None and confirmed(record, arm.name)]
    found: dict[str, list[tuple[float, ArmHeader]]] = {}
    for target, arm in known:
        alike = {name for name, value in arm.fixed.items() if all(one.fixed.get(name) == value for _, one in known)}
        held = settings({name: value for name, value in arm.fixed.items() if name not in {KNOB, *alike}})
        found.setdefault(held or "otherwise", []).append((target, arm))
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
        for prefix, base in zip(CHANGES, (control, untouched), strict=True):
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
    row = rows.sort_values("alpha_target", kind="stable").iloc[-1]
    ends = [row[f"change to 0: {end}"] for end in ("mean", "low", "high")]
    mean, *bounds = (f"{end:+.1f}".replace("-", MINUS) for end in ends if pd.notna(end))
    return f"{mean} %{f' ({bounds[0]} to {bounds[1]})' if bounds else ''}"


def _line(axes: Axes, record: StudyRecord, rows: pd.DataFrame, dash: Any) -> None:
    axes.plot(rows["alpha_target"], rows["mean"], color=MUTED, linewidth=1.5, linestyle=dash, zorder=1.5)
    for _, row in rows.iterrows():
        look, x = mark(record, str(row["arm"])), row["alpha_target"]
        if pd.notna(row["low"]):
            axes.plot([x, x], [row["low"], row["high"]], color=look.colour, linewidth=1.8, solid_capstyle="round")
        face = PAPER if row["collapsed"] else look.colour
        axes.plot(x, row["mean"], look.marker, color=look.colour, markersize=6.5, markerfacecolor=face)


def _named(axes: Axes, dashes: Mapping[str, Any]) -> None:
    """What each kind of line is, where the panel is emptiest."""
    lines = [Line2D([], [], color=MUTED, linewidth=1.5, linestyle=dash) for dash in dashes.values()]
    for text in axes.legend(lines, list(dashes), frameon=False, handlelength=2.4).get_texts():
        text.set_parse_math(False)
