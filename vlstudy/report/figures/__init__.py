"""The table of figures, in the order of the page."""

from vlstudy.report.figures import (
    alpha_target,
    attention,
    attention_layers,
    base_new,
    best_so_far,
    calibration,
    captions,
    comparison,
    curriculum,
    domains,
    gap_quality,
    importance,
    inference_axes,
    learning_curves,
    pareto,
    retrieval,
    robustness,
    shots,
    smoothing,
    stages,
    tsne,
    weights,
)
from vlstudy.report.figures.figure import Figure, NotApplicable, Unavailable

FIGURES: dict[str, Figure] = {
    "comparison": comparison,
    "retrieval": retrieval,
    "weights": weights,
    "curriculum": curriculum,
    "alpha_target": alpha_target,
    "pareto": pareto,
    "gap_quality": gap_quality,
    "robustness": robustness,
    "tsne": tsne,
    "captions": captions,
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
