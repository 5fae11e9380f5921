"""Zero-shot classification: the baseline without parameters."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from vlstudy.data.sets import DevSplits
from vlstudy.methods.protocol import Batch, Method
from vlstudy.methods.towers import ImageTower, backbone_of


@dataclass(frozen=True, kw_only=True)
class ZeroShot(Method):
    """logits = logit_scale * cos(image_features, text_features of each class).

    Source: CLIP (arXiv 2103.00020), section 3.1.
    """

    summary: ClassVar[str] = "cosine of image and class text; nothing is trained"
    source: ClassVar[str] = "CLIP, arXiv 2103.00020, section 3.1"
    baseline: ClassVar[bool] = True
    terms: ClassVar[tuple[str, ...]] = ()
    choices: ClassVar[tuple[str, ...]] = ()
    trains_on: ClassVar[tuple[str, ...]] = ("labels", "captions")
    carries: ClassVar[bool] = True

    def build(self, dev: DevSplits) -> nn.Module:
        """The untouched image tower, to look at its attention; nothing where the source has features only."""
        return nn.Identity() if dev.train.pixels is None else ImageTower(backbone_of(dev))

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """No terms: there is nothing to train."""
        return {}

    def image_tower(self, model: nn.Module) -> ImageTower | None:
        """The untouched one."""
        return model if isinstance(model, ImageTower) else None
