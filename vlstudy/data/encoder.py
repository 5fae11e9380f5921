"""The towers as a source on disk needs them: loaded at the first need, on the accelerator where there is one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from vlstudy.data.store import Key, fetch
from vlstudy.rng import generator

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vlstudy.backbones.towers import Backbone
    from vlstudy.data.pixels import PixelSet

PART = 256  # pictures in memory at once


@dataclass(frozen=True)
class Encoder:
    """A backbone that encodes what the store lacks."""

    model: str
    pretrained: str | None

    @cached_property
    def weights(self) -> str:
        """sha256 of the weights."""
        from vlstudy.backbones import weights_digest

        return weights_digest(self.model, self.pretrained)

    @cached_property
    def side(self) -> int:
        """Side of the pictures that the image tower takes, in pixels; kept, as a tower is slow to load."""
        import torch

        key = Key("picture size", {**self.parts(), "source": "picture size", "format": "1"})
        return int(fetch(key, lambda: {"side": torch.tensor(self.loaded.image_size)})["side"])

    def towers(self) -> Backbone:
        """A fresh copy of the frozen backbone on the CPU."""
        from vlstudy.backbones import load

        return load(self.model, self.pretrained)

    def parts(self) -> dict[str, str]:
        """What features depend on, for the key of a store entry."""
        return {"backbone": self.model, "weights": self.weights}

    def classes(self, classnames: Sequence[str], templates: Sequence[str]) -> tuple[Float[Tensor, "c d"], float]:
        """Unit text features of classes and the logit scale, from the store if they are there."""
        import torch

        def encode() -> dict[str, Tensor]:
            features = self.loaded.class_text_features(classnames, templates)
            return {"text_features": features, "logit_scale": torch.tensor(self.loaded.logit_scale)}

        found = fetch(self.classes_key(classnames, templates), encode)
        return found["text_features"], float(found["logit_scale"])

    def classes_key(self, classnames: Sequence[str], templates: Sequence[str]) -> Key:
        """Where the class texts are kept."""
        texts = hashlib.sha256("\n".join([*templates, "", *classnames]).encode()).hexdigest()
        return Key("class texts", {**self.parts(), "source": "class texts", "texts": texts, "format": "1"})

    def images(self, pixels: PixelSet, *, view: int, crop: float) -> Float[Tensor, "n d"]:
        """Unit features of the plain view (0), or of an augmented one with a random box of at least `crop`."""
        import torch

        rng = generator(0, "augmented view", view)
        features = []
        for rows in torch.split(torch.arange(len(pixels)), PART):
            shown = pixels.crops(rows, rng, crop) if view else pixels.plain(rows)
            features.append(self.loaded.encode_images(shown))
        return torch.cat(features)

    @cached_property
    def loaded(self) -> Backbone:
        """The towers that encode, loaded once, on the accelerator where there is one; not to be trained."""
        import torch

        from vlstudy.backbones import load

        return load(self.model, self.pretrained, "cuda" if torch.cuda.is_available() else "cpu")
