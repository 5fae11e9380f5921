"""Recall by schedule: the difference to the baseline seed by seed, in mean recall and in R@1 both ways."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report import formatting
from vlstudy.report.figures.columns import columns
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.reading import Condition, conditions, family, measured, strongest_baseline, tasks
from vlstudy.report.statistics import differences, holm, interval, paired, signed_rank
from vlstudy.report.style import INK, MUTED, canvas

MEAN = "test/mean_recall"
MEASURES = {
    MEAN: "mean recall",
    "test/image_to_text_recall@1": "R@1, image → text",
    "test/text_to_image_recall@1": "R@1, text → image",
}
CLAIMED = {"R@1, image → text": 2.3, "R@1, text → image": 1.5}  # points over fixed weights
VARIANCE = ("variance_sim", "variance_emb")  # the schedules that the claim is about
SCHEDULES = (*VARIANCE, "entropy_out", "spread_sim", "entropy_emb", "spread_intra")  # of the two directions
PERCENT, GAP, CROWD = formatting.scale("fraction"), "difference", 24


def title(record: StudyRecord) -> str:
    """The heading."""
    return (
        "Recall by schedule"
        if any(arm.schedules & set(SCHEDULES) for arm in record.header.arms)
        else "Recall both ways"
    )


def on_captions(record: StudyRecord) -> bool:
    """Whether images are retrieved by captions in this study."""
    found = any(MEAN in item.metrics for item in record.confirms)
    return found or "captions" in tasks(record) or "recall" in record.header.objective


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per measure, condition and arm: the recall on test, and the paired difference to the baseline."""
    if not on_captions(record):
        raise NotApplicable("Nothing was retrieved by captions.")
    rows = [row for one in MEASURES for condition in conditions(record) for row in _rows(record, condition, one)]
    if not rows:
        raise Unavailable("No setting has been confirmed on test pairs yet.")
    frame = pd.DataFrame(rows)
    for name in frame.filter(regex=r"\bn$"):
        frame[name] = frame[name].astype("Int64")
    return frame if frame["published"].notna().any() else frame.drop(columns="published")


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What marks, bars and the published marks are."""
    lines = ["Recall over the whole gallery of test images and captions, at the right in percent."]
    bases = ", ".join(dict.fromkeys(frame["baseline"].dropna()))
    if bases:
        lines.append(
            f"Mark and bar: the mean difference, seed by seed, to {bases} under the same condition, in points, with "
            "its 95 % interval. The table has the p of Wilcoxon's signed-rank test, as it is and after Holm's "
            "correction for the alternatives that share the baseline."
        )
    if "published" in frame:
        lines.append(
            "Hollow circles: the gains over fixed weights that a third-party summary of the variance-aware paper tells "
            "(arXiv 2503.03202; +2.3 points image to text, +1.5 text to image), on other data and towers; [S]: neither "
            "checked against the paper nor to be found in its released code."
        )
    if len(_drawn(frame)) < len(frame):
        lines.append("Drawn is mean recall alone, for there are many arms: R@1 is in the table.")
    return " ".join(lines)


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """A panel a measure; a row an arm, those of a condition together."""
    groups = list(_drawn(frame).groupby("measure", sort=False))
    several, prefix = frame["condition"].nunique() > 1, f"{GAP}: " if frame[f"{GAP}: n"].notna().any() else ""
    sizes = [_height(rows, several) for _, rows in groups]
    figure, axes = canvas(rows=len(groups), height=0.35 + sum(0.21 * size + 0.3 for size in sizes), ratios=sizes)
    ends = frame[[f"{prefix}{end}" for end in ("mean", "low", "high")]].astype(float)
    seen = [*ends.min(), *ends.max(), *([0.0] if prefix else []), *frame.get("published", pd.Series()).dropna()]
    low, high = min(pd.Series(seen).dropna()), max(pd.Series(seen).dropna())
    room = 0.06 * (high - low) or 1.0
    for panel, (measure, rows) in zip(axes, groups, strict=True):
        _panel(panel, record, rows, prefix, several)
        panel.set_xlim(low - room, high + room)
        panel.set_title(str(measure), loc="left")
        panel.tick_params(axis="x", labelbottom=panel is axes[-1])
    if prefix:
        axes[-1].set_xlabel(formatting.difference_label("difference to the baseline, same seeds", "fraction"))
    else:
        axes[-1].set_xlabel("recall on test (%)")
    return figure


def _drawn(frame: pd.DataFrame) -> pd.DataFrame:
    """All that fits: where each measure has a crowd of rows, the first alone."""
    first = frame["measure"] == frame["measure"].iloc[0]
    return frame[first] if int(first.sum()) > CROWD else frame


def _height(frame: pd.DataFrame, several: bool) -> float:
    """In rows: the arms, with a line of its own for each condition's name."""
    return len(frame) + (frame["condition"].nunique() if several else 0)


