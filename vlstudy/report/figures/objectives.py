"""All objectives of a study, and its constraints: which settings no other one beats, and which hold."""

from statistics import fmean
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlstudy.bounds import Bound
from vlstudy.journal import StudyRecord, TrialRecord
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.style import MUTED, PAPER, canvas, key

VALIDATION, TEST = "validation", "test"


def title(record: StudyRecord) -> str:
    """The heading."""
    return "What no other setting beats" if record.header.others else "What holds its constraints"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per complete trial on validation, then per confirmed setting on test: the metrics and how it stands.

    `holds` says whether every constraint holds, `on the front` whether no other setting that holds is at least as good
    in all objectives and better in one; on test that is not asked again.
    """
    header = record.header
    if not header.others and not header.constraints:
        raise NotApplicable("The study has one objective and no constraint.")
    names = _names(record)
    rows = [_row(trial, names) for trial in record.trials if trial.verdict == "complete"]
    if not rows:
        raise Unavailable("No trial is complete yet.")
    for row in rows:
        row["holds"] = all(Bound.parse(text).holds(row[name]) for name, text in header.constraints.items())
    for row in rows:
        row["on the front"] = row["holds"] and not any(_beats(record, other, row) for other in rows if other["holds"])
    return pd.DataFrame(rows + _tested(record, names))


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What the marks are, how many settings hold, and which objective decides between arms."""
    searched = frame[frame["on"] == VALIDATION]
    header, lines = record.header, ["Small dots: the complete trials on validation; large marks: the confirmed "]
    lines[0] += "settings on test, in the mean of their seeds."
    if header.others:
        lines.append(
            f"The line joins the {int(searched['on the front'].sum())} settings that no other one beats in "
            f"{' and '.join(header.objectives)}; the others are faint. Arms are compared on {header.objective}, which "
            "also chooses the point of the inference axes (our choice)."
        )
    if header.constraints:
        asked = ", ".join(f"{name} {text}" for name, text in header.constraints.items())
        held = int(searched["holds"].sum())
        lines.append(f"{held} of {len(searched)} settings hold {asked}; the others are hollow and cannot be chosen")
        lines[-1] += "." if held else " unless none holds: then those that miss by least are."
    return " ".join(lines)


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """The first objective against each other one, or against each constraint; one above the other."""
    names = _names(record)
    arms = list(dict.fromkeys(frame["arm"]))
    figure, axes = canvas(rows=len(names) - 1, height=0.5 + 2.7 * (len(names) - 1) + 0.1 * len(arms))
    for panel, name in zip(axes, names[1:], strict=True):
        _panel(panel, record, frame, names[0], name)
        panel.set_xlabel(names[0])
        panel.set_ylabel(name)
    looks = {str(arm): mark(record, str(arm)) for arm in arms}
    key(figure, [(short(name), look.colour, look.marker) for name, look in looks.items()])
    return figure


def _names(record: StudyRecord) -> list[str]:
    return list(dict.fromkeys([*record.header.objectives, *record.header.constraints]))


def _row(trial: TrialRecord, names: list[str]) -> dict[str, Any]:
    metrics = trial.measurements[-1].metrics
    return {"on": VALIDATION, "arm": trial.arm, "trial": trial.number, **{name: metrics[name] for name in names}}


def _beats(record: StudyRecord, one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether a setting is at least as good in all objectives, and better in one."""
    signs = [1 if direction == "maximize" else -1 for direction in record.header.directions]
    gains = [sign * (one[name] - other[name]) for sign, name in zip(signs, record.header.objectives, strict=True)]
    return bool(min(gains) >= 0 and max(gains) > 0)


def _tested(record: StudyRecord, names: list[str]) -> list[dict[str, Any]]:
    """The confirmed settings, where test has all the metrics too."""
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    for one in record.confirms:
        metrics = {name: one.metrics.get(name.replace("val/", "test/", 1)) for name in names}
        if all(value is not None for value in metrics.values()):
            found.setdefault((one.arm, one.trial), []).append(metrics)  # type: ignore[arg-type]
    return [
        {"on": TEST, "arm": arm, "trial": trial, "holds": True, "on the front": False}
        | {name: fmean(each[name] for each in seeds) for name in names}
        for (arm, trial), seeds in found.items()
    ]


def _panel(axes: Axes, record: StudyRecord, frame: pd.DataFrame, x: str, y: str) -> None:
    searched = frame[frame["on"] == VALIDATION]
    best = searched[searched["on the front"]].sort_values(x)
    if record.header.others:
        axes.plot(best[x], best[y], color=MUTED, linewidth=1.4, zorder=1.5)
    for _, row in searched.iterrows():
        look = mark(record, str(row["arm"]))
        alpha = 1.0 if row["on the front"] or not record.header.others else 0.35
        face = look.colour if row["holds"] else PAPER
        axes.plot(row[x], row[y], "o", color=look.colour, markersize=4, markerfacecolor=face, alpha=alpha)
    for _, row in frame[frame["on"] == TEST].iterrows():
        look = mark(record, str(row["arm"]))
        axes.plot(row[x], row[y], look.marker, color=look.colour, markersize=8, markeredgecolor=PAPER)
    if y in record.header.constraints:
        axes.axhline(Bound.parse(record.header.constraints[y]).limit, color=MUTED, linewidth=0.8, linestyle=":")
    axes.margins(0.08)
