"""The towers inside a model that is trained on pictures or on captions."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional

from vlstudy.backbones.trainable import choose
from vlstudy.data.pixels import PixelSet
from vlstudy.data.sets import DevSplits, FeatureSet
from vlstudy.errors import TrainingError
from vlstudy.rng import generator

if TYPE_CHECKING:
    from vlstudy.backbones.towers import Backbone

_SMALLEST = 0.5  # share of a crop
_AT_ONCE = 256  # pictures or texts that are encoded together where nothing is learnt


class ImageTower(nn.Module):
    """open_clip's image tower of one backbone, with the statistics that its pictures are normalised by."""

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: "Backbone") -> None:
        super().__init__()
        self.visual: nn.Module = backbone.model.visual
        for name, values in (("mean", backbone.mean), ("std", backbone.std)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def prepare(self, pictures: UInt8[Tensor, "b s s 3"]) -> Float[Tensor, "b 3 s s"]:
        """Pictures of the tower's side as it takes them, on its device."""
        values = pictures.to(self.mean.device, non_blocking=True).permute(0, 3, 1, 2).float() / 255
        normalised: Tensor = (values - self.mean) / self.std
        return normalised

    def raw(self, pictures: UInt8[Tensor, "b s s 3"]) -> Float[Tensor, "b d"]:
        """Features before they have unit length."""
        features: Tensor = self.visual(self.prepare(pictures))
        return features.float()

    def forward(self, pictures: UInt8[Tensor, "b s s 3"]) -> Float[Tensor, "b d"]:
        """Unit features."""
        return functional.normalize(self.raw(pictures), dim=-1)

    def encode(self, images: FeatureSet, weights: Mapping[str, Tensor] = MappingProxyType({})) -> Float[Tensor, "n d"]:
        """Unit features of the plain views of all images, in parts; with other `weights` in place of the tower's own.

        Args:
            images: with pictures.
            weights: name of a parameter -> what stands in for it; the tower itself does not change.
        """
        pixels = pictures_of(images)
        return in_parts(torch.arange(len(images)), lambda part: self._features(pixels.plain(part), weights))

    def with_weights(self, weights: Mapping[str, Tensor]) -> "ImageTower":
        """A copy in which these parameters have other values; the tower itself if there are none."""
        if not weights:
            return self
        other = deepcopy(self)
        other.load_state_dict(dict(weights), strict=False)
        return other

    def encode_views(self, images: FeatureSet) -> Float[Tensor, "n v d"]:
        """Unit features of as many random crops of each image as it has cached views.

        A crop has half of the picture's area or more (our choice), whatever the cached views have.
        """
        pixels, count = pictures_of(images), images.views.shape[1]
        if not count:
            return images.views

        def cropped(view: int, part: Int[Tensor, " b"]) -> Float[Tensor, "b d"]:
            features: Tensor = self(pixels.crops(part, generator(view, "view", int(part[0])), _SMALLEST))
            return features

        views = [in_parts(torch.arange(len(images)), partial(cropped, view)) for view in range(count)]
        return torch.stack(views, dim=1)

    def _features(self, pictures: UInt8[Tensor, "b s s 3"], weights: Mapping[str, Tensor]) -> Float[Tensor, "b d"]:
        if not weights:
            found: Tensor = self(pictures)
            return found
        swapped: Tensor = torch.func.functional_call(self, dict(weights), (pictures,))
        return swapped


class TextTower(nn.Module):
    """open_clip's text tower of one backbone, with the prompts and the tokenizer that go with it."""

    def __init__(self, backbone: "Backbone", templates: tuple[str, ...]) -> None:
        super().__init__()
        self.tower: nn.Module = backbone.model
        self.tower.visual = nn.Identity()  # the image tower is another module's
        self._tokenizer, self._templates = backbone.tokenizer, templates
        self._tokens: dict[tuple[str, ...], Tensor] = {}

    def forward(self, names: tuple[str, ...]) -> Float[Tensor, "c d"]:
        """The unit feature of each class: the mean over templates of unit features, of unit length again."""
        tokens = self.prompts(names)
        unit = functional.normalize(self.raw(tokens.flatten(0, 1)), dim=-1).reshape(*tokens.shape[:2], -1)
        return functional.normalize(unit.mean(dim=0), dim=-1)

    def encode(
        self, names: tuple[str, ...], weights: Mapping[str, Tensor] = MappingProxyType({})
    ) -> Float[Tensor, "c d"]:
        """The same with other `weights` in place of the tower's own."""
        found: Tensor = torch.func.functional_call(self, dict(weights), (names,))
        return found

    def raw(self, tokens: Int[Tensor, "m context"]) -> Float[Tensor, "m d"]:
        """Features of tokenised texts, such as captions, before they have unit length."""
        here = tokens.to(next(self.tower.parameters()).device)
        features: Tensor = self.tower.encode_text(here)  # type: ignore[operator]
        return features.float()

    def prompts(self, names: tuple[str, ...]) -> Int[Tensor, "t c context"]:
        """The tokens of every class in every template, on the tower's device."""
        if names not in self._tokens:
            rows = [self._tokenizer([template.format(name) for name in names]) for template in self._templates]
            self._tokens[names] = torch.stack(rows)
        return self._tokens[names].to(next(self.tower.parameters()).device)


def pictures_of(images: FeatureSet) -> PixelSet:
    """The pictures of the images.

    Raises:
        TrainingError: if the source has features only.
    """
    if images.pixels is None:
        raise TrainingError("the data source has features only; this method trains on pictures.")
    return images.pixels


def in_parts(
    rows: Int[Tensor, "n *rest"], encode: Callable[[Int[Tensor, "b *rest"]], Float[Tensor, "b d"]]
) -> Float[Tensor, "n d"]:
    """Features of all rows, 256 at a time."""
    return torch.cat([encode(part) for part in torch.split(rows, _AT_ONCE)])


def backbone_of(dev: DevSplits) -> "Backbone":
    """A fresh copy of the backbone, frozen.

    Raises:
        TrainingError: if the source has features only.
    """
    if dev.towers is None:
        raise TrainingError("the data source has features only; this method needs the backbone's towers.")
    backbone = dev.towers()
    choose(backbone.model, "none")
    return backbone


def choose_projection(tower: nn.Module, trains: str, last: int) -> tuple[str, ...]:
    """The name of the tower's final projection, once `choose` has set what is trained; () for a tower without one."""
    ends = choose(tower, "heads")
    choose(tower, trains, last=last)
    return tuple(name for name in ends if tower.get_parameter(name).ndim == 2)[-1:]
