"""CLIP-Refine: both modalities drawn to shared random features, under distillation from what the model was."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from vlstudy.knobs import knob
from vlstudy.losses.refinement import hybrid_distillation, random_alignment
from vlstudy.methods.pairing import PairMethod
from vlstudy.methods.protocol import Batch


@dataclass(frozen=True, kw_only=True)
class ClipRefine(PairMethod):
    """Random feature alignment and hybrid contrastive distillation, with equal weights.

        alignment:     RaFA = MSE(x, r) + MSE(y, r),   r ~ N(0, I), one for each pair
        distillation:  HyCD = KL to a I + (1 - a) softmax(s_0 <x_0, y_0>), mean of both directions

    x and y in RaFA have no unit length, as in the released code; x_0, y_0 and s_0 are the backbone's.

    Differs from the paper: see `choices`.
    Source: CLIP-Refine (arXiv 2504.12717) and its released code.
    """

    summary: ClassVar[str] = "draws both modalities to shared random features, distilled from the backbone"
    source: ClassVar[str] = "CLIP-Refine, arXiv 2504.12717, as in its released code"
    terms: ClassVar[tuple[str, ...]] = ("alignment", "distillation")
    choices: ClassVar[tuple[str, ...]] = (
        *PairMethod.choices,
        "CLIP-Refine: features are aligned before they have unit length, as in the released code; with `trains: heads` "
        "they are linear maps of unit features.",
        "CLIP-Refine: the distillation compares cosines times the inverse temperature (our choice); the released code "
        "compares inner products of un-normalised features. The teacher sees cached views of the images, not crops.",
    )

    a: float = knob(0.5, "share of the true pairs in what is distilled", low=0.0, high=1.0)

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """RaFA in squared units of a coordinate, HyCD in nats."""
        pairs = batch.embeddings
        assert pairs is not None and batch.text_features is not None
        images, texts = pairs.raw_image_features, pairs.raw_text_features
        drawn = torch.from_numpy(rng.standard_normal(images.shape)).to(images)
        scores = pairs.logit_scale * (pairs.image_features @ pairs.text_features.T)
        teacher = batch.classes.logit_scale * (batch.image_features @ batch.text_features.T)
        return {
            "alignment": random_alignment(images, texts, drawn),
            "distillation": hybrid_distillation(scores, teacher, self.a),
        }
