"""Tables of numbers as coloured cells, in colours that the page decides."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from vlstudy.report.figures.marks import short
from vlstudy.report.style import GAIN, INK, LOSS, PALETTE

LEVEL, STRONGEST = PALETTE[3], 0.55  # no stronger, so that ink on it can be read


def levels(axes: Axes, values: NDArray[np.float64], text: Callable[[float], str]) -> None:
    """Every cell the stronger coloured the higher its value; a missing one stays empty."""
    low, high = np.nanmin(values), np.nanmax(values)
    for place, value in np.ndenumerate(values):
        share = 0.5 if high == low else (value - low) / (high - low)
        _cell(axes, place, LEVEL, 0.06 + (STRONGEST - 0.06) * share, text(value), bold=False)


def changes(axes: Axes, values: NDArray[np.float64], sure: NDArray[np.bool_], text: Callable[[float], str]) -> None:
    """Gains in one colour and losses in the other, the stronger the larger; bold where they are sure."""
    largest = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    for place, value in np.ndenumerate(values):
        colour = GAIN if value > 0 else LOSS
        _cell(axes, place, colour, STRONGEST * abs(value) / largest, text(value), bold=bool(sure[place]))


def named(axes: Axes, rows: Sequence[str], columns: Sequence[str], *, longest: int = 18) -> None:
    """Names at the left and, slanted where they are long, above."""
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [short(name, longest) for name in rows], parse_math=False)
    slant = any(len(name) > 44 // max(1, len(columns)) for name in columns)
    angle: dict[str, Any] = {"rotation": 35, "ha": "left", "rotation_mode": "anchor"} if slant else {}
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(columns)), [short(name, 14) for name in columns], parse_math=False, **angle)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _cell(axes: Axes, place: tuple[int, ...], colour: str, strength: float, text: str, *, bold: bool) -> None:
    if not np.isfinite(strength):
        return
    row, column = place
    axes.add_patch(Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, color=colour, alpha=strength, linewidth=0))
    weight = "bold" if bold else "normal"
    axes.text(column, row, text, ha="center", va="center_baseline", fontsize=9, color=INK, fontweight=weight)
