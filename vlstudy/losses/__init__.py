"""Losses as pure functions, each with its equation."""

from vlstudy.losses.attention_alignment import (
    attention_loss,
    attention_target,
    class_attention,
    similarity_loss,
    uniform_target,
)
from vlstudy.losses.flow_matching import (
    SINGULARITY_CUT,
    bridge,
    bridge_std,
    flow_matching,
    interpolant,
    noise_sigma,
    straight,
)
from vlstudy.losses.label_smoothing import (
    label_targets,
    margin_logits,
    smoothing_matrix,
    soft_cross_entropy,
)

__all__ = [
    "SINGULARITY_CUT",
    "attention_loss",
    "attention_target",
    "bridge",
    "bridge_std",
    "class_attention",
    "flow_matching",
    "interpolant",
    "label_targets",
    "margin_logits",
    "noise_sigma",
    "similarity_loss",
    "smoothing_matrix",
    "soft_cross_entropy",
    "straight",
    "uniform_target",
]
