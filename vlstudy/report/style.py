"""How figures look: small canvases, and colours that the page's style sheet decides."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Colours no figure would use by itself: `svg` replaces each by a CSS variable, so that light, dark and print differ.
INK, MUTED, GRID = "#010203", "#040506", "#070809"
PALETTE = tuple(f"#0a0b{place:02x}" for place in range(1, 9))
VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid"} | {
    colour: f"--arm-{place}" for place, colour in enumerate(PALETTE, start=1)
}
WIDTH = 4.2  # inches: 302 units, so that text of 9.5 units is 10 px high on a phone of 360 px

_THEME: dict[str, Any] = sns.axes_style("whitegrid") | {
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid.axis": "both",
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.7,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "font.family": ["DejaVu Sans"],  # measured with what ships with matplotlib; shown in the page's own font
    "font.size": 9.5,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.fontsize": 9,
    "legend.labelcolor": INK,
    "svg.fonttype": "none",
    "text.color": INK,
    "text.usetex": False,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 9,
}


def theme(salt: str) -> AbstractContextManager[None]:
    """A context in which figures look so; equal `salt` gives equal identifiers in an SVG."""
    return matplotlib.rc_context(rc=_THEME | {"svg.hashsalt": salt})  # type: ignore[arg-type]


def canvas(
    *, height: float, rows: int = 1, ratios: Sequence[float] | None = None, shared: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure of `rows` panels, one above the other as a phone wants them; `height` in inches, `shared` scales."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.05, hspace=0.06)  # type: ignore[union-attr, call-arg]
    grid = figure.subplots(rows, 1, squeeze=False, sharex=shared, sharey=shared, height_ratios=ratios)
    panels = [panel for row in grid for panel in row]
    for panel in panels:
        sns.despine(ax=panel, left=True)
    return figure, panels


def end_labels(axes: Axes, labels: Sequence[tuple[float, str, str]]) -> None:
    """Names of lines behind the right edge, at the height (y) where each ends, moved apart where they would touch.

    Args:
        axes: with all lines drawn.
        labels: (y, text, colour) of each line.
    """
    low, high = axes.get_ylim()
    apart = 0.19 / axes.get_figure().get_figheight()  # type: ignore[union-attr]
    last = -1.0
    for y, text, colour in sorted(labels):
        last = max((y - low) / (high - low), last + apart)
        axes.annotate(
            text, (1.02, last), xycoords="axes fraction", va="center", color=colour, fontweight="bold", parse_math=False
        )
