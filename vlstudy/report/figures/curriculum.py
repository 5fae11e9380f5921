"""The curriculum over a training: alpha, the gate that holds it back, and the gaps that are to close."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report import formatting
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.figures.weights import DONE, best_trial
from vlstudy.report.reading import family
from vlstudy.report.style import INK, MUTED, canvas, key

TRACES = {
    "alpha": "alpha",
    "kappa": "kappa, the gate",
    "centroid gap": "centroid gap",
    "distribution gap": "distribution gap",
}
GAPS = {"centroid gap": "val/centroid_gap", "distribution gap": "val/distribution_gap"}
ENDS = {"anchor end": "anchor_end", "ramp end": "ramp_end"}  # as a share of the training
PHASES, TOLD = ("anchor", "ramp", "stabilize"), 0.05  # a jump above 5 % of alpha_target is told


def title(record: StudyRecord) -> str:
    """The heading."""
    return "The curriculum over the training"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per arm and measurement of its best trial: alpha, kappa, the jump, the gaps, and where phases end."""
    if not any("three_phase" in arm.schedules for arm in record.header.arms):
        raise NotApplicable("No arm has a curriculum.")
    rows = [row for arm in record.header.arms for row in _rows(record, arm)]
    if not rows:
        raise Unavailable("No trial with a curriculum is complete yet.")
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What the shades are, what the gate does, and which ramps were ended by a jump."""
    lines = [
        "The best trial of each arm, measured on validation as it trained. Anchor: alpha is 0. Ramp (shaded): alpha "
        "rises to its target; kappa below 1 says that the gate held it back. Stabilize: alpha stays."
    ]
    if len(_ends(frame)) > 1:
        lines.append("The phases of the arms differ: dotted lines in the arm's colour stand where each ends.")
    if told := _jumps(frame):
        lines.append(
            "The gate left more than 5 % of the target to be added in one jump at the end of the ramp: "
            f"{', '.join(told)}. What happens right after it is the jump's doing too."
        )
    if not set(GAPS) <= set(frame):
        lines.append("Not every gap was measured on validation.")
    return " ".join(lines)


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """A row of panels a trace, a column a condition where there are two; beyond that one below the other."""
    places, traces = list(dict.fromkeys(frame["condition"])), [name for name in TRACES if name in frame]
    columns = 2 if len(places) == 2 else 1
    rows = len(traces) * len(places) // columns
    figure, axes = canvas(rows=rows, columns=columns, height=0.7 + 1.35 * rows)
    for number, panel in enumerate(axes):
        row, column = divmod(number, columns)
        block, trace = divmod(row, len(traces))
        place = places[block * columns + column]
        _panel(panel, record, frame[frame["condition"] == place], traces[trace], narrowest=16 * columns)
        panel.tick_params(axis="x", labelbottom=row == rows - 1)
        if column == 0:
            panel.set_title(TRACES[traces[trace]], loc="left")
        if place and trace == 0:
            panel.set_title(short(str(place), 16), loc="right", color=MUTED, fontweight="normal", parse_math=False)
    for panel in axes[-columns:]:
        panel.set_xlabel(DONE)
    looks = [(short(arm), mark(record, arm)) for arm in dict.fromkeys(map(str, frame["arm"]))]
    key(figure, [(name, look.colour, look.marker) for name, look in looks])
    return figure


def _rows(record: StudyRecord, arm: ArmHeader) -> list[dict[str, Any]]:
    trial = best_trial(record, arm)
    if trial is None or "three_phase" not in arm.schedules:
        return []
    place = {"condition": formatting.settings(arm.condition), "arm": family(arm), "trial": trial.number}
    return [
        place
        | {DONE: item.percent, **{name: item.signals.get(name) for name in ("alpha", "kappa", "jump")}}
        | {name: item.metrics.get(metric) for name, metric in GAPS.items()}
        | {name: item.signals.get(signal) for name, signal in ENDS.items()}
        for item in trial.measurements
        if "alpha" in item.signals
    ]


def _jumps(frame: pd.DataFrame) -> list[str]:
    """The arms whose ramp ended with a jump that is worth telling, with its share of the target."""
    if "jump" not in frame:
        return []
    moving = frame[frame.groupby(["arm", "condition"])["alpha"].transform("max") > 0]  # a share of 0 is nothing
    found = moving.groupby(["arm", "condition"], sort=False)["jump"].max().reset_index()
    return [
        f"{row['arm']}{' at ' if row['condition'] else ''}{row['condition']} ({100 * row['jump']:.0f} %)"
        for _, row in found[found["jump"] > TOLD].iterrows()
    ]


def _ends(frame: pd.DataFrame) -> list[tuple[float, float]]:
    """Where the phases of the arms end, in percent of the training, each pair once."""
    if not set(ENDS) <= set(frame):
        return []
    found = frame[list(ENDS)].dropna().drop_duplicates().itertuples(index=False, name=None)
    return [(100 * anchor, 100 * ramp) for anchor, ramp in found]


def _panel(axes: Axes, record: StudyRecord, frame: pd.DataFrame, trace: str, narrowest: int) -> None:
    """A trace of every arm; phases of at least `narrowest` percent are named in the panel of alpha."""
    alike = _ends(frame)
    for arm, rows in frame.groupby("arm", sort=False):
        look, seen = mark(record, str(arm)), rows.dropna(subset=[trace])
        axes.plot(seen[DONE], seen[trace].astype(float), color=look.colour, linewidth=1.8)
        axes.plot(seen[DONE].iloc[-1:], seen[trace].iloc[-1:], look.marker, color=look.colour, markeredgewidth=0)
        for end in _ends(rows)[0] if len(alike) > 1 and _ends(rows) else ():
            axes.axvline(end, color=look.colour, linewidth=1, linestyle=":")
    axes.set_xlim(0, 104)
    if trace == "alpha":
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.28 * (high - low))  # room for the names of the phases
    if len(alike) == 1:
        _shade(axes, *alike[0], narrowest=narrowest if trace == "alpha" else 101)


def _shade(axes: Axes, anchor: float, ramp: float, *, narrowest: int) -> None:
    """The ramp shaded between the anchor and what follows it; with their names, where they are wide enough."""
    axes.axvspan(anchor, ramp, color=MUTED, alpha=0.13, linewidth=0, zorder=0)
    for name, start, end in zip(PHASES, (0.0, anchor, ramp), (anchor, ramp, 100.0), strict=True):
        if end - start >= narrowest:
            at: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "top", "fontsize": 9}
            axes.annotate(name, ((start + end) / 2, 0.97), color=INK, **at)
