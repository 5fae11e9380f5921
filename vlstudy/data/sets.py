"""Sets of features and their splits, as values."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """n images as frozen features.

    Attributes:
        image_features: unit rows, one plain view of each image.
        labels: class indices.
        views: unit rows of v augmented views of each image; v = 0 where there are none.
    """

    image_features: Float[Tensor, "n d"]
    labels: Int[Tensor, " n"]
    views: Float[Tensor, "n v d"]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Int[Tensor, " m"]) -> "FeatureSet":
        """The images at `indices`, in that order."""
        return FeatureSet(
            image_features=self.image_features[indices], labels=self.labels[indices], views=self.views[indices]
        )

    def to(self, device: torch.device) -> "FeatureSet":
        """The same set on `device`."""
        return FeatureSet(
            image_features=self.image_features.to(device), labels=self.labels.to(device), views=self.views.to(device)
        )


@dataclass(frozen=True, kw_only=True)
class DevSplits:
    """What a trial may see: there is no test split here, so that nothing can be chosen on it.

    Attributes:
        train, val: the few-shot draw.
        text_features: unit rows, one per class.
        classnames: c names.
        logit_scale: the backbone's learned inverse temperature (CLIP: 100).
    """

    train: FeatureSet
    val: FeatureSet
    text_features: Float[Tensor, "c d"]
    classnames: tuple[str, ...]
    logit_scale: float

    def to(self, device: torch.device) -> "DevSplits":
        """The same splits on `device`."""
        return replace(
            self, train=self.train.to(device), val=self.val.to(device), text_features=self.text_features.to(device)
        )


@dataclass(frozen=True, kw_only=True)
class Splits:
    """What only `confirm` may see: the development splits and the test split."""

    dev: DevSplits
    test: FeatureSet
