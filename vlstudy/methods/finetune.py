"""Fine-tuning of the towers, with an interpolation between the old and the new weights."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vlstudy.backbones.trainable import choose
from vlstudy.data.sets import Classes, DevSplits, FeatureSet
from vlstudy.knobs import knob
from vlstudy.methods.protocol import Batch, Method
from vlstudy.methods.towers import ImageTower, TextTower, backbone_of


class TunedTowers(nn.Module):
    """An image tower and perhaps a text tower that are trained, with the weights that they started from."""

    def __init__(self, image: ImageTower, text: TextTower | None) -> None:
        super().__init__()
        self.image, self.text = image, text
        self._started = {name: value.detach().clone() for name, value in self.named_parameters() if value.requires_grad}

    def between(self, alpha: float) -> dict[str, Tensor]:
        """(1 - alpha) theta_0 + alpha theta for every trained parameter."""
        trained = dict(self.named_parameters())
        return {
            name: torch.lerp(start.to(trained[name].device), trained[name], alpha)
            for name, start in self._started.items()
        }


@dataclass(frozen=True, kw_only=True)
class Finetune(Method):
    """Plain fine-tuning by cross-entropy with the class texts, or contrastively with each image's class text.

        cross_entropy: L = CE(logit_scale f T^T, y)
        contrastive:   L = (CE(logit_scale f T[y]^T, i) + CE(logit_scale T[y] f^T, i)) / 2,   i = 0 .. b - 1
        theta(alpha) = (1 - alpha) theta_0 + alpha theta

    alpha is an inference axis: one training measures every mixture of the old and the new weights.

    Differs from the paper: images of one class in a batch are negatives of each other in `contrastive`, as in FLYP's
    code; its texts use the mean over the data set's templates rather than one drawn at random (our choice).
    Source: CLIP (arXiv 2103.00020) for cross-entropy; FLYP (arXiv 2212.00638) for contrastive; WiSE-FT (arXiv
    2109.01903), equation 1, for alpha.
    """

    summary: ClassVar[str] = "fine-tunes the towers; old and new weights are mixed at inference (WiSE-FT)"
    source: ClassVar[str] = "FLYP, arXiv 2212.00638; WiSE-FT, arXiv 2109.01903"
    baseline: ClassVar[bool] = True
    towers: ClassVar[bool] = True
    pixels: ClassVar[bool] = True
    terms: ClassVar[tuple[str, ...]] = ("classification",)
    choices: ClassVar[tuple[str, ...]] = (
        "Fine-tuning: AdamW and the study's learning-rate schedule; contrastive texts are the mean over the templates.",
    )

    trains: str = knob("all", "what is trained of a tower", choices=("none", "heads", "last_n_blocks", "lora", "all"))
    last: int = knob(2, "how many blocks `last_n_blocks` means", low=1, high=64)
    tunes: str = knob("image", "which towers are trained", choices=("image", "both"))
    loss: str = knob("cross_entropy", "what is minimised", choices=("cross_entropy", "contrastive"))
    alpha: float | tuple[float, ...] = knob(
        1.0, "WiSE-FT: 0 is the backbone as it was, 1 the fine-tuned one", low=0.0, high=1.0, axis=True
    )

    def build(self, dev: DevSplits) -> nn.Module:
        """The towers as the backbone has them."""
        backbone = backbone_of(dev)
        image = ImageTower(backbone)
        choose(image.visual, self.trains, last=self.last)
        if self.tunes == "image":
            return TunedTowers(image, None)
        text = TextTower(backbone, dev.templates)
        choose(text.tower, self.trains, last=self.last)
        return TunedTowers(image, text)

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy in nats."""
        assert isinstance(model, TunedTowers) and batch.pictures is not None
        features, classes = model.image(batch.pictures), batch.classes
        texts = classes.text_features if model.text is None else model.text(classes.names)
        if self.loss == "cross_entropy":
            scores = classes.logit_scale * features @ texts.T
            return {"classification": functional.cross_entropy(scores, batch.labels)}
        scores = classes.logit_scale * features @ texts[batch.labels].T
        own = torch.arange(len(scores), device=scores.device)
        both = functional.cross_entropy(scores, own) + functional.cross_entropy(scores.T, own)
        return {"classification": both / 2}

    def points(self) -> tuple[dict[str, float], ...]:
        """One point per alpha, the least changed first."""
        wanted = (self.alpha,) if isinstance(self.alpha, int | float) else tuple(sorted(set(self.alpha)))
        return tuple({"alpha": float(value)} for value in wanted)

    def logits(self, model: nn.Module, images: FeatureSet, classes: Classes) -> Float[Tensor, "k n c"]:
        """Scaled cosines at every alpha; alpha = 0 takes the frozen features, which are the same."""
        return torch.stack([self._scores(model, images, classes, point["alpha"]) for point in self.points()])

    def image_tower(self, model: nn.Module) -> ImageTower:
        """The fine-tuned one, at the largest alpha."""
        assert isinstance(model, TunedTowers)
        alpha = self.points()[-1]["alpha"]
        return model.image.with_weights(_of("image.", model.between(alpha)) if alpha < 1 else {})

    def _scores(self, model: nn.Module, images: FeatureSet, classes: Classes, alpha: float) -> Float[Tensor, "n c"]:
        assert isinstance(model, TunedTowers)
        if alpha == 0:
            return classes.logit_scale * (images.image_features @ classes.text_features.T)
        weights = model.between(alpha) if alpha < 1 else {}
        features, texts = model.image.encode(images, _of("image.", weights)), classes.text_features
        if model.text is not None:
            texts = model.text.encode(classes.names, _of("text.", weights))
        return classes.logit_scale * (features @ texts.T)


def _of(part: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(part): value for name, value in weights.items() if name.startswith(part)}
