"""How figures look: small canvases, and colours that the page's style sheet decides."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

# Colours no figure would use by itself: `svg` replaces each by a CSS variable, so that light, dark and print differ.
INK, MUTED, GRID, PAPER, GAIN, LOSS = "#010203", "#040506", "#070809", "#040404", "#050505", "#060606"
PALETTE = tuple(f"#0a0b{place:02x}" for place in range(1, 9))
VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", PAPER: "--paper", GAIN: "--yes", LOSS: "--no"} | {
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
    *, height: float, rows: int = 1, columns: int = 1, ratios: Sequence[float] | None = None, shared: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure of `rows` panels, one above the other as a phone wants them; `height` in inches, `shared` scales."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.05, hspace=0.06)  # type: ignore[union-attr, call-arg]
    grid = figure.subplots(rows, columns, squeeze=False, sharex=shared, sharey=shared, height_ratios=ratios)
    panels = [panel for row in grid for panel in row]
    for panel in panels:
        sns.despine(ax=panel, left=True)
    return figure, panels


def panels(count: int, *, height: float, shared: bool = False, most: int = 6) -> tuple[Figure, list[Axes], int]:
    """A figure of `count` like panels, and in how many columns: one, or two where there are more than `most`.

    Args:
        count: of panels.
        height: of a panel in one column, in inches; in two columns it is two thirds of that.
        shared: one scale for all.
        most: panels in one column.
    """
    columns = 1 if count <= most else 2
    rows = -(-count // columns)
    figure, made = canvas(
        height=0.5 + rows * height * (1 if columns == 1 else 0.66), rows=rows, columns=columns, shared=shared
    )
    for spare in made[count:]:
        spare.remove()
    if shared and len(made) > count:
        made[count - 2].tick_params(axis="x", labelbottom=True)  # the panel below it is not there
    return figure, made[:count], columns


def end_labels(axes: Axes, labels: Sequence[tuple[float, str, str]], rows: int = 1) -> None:
    """Names of lines behind the right edge, at the height (y) where each ends, moved apart where they would touch.

    Args:
        axes: with all lines drawn.
        labels: (y, text, colour) of each line.
        rows: of panels in the figure.
    """
    low, high = axes.get_ylim()
    apart = 0.19 * rows / axes.get_figure().get_figheight()  # type: ignore[union-attr]
    ordered = sorted(labels)
    places, last = list[float](), -1.0
    for y, _, _ in ordered:
        last = max((y - low) / (high - low), last + apart)
        places.append(last)
    top = 1.0 + apart / 2
    for place in range(len(places) - 1, -1, -1):  # what was pushed out at the top comes down again
        places[place] = top = min(places[place], top)
        top -= apart
    for height, (_, text, colour) in zip(places, ordered, strict=True):
        axes.annotate(
            text,
            (1.02, height),
            xycoords="axes fraction",
            va="center",
            color=colour,
            fontweight="bold",
            parse_math=False,
        )


def key(figure: Figure, looks: Sequence[tuple[str, str, str]], columns: int = 2) -> None:
    """Names below the panels, each with its mark: (text, colour, marker)."""
    lines = [
        Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=6.5) for _, colour, marker in looks
    ]
    names = [text for text, _, _ in looks]
    legend = figure.legend(lines, names, loc="outside lower center", ncols=columns, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
