"""The table of figures, in the order of the page."""

from vlstudy.report.figures import best_so_far, comparison, importance, inference_axes, learning_curves
from vlstudy.report.figures.figure import Figure, Unavailable

FIGURES: dict[str, Figure] = {
    "comparison": comparison,
    "inference_axes": inference_axes,
    "best_so_far": best_so_far,
    "learning_curves": learning_curves,
    "importance": importance,
}

__all__ = ["FIGURES", "Figure", "Unavailable"]
