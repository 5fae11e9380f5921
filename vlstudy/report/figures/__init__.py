"""The table of figures, in the order of the page."""

from vlstudy.report.figures import (
    attention,
    attention_layers,
    base_new,
    best_so_far,
    calibration,
    comparison,
    domains,
    importance,
    inference_axes,
    learning_curves,
    shots,
    smoothing,
    stages,
)
from vlstudy.report.figures.figure import Figure, NotApplicable, Unavailable

FIGURES: dict[str, Figure] = {
    "comparison": comparison,
    "shots": shots,
    "base_new": base_new,
    "domains": domains,
    "stages": stages,
    "attention": attention,
    "attention_layers": attention_layers,
    "smoothing": smoothing,
    "calibration": calibration,
    "inference_axes": inference_axes,
    "best_so_far": best_so_far,
    "learning_curves": learning_curves,
    "importance": importance,
}

__all__ = ["FIGURES", "Figure", "NotApplicable", "Unavailable"]
