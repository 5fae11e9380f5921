"""Tip-Adapter: a cache of the training images' features that votes beside the class texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vlstudy.data.sets import Classes, DevSplits, FeatureSet
from vlstudy.knobs import knob
from vlstudy.methods.protocol import Batch, Method

ALPHA, BETA = 1.0, 5.5  # the paper's
_SOURCE = "Tip-Adapter, arXiv 2207.09519, equations 3 to 6"


class Cache(nn.Module):
    """n keys, which are training features, and their classes as one-hot values."""

    keys: Tensor
    values: Tensor

    def __init__(self, keys: Float[Tensor, "n d"], values: Float[Tensor, "n c"]) -> None:
        super().__init__()
        self.keys = nn.Parameter(keys.clone(), requires_grad=False)
        self.register_buffer("values", values, persistent=False)

    def votes(self, queries: Float[Tensor, "b d"], beta: float) -> Float[Tensor, "b c"]:
        """exp(-beta (1 - q k)) summed over the keys of each class."""
        votes: Tensor = (beta * (queries @ self.keys.T - 1)).exp() @ self.values
        return votes


@dataclass(frozen=True, kw_only=True)
class TipAdapter(Method):
    """logits = logit_scale * f Z^T + alpha * exp(-beta (1 - f K^T)) L, with nothing trained.

    K are the features of the training images (the mean over augmented views where there are any), L their one-hot
    classes. Classes that were not trained on get no votes.

    Differs from the paper: alpha and beta are inference axes, chosen on validation from the values that the study
    file lists; the released code searches a fine grid on validation.
    Source: Tip-Adapter (arXiv 2207.09519), equations 3 to 6, alpha 1 and beta 5.5.
    """

    summary: ClassVar[str] = "zero-shot plus votes of a cache of training features; nothing is trained"
    source: ClassVar[str] = _SOURCE
    baseline: ClassVar[bool] = True
    terms: ClassVar[tuple[str, ...]] = ()
    choices: ClassVar[tuple[str, ...]] = (
        "Tip-Adapter: a key is the mean of an image's cached augmented views (the paper's mean over 10 epochs of "
        "augmentation); where there are none, its plain feature.",
    )

    alpha: float | tuple[float, ...] = knob(ALPHA, "weight of the cache's votes", low=0.0, high=1000.0, axis=True)
    beta: float | tuple[float, ...] = knob(BETA, "sharpness of the votes", low=0.0, high=1000.0, axis=True)

    def build(self, dev: DevSplits) -> nn.Module:
        """The cache of the training images."""
        views = dev.train.views
        keys = functional.normalize(views.mean(dim=1), dim=-1) if views.shape[1] else dev.train.image_features
        return Cache(keys, functional.one_hot(dev.train.labels, len(dev.classes.names)).float())

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """No terms: `build` gives the final model."""
        return {}

    def points(self) -> tuple[dict[str, float], ...]:
        """One point per pair of alpha and beta, smaller ones first."""
        return tuple({"alpha": alpha, "beta": beta} for alpha in _values(self.alpha) for beta in _values(self.beta))

    def logits(self, model: nn.Module, images: FeatureSet, classes: Classes) -> Float[Tensor, "k n c"]:
        """Scores at every alpha and beta."""
        assert isinstance(model, Cache)
        zero_shot = Method.logits(self, model, images, classes)[0]
        votes = {beta: _seen(model.votes(images.image_features, beta), classes) for beta in _values(self.beta)}
        return torch.stack([zero_shot + point["alpha"] * votes[point["beta"]] for point in self.points()])


@dataclass(frozen=True, kw_only=True)
class TipAdapterF(TipAdapter):
    """Tip-Adapter whose keys are trained by cross-entropy from there.

    Training uses alpha and beta where they are one value, else the paper's 1 and 5.5; validation then chooses among all
    that are listed.

    Differs from the paper: the optimiser's schedule is the study's; the paper has AdamW, lr 1e-3, 20 epochs.
    Source: Tip-Adapter (arXiv 2207.09519), section 3.2.
    """

    summary: ClassVar[str] = "Tip-Adapter with its keys trained by cross-entropy"
    terms: ClassVar[tuple[str, ...]] = ("cross_entropy",)
    choices: ClassVar[tuple[str, ...]] = (
        *TipAdapter.choices,
        "Tip-Adapter-F trains at alpha 1 and beta 5.5 where several are listed, and chooses among them afterwards.",
    )

    def build(self, dev: DevSplits) -> nn.Module:
        """The cache, its keys to be trained."""
        model = TipAdapter.build(self, dev)
        return model.requires_grad_(True)

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy in nats."""
        assert isinstance(model, Cache)
        alpha = self.alpha if isinstance(self.alpha, int | float) else ALPHA
        beta = self.beta if isinstance(self.beta, int | float) else BETA
        classes = batch.classes
        scores = classes.logit_scale * batch.image_features @ classes.text_features.T
        scores = scores + alpha * model.votes(batch.image_features, beta)
        return {"cross_entropy": functional.cross_entropy(scores, batch.labels)}


def _values(axis: float | Sequence[float]) -> tuple[float, ...]:
    return (float(axis),) if isinstance(axis, int | float) else tuple(map(float, axis))


def _seen(votes: Float[Tensor, "n trained"], classes: Classes) -> Float[Tensor, "n c"]:
    """The votes for the classes that images are scored against; none for a new one."""
    found: Tensor = torch.where(classes.trained >= 0, votes[:, classes.trained.clamp(min=0)], 0.0)
    return found
