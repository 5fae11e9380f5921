"""Sets of images and their splits, as values."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vlstudy.data.captions import CaptionSet
from vlstudy.data.pixels import PixelSet

if TYPE_CHECKING:
    from vlstudy.backbones.towers import Backbone


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """n images as frozen features, with their pictures where the source has them.

    Attributes:
        image_features: unit rows, one plain view of each image.
        labels: class indices.
        views: unit rows of v augmented views of each image; v = 0 where there are none.
        domains: index of each image's domain; all 0 where there are none.
        pixels: the pictures themselves, which stay on the CPU; None for features made elsewhere.
        captions: what is said of them; None for images that have classes only.
    """

    image_features: Float[Tensor, "n d"]
    labels: Int[Tensor, " n"]
    views: Float[Tensor, "n v d"]
    domains: Int[Tensor, " n"]
    pixels: PixelSet | None = None
    captions: CaptionSet | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Int[Tensor, " m"]) -> "FeatureSet":
        """The images at `indices`, in that order."""
        return FeatureSet(
            image_features=self.image_features[indices],
            labels=self.labels[indices],
            views=self.views[indices],
            domains=self.domains[indices],
            pixels=self.pixels.take(indices.cpu()) if self.pixels else None,
            captions=self.captions.of(indices.to(self.captions.image_of.device)) if self.captions else None,
        )

    def to(self, device: torch.device) -> "FeatureSet":
        """The same set with its features on `device`."""
        return replace(
            self,
            image_features=self.image_features.to(device),
            labels=self.labels.to(device),
            views=self.views.to(device),
            domains=self.domains.to(device),
            captions=self.captions.to(device) if self.captions else None,
        )


@dataclass(frozen=True, kw_only=True)
class Classes:
    """c classes that images are scored against.

    Attributes:
        names: as they stand in a prompt.
        text_features: unit rows of the frozen text tower.
        trained: index of each class among those that are trained on; -1 for a new one.
        logit_scale: the backbone's learned inverse temperature (CLIP: 100).
    """

    names: tuple[str, ...]
    text_features: Float[Tensor, "c d"]
    trained: Int[Tensor, " c"]
    logit_scale: float

    def to(self, device: torch.device) -> "Classes":
        """The same classes on `device`."""
        return replace(self, text_features=self.text_features.to(device), trained=self.trained.to(device))


@dataclass(frozen=True, kw_only=True)
class DevSplits:
    """What a trial may see: there is no test split here, so that nothing can be chosen on it.

    Attributes:
        train, val: the draw.
        classes: those that are trained on, and that validation is scored against.
        templates: prompts with `{}` for the class's name, of which `classes.text_features` are the mean.
        towers: a fresh copy of the frozen backbone on the CPU; None for features made elsewhere.
        device: where the features are, and where models go.
    """

    train: FeatureSet
    val: FeatureSet
    classes: Classes
    templates: tuple[str, ...] = ("a photo of a {}.",)
    towers: "Callable[[], Backbone] | None" = None
    device: torch.device = field(default=torch.device("cpu"))

    @property
    def text_features(self) -> Float[Tensor, "c d"]:
        """Unit rows, one per trained class."""
        return self.classes.text_features

    def to(self, device: torch.device) -> "DevSplits":
        """The same splits on `device`."""
        return replace(
            self,
            train=self.train.to(device),
            val=self.val.to(device),
            classes=self.classes.to(device),
            device=device,
        )


@dataclass(frozen=True, kw_only=True)
class Group:
    """Test images that are scored together against the same classes, such as one domain or the new classes.

    Attributes:
        name: `base`, `new` or a domain's; "" where there is one group of all.
        images: their labels index into `classes`.
        classes: what they are scored against.
    """

    name: str
    images: FeatureSet
    classes: Classes

    def to(self, device: torch.device) -> "Group":
        """The same group on `device`."""
        return replace(self, images=self.images.to(device), classes=self.classes.to(device))


@dataclass(frozen=True, kw_only=True)
class Splits:
    """What only `confirm` may see: the development splits and the test images.

    Attributes:
        noisy: the test images once more with noise; their names are as `caption=0.3`.
        captioning: True if captions are to be written of the test images.
    """

    dev: DevSplits
    test: tuple[Group, ...]
    noisy: tuple[Group, ...] = ()
    captioning: bool = False

    def to(self, device: torch.device) -> "Splits":
        """The same splits on `device`."""
        test, noisy = (tuple(group.to(device) for group in groups) for groups in (self.test, self.noisy))
        return replace(self, dev=self.dev.to(device), test=test, noisy=noisy)
