"""Plain contrastive training on pairs of images and captions."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from vlstudy.losses.contrastive import directions
from vlstudy.methods.pairing import PairMethod
from vlstudy.methods.protocol import Batch


@dataclass(frozen=True, kw_only=True)
class Contrastive(PairMethod):
    """The two directions of the contrastive loss, apart, so that a schedule can weigh them.

        L_i2t = mean_i -log softmax_j(s <x_i, y_j>)[i],   L_t2i = mean_j -log softmax_i(s <x_i, y_j>)[j]

    With the schedule `fixed` this is CLIP's symmetric loss, plain fine-tuning; with one of variances or entropies it is
    variance-aware loss scheduling.

    Source: CLIP (arXiv 2103.00020), figure 3; variance-aware loss scheduling (arXiv 2503.03202).
    """

    summary: ClassVar[str] = "contrastive training on image-caption pairs; its two directions can be weighed apart"
    source: ClassVar[str] = "CLIP, arXiv 2103.00020; variance-aware loss scheduling, arXiv 2503.03202"
    terms: ClassVar[tuple[str, ...]] = ("image_to_text", "text_to_image")

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """Each direction's cross-entropy in nats."""
        pairs = batch.embeddings
        assert pairs is not None
        found = directions(pairs.image_features, pairs.text_features, pairs.logit_scale)
        return dict(zip(self.terms, found, strict=True))
