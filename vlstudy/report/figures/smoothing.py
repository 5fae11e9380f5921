"""The smoothing matrix: which classes a label's weight is shared with."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vlstudy.journal import ArmHeader, StudyRecord, evidence
from vlstudy.report import formatting
from vlstudy.report.figures.figure import NotApplicable
from vlstudy.report.figures.marks import short
from vlstudy.report.reading import confirmed
from vlstudy.report.style import INK, MUTED, canvas

MOST = 50  # classes that are drawn
NAMED = 20  # classes that are named above each other and beside each other
FLOOR = 1e-4  # weights below it look alike: a ten-thousandth of a label
PERCENT = formatting.scale("fraction")
# One hue that shows on white and on black, more opaque where there is more: the page's variables cannot reach a raster.
SHADES = matplotlib.colors.LinearSegmentedColormap.from_list("shades", [(0.18, 0.5, 0.78, 0.04), (0.18, 0.5, 0.78, 1)])


def title(record: StudyRecord) -> str:
    """The heading."""
    return "Which classes the labels are shared with"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row a class: the weight that the matrix leaves it, and the three classes that get most of the rest."""
    _, matrix, names = _matrix(record)
    rows = []
    for place, name in enumerate(names):
        row: dict[str, Any] = {"class": name, "own weight (%)": PERCENT * matrix[place, place]}
        others = np.argsort(-np.where(np.arange(len(names)) == place, -1.0, matrix[place]), kind="stable")
        for rank, other in enumerate(others[: min(3, len(names) - 1)], start=1):
            row |= {f"{rank}.": names[other], f"{rank}. weight (%)": PERCENT * matrix[place, other]}
        rows.append(row)
    return pd.DataFrame(rows)


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What rows, columns and shades are, how much stays with the own class, and whose matrix it is."""
    arm, matrix, names = _matrix(record)
    own = PERCENT * np.diag(matrix)
    others = [item.name for item in record.header.arms if item.name != arm.name and _has(record, item)]
    cut = f" Of {len(names)} classes the {MOST} that share most are drawn; all are in the table." * (len(names) > MOST)
    return (
        f"W of {arm.name}: softmax over the columns of the class texts' similarities, before it is mixed with the "
        "label itself. A row is a label, its columns, in the order of the rows, the classes that its weight goes to; "
        "stronger is more, on a logarithmic scale. The diagonal is left out, for it would drown all else: a class "
        f"keeps {own.mean():.1f} % on average, from {own.min():.1f} to {own.max():.1f} %, at the right of each row."
        + cut
        + (f" Also recorded, not drawn: {', '.join(others[:8])}." if others else "")
    )


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """The matrix without its diagonal, which stands as numbers at the right."""
    _, matrix, names = _matrix(record)
    kept = np.sort(np.argsort(np.diag(matrix), kind="stable")[:MOST])
    shown, own = matrix[np.ix_(kept, kept)].copy(), np.diag(matrix)[kept]
    np.fill_diagonal(shown, np.nan)
    top = float(np.nanmax(np.append(shown, FLOOR * 10)))
    size, labels = len(kept), [short(str(names[place]), 16) for place in kept]
    figure, axes = canvas(height=(1.9 if size <= NAMED else 1.0) + max(1.2, 0.15 * size))
    image = axes[0].imshow(
        np.maximum(shown, FLOOR), cmap=SHADES, norm=LogNorm(FLOOR, top), interpolation="none", aspect="auto"
    )
    across = size <= NAMED
    axes[0].set_xticks(range(size) if across else [], labels if across else [], rotation=90, parse_math=False)
    axes[0].set_yticks(range(size), labels, parse_math=False)
    axes[0].tick_params(length=0)
    axes[0].grid(visible=False)
    for place, weight in enumerate(own):
        look: dict[str, Any] = {"va": "center", "fontsize": 9, "color": MUTED}
        axes[0].text(size - 0.35, place, f"{PERCENT * weight:.0f}", **look)
    bar = figure.colorbar(image, ax=axes[0], location="bottom", shrink=0.7, aspect=30, pad=0.02)
    bar.outline.set_visible(False)
    ticks = [tick for tick in (1e-4, 1e-3, 1e-2, 1e-1, 1.0) if FLOOR <= tick <= top]
    bar.set_ticks(ticks, labels=[f"{PERCENT * tick:g}" for tick in ticks])
    bar.minorticks_off()
    bar.set_label("weight (%)", color=INK)
    return figure


def _matrix(record: StudyRecord) -> tuple[ArmHeader, NDArray[Any], NDArray[Any]]:
    """The first arm that left a matrix, W [c c], and the names of its classes."""
    for arm in record.header.arms:
        arrays = _arrays(record, arm)
        if {"smoothing", "classnames"} <= set(arrays) and len(arrays["classnames"]) > 1:
            return arm, arrays["smoothing"].astype(float), arrays["classnames"].astype(str)
    raise NotApplicable("No arm smooths its labels by meaning.")


def _has(record: StudyRecord, arm: ArmHeader) -> bool:
    return "smoothing" in _arrays(record, arm)


def _arrays(record: StudyRecord, arm: ArmHeader) -> Mapping[str, NDArray[Any]]:
    return evidence(record, arm.name) if confirmed(record, arm.name) else {}
