"""The miniature as a data source: rendered scenes, encoded by a backbone of the study's choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vlstudy.data.store import Key, fetch
from vlstudy.errors import DataError
from vlstudy.knobs import knob

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from vlstudy.data.pool import Pool

PER_CLASS = {"train": 48, "val": 16, "test": 40}  # scenes of each class that draws and tests take from


@dataclass(frozen=True, kw_only=True)
class Miniature:
    """Scenes that we render, with classes fine-grained enough to confuse; nothing is downloaded."""

    summary: ClassVar[str] = "scenes that vlstudy renders: nothing is downloaded"
    uses_backbone: ClassVar[bool] = True

    task: str = knob("few_shot", "what is asked of the scenes", choices=("few_shot",))
    shots: int = knob(16, "training images per class", low=1, high=PER_CLASS["train"])
    views: int = knob(4, "cached augmented views of each training image (our choice)", low=0, high=64)
    crop: float = knob(
        0.5,
        "smallest share of a view's crop; FMA's training has 0.08 at 224 pixels, which at 64 leaves nothing to see",
        low=0.01,
        high=1.0,
    )

    def load(self, model: str, pretrained: str | None) -> Pool:
        """All scenes' features; the towers are loaded only if the store lacks some.

        Raises:
            BackboneError: if the towers cannot be loaded.
        """
        from vlstudy.data.miniature import CLASSNAMES, digest
        from vlstudy.data.pool import Features, Pool

        encoder = _Encoder(model, pretrained)
        keys = self.keys(model, pretrained)
        texts, plain, views = keys[0], keys[1:4], keys[4:]
        text = fetch(texts, encoder.texts)
        train, val, test = (fetch(key, lambda key=key: encoder.images(key)) for key in plain)  # type: ignore[misc]
        augmented = tuple(fetch(key, lambda key=key: encoder.images(key))["image_features"] for key in views)  # type: ignore[misc]
        return Pool(
            train=Features(image_features=train["image_features"], labels=train["labels"], views=augmented),
            val=Features(image_features=val["image_features"], labels=val["labels"]),
            test=Features(image_features=test["image_features"], labels=test["labels"]),
            text_features=text["text_features"],
            classnames=CLASSNAMES,
            logit_scale=float(text["logit_scale"]),
            shots=self.shots,
            facts={
                "data": f"miniature, renderer digest {digest()}",
                "images": ", ".join(f"{split} {count * len(CLASSNAMES)}" for split, count in PER_CLASS.items())
                + f", {len(CLASSNAMES)} classes",
                "views": f"{self.views} cached augmented views per training image, crop from {self.crop:g}, flip",
                "weights": texts.parts["weights"],
            },
        )

    def keys(self, model: str, pretrained: str | None) -> tuple[Key, ...]:
        """The class texts, one entry a split, and one for each augmented view of the training split."""
        from vlstudy.backbones import weights_digest
        from vlstudy.data.miniature import digest

        if self.task != "few_shot":
            raise DataError(f"data.task: the miniature knows few_shot, not {self.task}.")
        common = {
            "source": "miniature",
            "data": digest(),
            "backbone": model,
            "weights": weights_digest(model, pretrained),
            "format": "1",
        }
        plain = [
            Key(f"miniature {split}", {**common, "split": split, "count": str(count), "view": "0"})
            for split, count in PER_CLASS.items()
        ]
        views = [
            Key(f"miniature train view {view}", {**plain[0].parts, "view": str(view), "crop": f"{self.crop:g}"})
            for view in range(1, self.views + 1)
        ]
        return (Key("miniature class texts", {**common, "split": "texts"}), *plain, *views)

    def training_images(self) -> int:
        """Shots x classes."""
        from vlstudy.data.miniature import CLASSNAMES

        return self.shots * len(CLASSNAMES)


class _Encoder:
    """Renders and encodes what the store lacks; loads the towers at the first need."""

    def __init__(self, model: str, pretrained: str | None) -> None:
        self.model, self.pretrained = model, pretrained

    def texts(self) -> dict[str, Tensor]:
        import torch

        from vlstudy.backbones import load
        from vlstudy.data.miniature import CLASSNAMES, TEMPLATES

        towers = load(self.model, self.pretrained)
        features = towers.class_text_features(CLASSNAMES, TEMPLATES)
        return {"text_features": features, "logit_scale": torch.tensor(towers.logit_scale)}

    def images(self, key: Key) -> dict[str, Tensor]:
        import torch

        from vlstudy.backbones import load
        from vlstudy.data.miniature import few_shot_pool

        scenes = few_shot_pool(key.parts["split"], int(key.parts["count"]))
        features = load(self.model, self.pretrained).encode_images(self._view(scenes.pixels, key))
        return {"image_features": features, "labels": torch.from_numpy(scenes.labels)}

    def _view(self, pixels: np.ndarray, key: Key) -> Tensor:
        import torch

        from vlstudy.data.augment import random_resized_crop_flip
        from vlstudy.rng import generator

        plain, view = torch.from_numpy(pixels), int(key.parts["view"])
        if view == 0:
            return plain
        return random_resized_crop_flip(plain, generator(0, "augmented view", view), float(key.parts["crop"]))
