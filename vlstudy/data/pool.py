"""All features of a source, and the few-shot draws from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vlstudy.data.sampling import VALIDATION_SHOTS, few_shot
from vlstudy.data.sets import DevSplits, FeatureSet, Splits
from vlstudy.rng import derive


@dataclass(frozen=True, kw_only=True)
class Features:
    """n images as the store holds them: plain features, labels, and v separate tensors of augmented views."""

    image_features: Float[Tensor, "n d"]
    labels: Int[Tensor, " n"]
    views: tuple[Float[Tensor, "n d"], ...] = ()

    def take(self, indices: np.ndarray) -> FeatureSet:
        """The images at `indices` as a set of their own; only they are copied out of the memory map."""
        index = torch.from_numpy(indices)
        plain = self.image_features[index]
        views = torch.stack([view[index] for view in self.views], dim=1) if self.views else plain[:, None][:, :0]
        return FeatureSet(image_features=plain, labels=self.labels[index], views=views)

    def all(self) -> FeatureSet:
        """Every image, without its views: what a validation or test split needs."""
        none = self.image_features[:, None][:, :0]
        return FeatureSet(image_features=self.image_features, labels=self.labels, views=none)


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Everything that draws are taken from.

    Attributes:
        train: what training images are drawn from.
        val, test: the source's own splits, or None where it has none: then validation is held out of `train`, and the
            test split is what remains.
        fixed_draw: True if `train` and `val` are a published draw, which every seed takes as it is.
        facts: label -> value for provenance: digests and counts.
    """

    train: Features
    val: Features | None
    test: Features | None
    text_features: Float[Tensor, "c d"]
    classnames: tuple[str, ...]
    logit_scale: float
    shots: int
    fixed_draw: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)

    def dev(self, seed: int) -> DevSplits:
        """The draw that a search trains and chooses on: `shots` a class to train, min(shots, 4) to validate."""
        return self._dev(seed, validate=True)

    def confirm(self, seed: int) -> Splits:
        """A fresh draw with the test split.

        Nothing is chosen any more, so that a source without splits returns the images that validation would have
        held out to the test split: it is all images that are not trained on, as in FMA's few-shot literature.
        """
        dev = self._dev(seed, validate=self.val is not None)
        if self.test is not None:
            return Splits(dev=dev, test=self.test.all())
        draw = few_shot(self.train.labels.numpy(), self.shots, seed)
        return Splits(dev=dev, test=self._plain(np.union1d(draw.val, draw.rest)))

    def _dev(self, seed: int, *, validate: bool) -> DevSplits:
        draw = few_shot(self.train.labels.numpy(), self.shots, seed)
        nothing = np.empty(0, dtype=np.int64)
        if self.fixed_draw and self.val is not None:
            train, val = self.train.take(np.arange(len(self.train.labels))), self.val.all()
        elif self.val is not None:
            train, val = self.train.take(draw.train), self._validation(self.val, seed)
        else:
            train, val = self.train.take(draw.train), self._plain(draw.val if validate else nothing)
        return DevSplits(
            train=train,
            val=val,
            text_features=self.text_features,
            classnames=self.classnames,
            logit_scale=self.logit_scale,
        )

    def _validation(self, val: Features, seed: int) -> FeatureSet:
        held = min(self.shots, VALIDATION_SHOTS)
        draw = few_shot(val.labels.numpy(), held, derive(seed, "validation draw"))
        return Features(image_features=val.image_features, labels=val.labels).take(draw.train)

    def _plain(self, indices: np.ndarray) -> FeatureSet:
        return Features(image_features=self.train.image_features, labels=self.train.labels).take(indices)
