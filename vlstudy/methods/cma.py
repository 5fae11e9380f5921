"""CMA: the alignment losses of TPC-CMA beside the contrastive one, for a curriculum to weigh."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from vlstudy.knobs import knob
from vlstudy.losses.contrastive import cosines, directions
from vlstudy.losses.modality_alignment import (
    NEGATIVES,
    TARGETS,
    centroid_distance,
    geometry_matching,
    gram,
    hard_weights,
    paired_residual,
    reweighted_negatives,
    semantic_weights,
)
from vlstudy.methods.pairing import PairMethod
from vlstudy.methods.protocol import Batch
from vlstudy.schedules.protocol import Embeddings

_PRESETS: Mapping[str, Mapping[str, float]] = {  # a tau_nr of 0 is the temperature of the contrastive loss
    "explicit": {"lambda_g": 1.0, "lambda_c": 1.0, "lambda_d": 1.0, "tau_nr": 0.0},
    "mechanisms_only": {"lambda_g": 1.0, "lambda_c": 0.0, "lambda_d": 0.0, "tau_nr": 0.05},
}


@dataclass(frozen=True, kw_only=True)
class Cma(PairMethod):
    """Cross-modal alignment: re-weighted negatives, inner geometry, centroids and what is left between pairs.

        contrastive:  L_CLIP = (L_i2t + L_t2i) / 2
        L_CMA = L_NR + lambda_g L_GM + lambda_c L_cent + lambda_d L_res
        negatives:  L_NR,   geometry:  L_GM,   centroid:  L_cent,   residual:  L_res

    With the schedule `three_phase` it is TPC-CMA. x0, y0 of the semantic weights are the cached frozen features.

    Differs from the paper: it is a reconstruction. That negatives are re-weighted and geometry is matched is known
    from a summary; every formula, every lambda, the centroid and the residual term are our choice.
    Source: TPC-CMA (arXiv 2604.00279), abstract; its authors' code was not published.
    """

    summary: ClassVar[str] = "closes the modality gap: re-weighted negatives, geometry, centroids, paired residuals"
    source: ClassVar[str] = "TPC-CMA, arXiv 2604.00279: reconstructed from its abstract and summaries"
    baseline: ClassVar[bool] = False
    terms: ClassVar[tuple[str, ...]] = ("contrastive", "negatives", "geometry", "centroid", "residual")
    choices: ClassVar[tuple[str, ...]] = (
        *PairMethod.choices,
        "CMA is a reconstruction of TPC-CMA, not a verified reproduction: the paper's two mechanisms (re-weighted "
        "negatives, intra-modal geometry) are known by name; their formulas and weights are our choice.",
        "CMA's centroid and paired residual terms are our choice and named by no source; `preset: mechanisms_only` "
        "leaves both out and gives the negatives a temperature of 0.05.",
        "CMA trains heads on frozen features by default (our choice); what the paper trains is not known.",
    )

    preset: str = knob(
        "explicit",
        "explicit: every lambda 1 and one temperature; mechanisms_only: no centroid and no residual term, and "
        "negatives at temperature 0.05 (our choice)",
        choices=tuple(_PRESETS),
    )
    lambda_g: float = knob(-1.0, "weight of the geometry term; -1: the preset's (our choice)", low=-1.0, high=100.0)
    lambda_c: float = knob(-1.0, "weight of the centroid term; -1: the preset's (our choice)", low=-1.0, high=100.0)
    lambda_d: float = knob(-1.0, "weight of the residual term; -1: the preset's (our choice)", low=-1.0, high=100.0)
    tau_nr: float = knob(
        -1.0,
        "temperature of the re-weighted negatives; 0: that of the contrastive loss, -1: the preset's (our choice)",
        low=-1.0,
        high=1.0,
    )
    negatives: str = knob(
        "semantic",
        "semantic: negatives near in the frozen model count less; hard: near ones count more; none: all count alike "
        "(our choice)",
        choices=NEGATIVES,
    )
    lambda_neg: float = knob(0.5, "how much less a duplicate counts, for `semantic` (our choice)", low=0.0, high=1.0)
    beta: float = knob(1.0, "how much more near ones count, for `hard`; 0: alike (our choice)", low=0.0, high=10.0)
    gm_target: str = knob(
        "both",
        "where geometry is taken from: both sides move; image, text: that side is held; teacher: both go to the mean "
        "of the frozen ones (our choice)",
        choices=TARGETS,
    )

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """The five losses, unweighted: the first two in nats, the others in squared units of the space."""
        pairs = batch.embeddings
        assert pairs is not None and batch.text_features is not None
        images, texts = pairs.image_features, pairs.text_features
        own = self._preset("tau_nr")
        with torch.autocast(images.device.type, enabled=False):  # logits at a scale of 100 and means need float32
            image_to_text, text_to_image = directions(images, texts, pairs.logit_scale)
            teacher = None
            if self.gm_target == "teacher":
                teacher = (gram(batch.image_features) + gram(batch.text_features)) / 2
            return {
                "contrastive": (image_to_text + text_to_image) / 2,
                "negatives": reweighted_negatives(
                    images, texts, 1 / own if own else pairs.logit_scale, self._weights(pairs, batch)
                ),
                "geometry": geometry_matching(images, texts, target=self.gm_target, teacher=teacher),
                "centroid": centroid_distance(images, texts),
                "residual": paired_residual(images, texts),
            }

    def scales(self) -> Mapping[str, float]:
        """The lambdas."""
        return {
            "geometry": self._preset("lambda_g"),
            "centroid": self._preset("lambda_c"),
            "residual": self._preset("lambda_d"),
        }

    def _preset(self, name: str) -> float:
        """A knob's own value, or the preset's where it is negative."""
        value: float = getattr(self, name)
        return value if value >= 0 else _PRESETS[self.preset][name]

    def _weights(self, pairs: Embeddings, batch: Batch) -> Float[Tensor, "b b"]:
        """Of the negatives."""
        assert batch.text_features is not None
        if self.negatives == "semantic":
            return semantic_weights(batch.image_features, batch.text_features, self.lambda_neg)
        return hard_weights(
            cosines(pairs.image_features, pairs.text_features), self.beta if self.negatives == "hard" else 0.0
        )
