"""Zero-shot classification: the baseline without parameters."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from vlstudy.data.sets import DevSplits
from vlstudy.methods.protocol import Batch


@dataclass(frozen=True, kw_only=True)
class ZeroShot:
    """logits = logit_scale * cos(image_features, text_features of each class).

    Source: CLIP (arXiv 2103.00020), section 3.1.
    """

    summary: ClassVar[str] = "cosine of image and class text; nothing is trained"
    source: ClassVar[str] = "CLIP, arXiv 2103.00020, section 3.1"
    baseline: ClassVar[bool] = True
    terms: ClassVar[tuple[str, ...]] = ()
    choices: ClassVar[tuple[str, ...]] = ()

    def build(self, dev: DevSplits) -> nn.Module:
        """A module without parameters."""
        return nn.Identity()

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """No terms: there is nothing to train."""
        return {}

    def points(self) -> tuple[dict[str, float], ...]:
        """One point: no inference axis."""
        return ({},)

    def logits(self, model: nn.Module, image_features: Float[Tensor, "n d"], dev: DevSplits) -> Float[Tensor, "1 n c"]:
        """Scaled cosines."""
        return (dev.logit_scale * image_features @ dev.text_features.T)[None]
