"""What a schedule weighed the two directions with in a training, and the averages that it went by."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlstudy.journal import ArmHeader, StudyRecord, TrialRecord
from vlstudy.report import formatting
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.figures.retrieval import SCHEDULES
from vlstudy.report.reading import family, validated
from vlstudy.report.style import INK, canvas, key

WEIGHT = "weight_image_to_text"
AVERAGES = {"average_image_to_text": "-", "average_text_to_image": (0, (4, 2))}  # and the line that each has
SIGNALS = (WEIGHT, *AVERAGES)
DONE, MOST = "training done (%)", 2  # conditions whose averages are drawn


def title(record: StudyRecord) -> str:
    """The heading."""
    return "The weights over the training"


def best_trial(record: StudyRecord, arm: ArmHeader) -> TrialRecord | None:
    """The arm's complete trial that ended best on the objective, the first of equals."""
    sign = 1 if record.header.direction == "maximize" else -1
    ended = [trial for trial in record.trials if trial.arm == arm.name and trial.verdict == "complete"]
    values = {trial.number: validated(record, trial) for trial in ended}
    reached = [(sign * value, trial) for trial in ended if (value := values[trial.number]) is not None]
    return max(reached, key=lambda one: one[0])[1] if reached else None


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per arm and measurement of its best trial: the weight of image to text, and the two averages."""
    if not any(arm.schedules & set(SCHEDULES) for arm in record.header.arms):
        raise NotApplicable("No schedule weighs the two directions.")
    rows = [row for arm in record.header.arms for row in _rows(record, arm)]
    if not rows:
        raise Unavailable("No trial with moving weights is complete yet.")
    return pd.DataFrame(rows)


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What the lines are, and when to doubt that anything moved."""
    still = [
        str(arm) for arm, rows in frame.groupby("arm", sort=False) if rows[WEIGHT].sub(0.5).abs().max() <= 0.01 + 1e-9
    ]
    lines = [
        "The weight of image to text in the best trial of each arm at every measurement; what is left of 1 is the "
        "weight of text to image, and fixed weights are the line at one half."
    ]
    if frame["condition"].nunique() > MOST:
        lines.append("The averages that the weights follow are in the table.")
    elif frame[list(AVERAGES)].notna().any(axis=None):
        lines.append(
            "Below, the running averages of the signal that it follows, solid for image to text and dashed for text "
            "to image, in units of their own: they cannot be compared from one schedule to another."
        )
    if still:
        lines.append(f"Never further than 0.01 from one half: {', '.join(still)}, which is to say fixed weights.")
    return " ".join(lines)


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """The weights, a panel a condition; with few conditions the averages of each arm below."""
    places = list(dict.fromkeys(frame["condition"]))
    columns = len(places) if len(places) <= MOST else 1
    averaged = frame[frame[list(AVERAGES)].notna().any(axis=1)] if len(places) <= MOST else frame.iloc[:0]
    arms = list(dict.fromkeys(averaged["arm"]))
    ratios = [1.7] * (len(places) // columns) + [1.2] * len(arms)
    figure, axes = canvas(rows=len(ratios), columns=columns, height=0.7 + sum(ratios), ratios=ratios)
    for panel, place in zip(axes, places, strict=False):
        _weights(panel, record, frame[frame["condition"] == place], str(place))
    _alike(axes[: len(places)])
    for row, arm in enumerate(arms):
        own = axes[(1 + row) * columns : (2 + row) * columns]
        for panel, place in zip(own, places, strict=True):
            _averages(panel, record, frame[(frame["arm"] == arm) & (frame["condition"] == place)], str(arm))
        own[0].set_title(f"averages of {short(str(arm), 22)}", loc="left", parse_math=False)
        _alike(own)
    for panel in axes:
        panel.set_xlim(0, 104)
        panel.tick_params(axis="x", labelbottom=panel in axes[-columns:])
    for panel in axes[-columns:]:
        panel.set_xlabel(DONE)
    key(figure, [(short(arm), *_look(record, arm)) for arm in dict.fromkeys(map(str, frame["arm"]))])
    return figure


def _rows(record: StudyRecord, arm: ArmHeader) -> list[dict[str, Any]]:
    trial = best_trial(record, arm)
    measured = [item for item in trial.measurements if WEIGHT in item.signals] if trial else []
    place = {"condition": formatting.settings(arm.condition), "arm": family(arm), "trial": trial.number if trial else 0}
    return [place | {DONE: item.percent} | {name: item.signals.get(name) for name in SIGNALS} for item in measured]


def _weights(axes: Axes, record: StudyRecord, frame: pd.DataFrame, place: str) -> None:
    axes.axhline(0.5, color=INK, linewidth=1, zorder=1)
    for arm, rows in frame.groupby("arm", sort=False):
        colour, marker = _look(record, str(arm))
        axes.plot(
            rows[DONE],
            rows[WEIGHT],
            marker,
            linestyle="-",
            color=colour,
            linewidth=1.8,
            markersize=4,
            markeredgewidth=0,
        )
    axes.set_title(short(place or "weight of image → text", 22), loc="left", parse_math=False)


def _averages(axes: Axes, record: StudyRecord, frame: pd.DataFrame, arm: str) -> None:
    for name, line in AVERAGES.items():
        axes.plot(frame[DONE], frame[name].astype(float), linestyle=line, color=_look(record, arm)[0], linewidth=1.8)


def _alike(panels: Sequence[Axes]) -> None:
    """One scale for panels that stand beside each other; only the first has its numbers."""
    low, high = min(panel.get_ylim()[0] for panel in panels), max(panel.get_ylim()[1] for panel in panels)
    for panel in panels:
        panel.set_ylim(low, high)


def _look(record: StudyRecord, arm: str) -> tuple[str, str]:
    found = mark(record, arm)
    return found.colour, found.marker
