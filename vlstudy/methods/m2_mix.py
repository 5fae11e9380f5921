"""m2-mix: contrastive training with negatives that lie between the two modalities."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from vlstudy.knobs import knob
from vlstudy.losses.contrastive import directions
from vlstudy.losses.geodesic_mixing import mixed_negatives
from vlstudy.methods.pairing import PairMethod
from vlstudy.methods.protocol import Batch


@dataclass(frozen=True, kw_only=True)
class M2Mix(PairMethod):
    """Contrastive loss plus a small weight of the loss against mixtures on the geodesic of each pair.

        L = (L_i2t + L_t2i) / 2 + weight * L_mix,   one share l ~ Beta(b, b) a step

    Differs from the paper: see `choices`.
    Source: m2-mix (arXiv 2203.03897) and its released code.
    """

    summary: ClassVar[str] = "contrastive training with negatives mixed on the geodesic between image and text"
    source: ClassVar[str] = "m2-mix, arXiv 2203.03897, as in its released code"
    terms: ClassVar[tuple[str, ...]] = ("image_to_text", "text_to_image", "mixed")
    choices: ClassVar[tuple[str, ...]] = (
        *PairMethod.choices,
        "m2-mix: the mixed loss has the same weight throughout; the released code can divide it by the epoch's number.",
        "m2-mix: its other mixtures (image with image, text with text, pair with pair) are left out.",
    )

    weight: float = knob(0.01, "of the mixed loss; the released scripts take 0.001 to 0.05", low=0.0, high=10.0)
    beta: float = knob(0.5, "b of the share's Beta(b, b); small ones stay near the ends", low=0.01, high=100.0)
    tau_mixed: float = knob(
        0.0, "temperature of the mixed loss; 0: the main one; released code 0.07", low=0.0, high=1.0
    )

    def scales(self) -> dict[str, float]:
        """The weight of the mixed loss."""
        return {"mixed": self.weight}

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """Each direction's cross-entropy and the mixed loss, in nats."""
        pairs = batch.embeddings
        assert pairs is not None
        images, texts = pairs.image_features, pairs.text_features
        image_to_text, text_to_image = directions(images, texts, pairs.logit_scale)
        scale = 1 / self.tau_mixed if self.tau_mixed else pairs.logit_scale
        mixed = mixed_negatives(images, texts, float(rng.beta(self.beta, self.beta)), scale)
        return {"image_to_text": image_to_text, "text_to_image": text_to_image, "mixed": mixed}