def _panel(axes: Axes, record: StudyRecord, frame: pd.DataFrame, prefix: str, several: bool) -> None:
    y, places, names = 0.0, list[float](), list[str]()
    for condition, rows in frame.groupby("condition", sort=False):
        if several:
            at: dict[str, Any] = {
                "xycoords": ("axes fraction", "data"),
                "va": "center",
                "fontsize": 9,
                "parse_math": False,
            }
            axes.annotate(short(str(condition), 40), (0.0, y), color=MUTED, ha="left", **at)
            y -= 1
        for _, row in rows.iterrows():
            _row(axes, record, row, y, prefix)
            places.append(y)
            names.append(short(str(row["arm"])))
            y -= 1
    axes.set_yticks(places, names, parse_math=False)
    axes.set_ylim(y + 0.4, 0.6)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    if prefix:
        axes.axvline(0, color=INK, linewidth=1, zorder=1)


def _row(axes: Axes, record: StudyRecord, row: "pd.Series[Any]", y: float, prefix: str) -> None:
    """An arm: its interval and mean, the published gain, and the recall itself behind the right edge."""
    look = mark(record, str(row["arm"]))
    if pd.notna(row[f"{prefix}low"]):
        ends = [row[f"{prefix}low"], row[f"{prefix}high"]]
        axes.plot(ends, [y, y], color=look.colour, linewidth=2.4, solid_capstyle="round")
    if pd.notna(row.get("published")):
        axes.plot(row["published"], y, "o", color=MUTED, markersize=7, markerfacecolor="none", markeredgewidth=1.3)
    if pd.notna(row[f"{prefix}mean"]):
        axes.plot(row[f"{prefix}mean"], y, look.marker, color=look.colour, markersize=6.5, markeredgewidth=0)
    at: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 9}
    axes.annotate(f"{row['mean']:.1f} %", (1.02, y), color=INK if pd.isna(row[f"{GAP}: mean"]) else MUTED, **at)


def _rows(record: StudyRecord, condition: Condition, metric: str) -> list[dict[str, Any]]:
    found = {arm.name: measured(record, arm.name, metric) for arm in condition.arms}
    bases = {arm.name: _base(record, condition, arm, found) for arm in condition.arms if found[arm.name]}
    tests: dict[str, tuple[float | None, float | None]] = {**_tests(condition, found, bases)}
    rows = []
    for arm in condition.arms:
        if not found[arm.name]:
            continue
        base = bases[arm.name]
        gap = paired(found[arm.name], found[base.name]) if base else None
        row: dict[str, Any] = {"measure": MEASURES[metric], "condition": condition.label, "arm": family(arm)}
        row |= columns(interval(list(found[arm.name].values())), PERCENT)
        row |= {"baseline": family(base) if base and gap else None, **columns(gap, PERCENT, f"{GAP}: ")}
        row |= dict(zip((f"{GAP}: p", f"{GAP}: corrected p"), tests.get(arm.name, (None, None)), strict=True))
        claimed = CLAIMED.get(MEASURES[metric]) if arm.schedule in VARIANCE and gap else None
        rows.append(row | {"published": claimed})
    return rows


def _base(
    record: StudyRecord, condition: Condition, arm: ArmHeader, found: Mapping[str, Mapping[int, float]]
) -> ArmHeader | None:
    """The same method under fixed weights, if it was measured, else the strongest baseline; none for a baseline."""
    if arm.baseline:
        return None
    alike = (one for one in condition.arms if one.baseline and one.method == arm.method and found[one.name])
    return next(alike, None) or strongest_baseline(record, condition)


def _tests(
    condition: Condition, found: Mapping[str, Mapping[int, float]], bases: Mapping[str, ArmHeader | None]
) -> dict[str, tuple[float, float]]:
    """Arm -> p, and p corrected for all alternatives of the condition."""
    plain = {
        arm.name: signed_rank(gaps)
        for arm in condition.arms
        if (base := bases.get(arm.name)) and (gaps := differences(found[arm.name], found[base.name]))
    }
    return dict(zip(plain, zip(plain.values(), holm(list(plain.values())), strict=True), strict=True))
