"""Two encoders into one space, trained on pairs: heads on frozen features, or the towers."""

import math
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from vlstudy.data.captions import CaptionSet
from vlstudy.data.sets import Classes, FeatureSet
from vlstudy.errors import TrainingError
from vlstudy.methods.protocol import Batch
from vlstudy.methods.towers import ImageTower, TextTower, in_parts, pictures_of
from vlstudy.schedules.protocol import Embeddings

_LARGEST = 100.0  # 1/tau of a learnt temperature, CLIP's own bound


class PairModel(nn.Module):
    """Image and text features in one space, with the temperature that goes with them.

        raw = head(f),   unit = raw / ||raw||

    f is the frozen feature where the towers are not trained, else the tower's feature before it has unit length.

    Args:
        image_head, text_head: what comes last; `nn.Identity` for towers as they are.
        scale: inverse temperature at the start.
        learnt: True if it is trained.
        towers: both, or None for frozen features.
        projections: the parameters of this module, by name, on which a schedule may compare gradients.
    """

    def __init__(
        self,
        image_head: nn.Module,
        text_head: nn.Module,
        *,
        scale: float,
        learnt: bool,
        towers: tuple[ImageTower, TextTower] | None,
        projections: tuple[str, ...],
    ) -> None:
        super().__init__()
        self.image_head, self.text_head, self._projections = image_head, text_head, projections
        self.image_tower: ImageTower | None = towers[0] if towers else None
        self.text_tower: TextTower | None = towers[1] if towers else None
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)), requires_grad=learnt)
        self.clamp()

    @property
    def scale(self) -> Float[Tensor, ""]:
        """Inverse temperature."""
        return self.log_scale.exp()

    def clamp(self) -> None:
        """Puts a learnt temperature back to 1/tau <= 100 in place, so that its gradient never vanishes there."""
        if self.log_scale.requires_grad:
            self.log_scale.data.clamp_(max=math.log(_LARGEST))

    def shared(self) -> list[nn.Parameter]:
        """The weights of the two heads, or the final projections of the two towers."""
        return [self.get_parameter(name) for name in self._projections]

    def embed(self, batch: Batch) -> Embeddings:
        """The batch's pairs, with their graph."""
        if self.image_tower is None or self.text_tower is None:
            assert batch.text_features is not None
            images, texts = self._image(batch.image_features), self._text(batch.text_features)
        else:
            assert batch.pictures is not None and batch.tokens is not None
            images = self._image(self.image_tower.raw(batch.pictures))
            texts = self._text(self.text_tower.raw(batch.tokens))
        return Embeddings(
            image_features=_unit(images),
            text_features=_unit(texts),
            raw_image_features=images,
            raw_text_features=texts,
            logit_scale=self.scale,
        )

    def images(self, images: FeatureSet) -> Float[Tensor, "n d"]:
        """Unit features of the plain views."""
        tower = self.image_tower
        if tower is None:
            return _unit(self._image(images.image_features))
        pixels = pictures_of(images)
        return in_parts(torch.arange(len(images)), lambda part: _unit(self._image(tower.raw(pixels.plain(part)))))

    def captions(self, captions: CaptionSet) -> Float[Tensor, "m d"]:
        """Unit features of captions.

        Raises:
            TrainingError: if the towers are trained and the captions were not tokenised.
        """
        if self.text_tower is None:
            return _unit(self._text(captions.text_features))
        if captions.tokens is None:
            raise TrainingError("the captions are features only, without tokens; set method.trains to `heads`.")
        return self._encoded(captions.tokens)

    def classes(self, classes: Classes) -> Float[Tensor, "c d"]:
        """Unit features of classes: the head of their frozen text, or the mean over templates of the text tower's."""
        if self.text_tower is None:
            return _unit(self._text(classes.text_features))
        prompts = self.text_tower.prompts(classes.names)
        return _unit(self._encoded(prompts.flatten(0, 1)).reshape(*prompts.shape[:2], -1).mean(dim=0))

    def train(self, mode: bool = True) -> Self:
        """Training mode for what is trained alone: frozen layers have no dropout and keep their statistics."""
        super().train(mode)
        for tower in (self.image_tower, self.text_tower):
            if tower is not None:
                _set_mode(tower, mode)
        return self

    def _encoded(self, tokens: Int[Tensor, "m context"]) -> Float[Tensor, "m d"]:
        assert self.text_tower is not None
        tower = self.text_tower
        return in_parts(tokens, lambda part: _unit(self._text(tower.raw(part))))

    def _image(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n e"]:
        projected: Tensor = self.image_head(features)
        return projected.float()

    def _text(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n e"]:
        projected: Tensor = self.text_head(features)
        return projected.float()


def _set_mode(module: nn.Module, mode: bool) -> None:
    """Training mode where every weight is trained; layers without weights, such as dropout, go with what holds them."""
    trained = [value.requires_grad for value in module.parameters()]
    module.training = mode and all(trained) if trained else mode
    for child in module.children():
        _set_mode(child, module.training if not list(child.parameters()) else mode)


def _unit(features: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    return functional.normalize(features, dim=-1)
