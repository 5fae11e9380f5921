"""CLIP-Adapter: a residual bottleneck on the image features."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vlstudy.data.sets import DevSplits, FeatureSet
from vlstudy.knobs import knob
from vlstudy.methods.protocol import Batch, Method
from vlstudy.nets import FeatureAdapter


@dataclass(frozen=True, kw_only=True)
class ClipAdapter(Method):
    """f' = normalise(ratio * A(f) + (1 - ratio) * f), logits = logit_scale * f' Z^T, trained by cross-entropy.

    Differs from the paper: the optimiser is the study's (AdamW) for every method, so that budgets compare.
    Source: CLIP-Adapter (arXiv 2110.04544), equations 4 and 6, image branch, ratio 0.2, reduction 4.
    """

    summary: ClassVar[str] = "one-step residual bottleneck on image features, cross-entropy to the class texts"
    source: ClassVar[str] = "CLIP-Adapter, arXiv 2110.04544, section 3.2"
    baseline: ClassVar[bool] = True
    terms: ClassVar[tuple[str, ...]] = ("cross_entropy",)
    choices: ClassVar[tuple[str, ...]] = (
        "CLIP-Adapter is trained with AdamW and the study's learning-rate schedule, as all trained methods here; "
        "only its image branch is used.",
    )

    carries: ClassVar[bool] = True

    ratio: float = knob(0.2, "share of the adapted feature in the mixture", low=0.0, high=1.0)
    reduction: int = knob(4, "how many times narrower the bottleneck is than the features", low=1, high=64)

    def build(self, dev: DevSplits) -> nn.Module:
        """The bottleneck with PyTorch's default initialisation."""
        return FeatureAdapter(dev.text_features.shape[1], self.reduction)

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy of the adapted features, in nats."""
        scores = batch.classes.logit_scale * self._adapt(model, batch.image_features) @ batch.classes.text_features.T
        return {"cross_entropy": functional.cross_entropy(scores, batch.labels)}

    def image_features(self, model: nn.Module, images: FeatureSet) -> Float[Tensor, "n d"]:
        """The adapted features."""
        return self._adapt(model, images.image_features)

    def view_features(self, model: nn.Module, images: FeatureSet) -> Float[Tensor, "n v d"]:
        """The adapted features of the views."""
        return self._adapt(model, images.views)

    def _adapt(self, model: nn.Module, features: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        return functional.normalize(self.ratio * model(features) + (1 - self.ratio) * features, dim=-1)
