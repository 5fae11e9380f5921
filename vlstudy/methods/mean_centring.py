"""Mean-centring: the baseline that takes each modality's mean away, without any training."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vlstudy.data.captions import CaptionSet
from vlstudy.data.sets import Classes, DevSplits, FeatureSet
from vlstudy.errors import TrainingError
from vlstudy.knobs import knob
from vlstudy.methods.protocol import Batch, Method


class Means(nn.Module):
    """The mean of each modality over the training data."""

    image: Tensor
    text: Tensor

    def __init__(self, image: Float[Tensor, " d"], text: Float[Tensor, " d"]) -> None:
        super().__init__()
        self.register_buffer("image", image)
        self.register_buffer("text", text)


@dataclass(frozen=True, kw_only=True)
class MeanCentring(Method):
    """x' = x - mean(x), y' = y - mean(y), then scaled to unit length; nothing is trained.

    The means are of the training images and of all their captions, never of what is measured. The texts of classes are
    centred by the mean of the captions (our choice), although prompts have another mean.

    Source: TPC-CMA (arXiv 2604.00279) names it as a baseline; its procedure is general knowledge of the field. The
    released code of C3 (arXiv 2401.08567) subtracts stored means and renormalises where it is asked to.
    """

    summary: ClassVar[str] = "takes the training mean of each modality away; nothing is trained"
    source: ClassVar[str] = "baseline of TPC-CMA, arXiv 2604.00279; C3, arXiv 2401.08567"
    baseline: ClassVar[bool] = True
    terms: ClassVar[tuple[str, ...]] = ()
    trains_on: ClassVar[tuple[str, ...]] = ("captions",)
    choices: ClassVar[tuple[str, ...]] = (
        "Mean-centring takes its text mean from the training captions, for captions and for class texts alike.",
    )

    renormalise: bool = knob(True, "scale centred features to unit length; without it gaps are of plain differences")

    def build(self, dev: DevSplits) -> nn.Module:
        """The two means.

        Raises:
            TrainingError: if the training images have no captions.
        """
        if dev.train.captions is None:
            raise TrainingError("the training images have no captions; mean_centring takes the mean of these.")
        return Means(dev.train.image_features.mean(dim=0), dev.train.captions.text_features.mean(dim=0))

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """No terms: `build` gives the final model."""
        return {}

    def image_features(self, model: nn.Module, images: FeatureSet) -> Float[Tensor, "n d"]:
        """Centred by the images' mean."""
        return self._centred(images.image_features, _means(model).image)

    def caption_features(self, model: nn.Module, captions: CaptionSet) -> Float[Tensor, "m d"]:
        """Centred by the captions' mean."""
        return self._centred(captions.text_features, _means(model).text)

    def text_features(self, model: nn.Module, classes: Classes) -> Float[Tensor, "c d"]:
        """Centred by the captions' mean too."""
        return self._centred(classes.text_features, _means(model).text)

    def _centred(self, features: Float[Tensor, "n d"], mean: Float[Tensor, " d"]) -> Float[Tensor, "n d"]:
        moved = features - mean
        return functional.normalize(moved, dim=-1) if self.renormalise else moved


def _means(model: nn.Module) -> Means:
    assert isinstance(model, Means)
    return model
