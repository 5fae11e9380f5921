"""Losses as pure functions, each with its equation."""

from vlstudy.losses.attention_alignment import (
    attention_loss,
    attention_target,
    class_attention,
    similarity_loss,
    uniform_target,
)
from vlstudy.losses.contrastive import cosines, directions
from vlstudy.losses.flow_matching import (
    SINGULARITY_CUT,
    bridge,
    bridge_std,
    flow_matching,
    interpolant,
    noise_sigma,
    straight,
)
from vlstudy.losses.geodesic_mixing import geodesic, mixed_negatives
from vlstudy.losses.label_smoothing import (
    label_targets,
    margin_logits,
    smoothing_matrix,
    soft_cross_entropy,
)
from vlstudy.losses.modality_alignment import (
    centroid_distance,
    geometry_matching,
    gram,
    hard_weights,
    paired_residual,
    reweighted_negatives,
    semantic_weights,
)
from vlstudy.losses.refinement import hybrid_distillation, random_alignment

__all__ = [
    "SINGULARITY_CUT",
    "attention_loss",
    "attention_target",
    "bridge",
    "bridge_std",
    "centroid_distance",
    "class_attention",
    "cosines",
    "directions",
    "flow_matching",
    "geodesic",
    "geometry_matching",
    "gram",
    "hard_weights",
    "hybrid_distillation",
    "interpolant",
    "label_targets",
    "margin_logits",
    "mixed_negatives",
    "noise_sigma",
    "paired_residual",
    "random_alignment",
    "reweighted_negatives",
    "semantic_weights",
    "similarity_loss",
    "smoothing_matrix",
    "soft_cross_entropy",
    "straight",
    "uniform_target",
]
