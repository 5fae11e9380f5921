"""CLIP-LoRA: low-rank updates of the attention of both towers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vlstudy.backbones.lora import add_lora
from vlstudy.data.sets import Classes, DevSplits, FeatureSet
from vlstudy.knobs import knob
from vlstudy.methods.protocol import Batch, Method
from vlstudy.methods.towers import ImageTower, TextTower, backbone_of

PLAIN = ("a photo of a {}.",)


class LoraTowers(nn.Module):
    """Both towers, frozen but for their low-rank updates."""

    def __init__(self, image: ImageTower, text: TextTower) -> None:
        super().__init__()
        self.image, self.text = image, text


@dataclass(frozen=True, kw_only=True)
class ClipLora(Method):
    """W + scale B A for queries, keys and values of every attention layer, trained by cross-entropy.

        L = CE(logit_scale f Z^T, y),   scale = alpha / sqrt(rank)

    f and Z both come from updated towers. B starts at zero, so that before training it is zero-shot.

    Differs from the paper: AdamW with the study's learning-rate schedule and epochs instead of 500 * shots iterations;
    the prompts are the data set's own unless `prompt` is `plain`, which is what the paper has for all data sets.
    Source: CLIP-LoRA (arXiv 2405.18541); recipe as in FMA's released code.
    """

    summary: ClassVar[str] = "low-rank updates of all attention layers of both towers"
    source: ClassVar[str] = "CLIP-LoRA, arXiv 2405.18541"
    baseline: ClassVar[bool] = True
    towers: ClassVar[bool] = True
    pixels: ClassVar[bool] = True
    carries: ClassVar[bool] = True
    terms: ClassVar[tuple[str, ...]] = ("cross_entropy",)
    choices: ClassVar[tuple[str, ...]] = (
        "CLIP-LoRA: the number of steps follows `train.epochs`, not 500 x shots; prompts are the data set's own unless "
        "`method.prompt` is `plain`; dropout is off whenever features are taken (FMA's released code leaves it on).",
    )

    rank: int = knob(2, "rank of the updates", low=1, high=1024)
    scale: float = knob(1.0, "alpha; an update counts alpha / sqrt(rank)", low=0.0, high=1000.0)
    dropout: float = knob(0.25, "of what enters the low-rank path, in training", low=0.0, high=0.99)
    updates: str = knob("both", "which towers are updated", choices=("image", "text", "both"))
    prompt: str = knob("dataset", "the data set's prompts, or the plain one for all", choices=("dataset", "plain"))

    def build(self, dev: DevSplits) -> nn.Module:
        """The towers with updates of zero."""
        backbone = backbone_of(dev)
        image = ImageTower(backbone)
        text = TextTower(backbone, PLAIN if self.prompt == "plain" else dev.templates)
        for name, tower in (("image", image.visual), ("text", text.tower)):
            if self.updates in (name, "both"):
                add_lora(tower, rank=self.rank, alpha=self.scale, dropout=self.dropout)
        return LoraTowers(image, text)

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy in nats."""
        assert isinstance(model, LoraTowers) and batch.pictures is not None
        texts = model.text(batch.classes.names) if self.updates != "image" else self._frozen(model, batch.classes)
        scores = batch.classes.logit_scale * model.image(batch.pictures) @ texts.T
        return {"cross_entropy": functional.cross_entropy(scores, batch.labels)}

    def image_features(self, model: nn.Module, images: FeatureSet) -> Float[Tensor, "n d"]:
        """Features of the updated image tower."""
        return self.image_tower(model).encode(images)

    def view_features(self, model: nn.Module, images: FeatureSet) -> Float[Tensor, "n v d"]:
        """Features of random crops, likewise."""
        return self.image_tower(model).encode_views(images)

    def text_features(self, model: nn.Module, classes: Classes) -> Float[Tensor, "c d"]:
        """Features of the updated text tower."""
        assert isinstance(model, LoraTowers)
        return model.text.encode(classes.names)

    def image_tower(self, model: nn.Module) -> ImageTower:
        """The updated one."""
        assert isinstance(model, LoraTowers)
        return model.image

    def _frozen(self, model: LoraTowers, classes: Classes) -> Float[Tensor, "c d"]:
        if self.prompt == "dataset":
            return classes.text_features
        with torch.no_grad():
            texts: Tensor = model.text(classes.names)
        return texts
