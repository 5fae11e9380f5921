"""Images with captions that draws are taken from, and what a test makes of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from vlstudy.data.noise import Noise, group, levels, noisy_pairs
from vlstudy.data.sets import Classes, DevSplits, FeatureSet, Group, Splits
from vlstudy.rng import derive, generator

if TYPE_CHECKING:
    from vlstudy.backbones.towers import Backbone

CLEAN = Noise()


class CaptionedImages(Protocol):
    """n images whose captions are known; encoded when they are taken."""

    def take(self, indices: np.ndarray, noise: Noise) -> FeatureSet:
        """The images at `indices` with all their captions, under caption or pixel noise."""


def subset(count: int, images: int, seed: int) -> np.ndarray:
    """Positions of `images` of `count` images, ascending in the order of the draw; 0 takes all.

    For one seed a smaller subset is the start of a larger one.

    >>> subset(9, 3, seed=0).tolist() == subset(9, 5, seed=0).tolist()[:3]
    True
    """
    order = generator(seed, "subset").permutation(count)
    return order[: images or count]


def split(count: int, shares: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Disjoint positions of `count` images: as many as asked for each name, the rest for `train`.

    One split for all seeds, as a published one would be: what is tested never depends on what is drawn.
    """
    order = generator(0, "split").permutation(count)
    found, start = dict[str, np.ndarray](), 0
    for name, share in shares.items():
        found[name], start = np.sort(order[start : start + share]), start + share
    return {"train": np.sort(order[start:]), **found}


@dataclass(frozen=True, kw_only=True)
class PairPool:
    """Everything that draws of pairs are taken from.

    Attributes:
        source: the images.
        train, val, test: their positions, disjoint.
        images: training images of a draw; 0 takes all.
        noise: kind, level and words of the noise in training; its seed is that of the draw.
        noisy_tests: kinds of noise that the test images are measured under beside the clean ones.
        captioning: True if the test writes captions.
        classes: what images are scored against; no names where they have no classes.
        facts: label -> value for provenance: digests and counts.
    """

    source: CaptionedImages
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    images: int
    classes: Classes
    noise: Noise = CLEAN
    noisy_tests: tuple[str, ...] = ()
    captioning: bool = False
    templates: tuple[str, ...] = ("a photo of a {}.",)
    facts: Mapping[str, str] = field(default_factory=dict)
    towers: "Callable[[], Backbone] | None" = None

    def dev(self, seed: int) -> DevSplits:
        """A subset to train on, and the validation images, which are always clean."""
        return DevSplits(
            train=self._training(seed),
            val=self.source.take(self.val, CLEAN),
            classes=self.classes,
            templates=self.templates,
            towers=self.towers,
        )

    def confirm(self, seed: int) -> Splits:
        """A fresh subset with the test images, the same for every seed, and those images under noise."""
        return Splits(
            dev=self.dev(seed),
            test=(self._group("", CLEAN),),
            noisy=tuple(
                self._group(group(kind, level), replace(self.noise, kind=kind, level=level, seed=0))
                for kind, level in levels(self.noisy_tests)
            ),
            captioning=self.captioning,
        )

    def _training(self, seed: int) -> FeatureSet:
        """The subset of the seed; one seed has the same noise for every method and schedule."""
        noise = replace(self.noise, seed=derive(seed, "training noise"))
        drawn = self.source.take(self.train[subset(len(self.train), self.images, seed)], noise)
        if not noise.on("pair") or drawn.captions is None:
            return drawn
        return replace(drawn, captions=noisy_pairs(drawn.captions, noise))

    def _group(self, name: str, noise: Noise) -> Group:
        return Group(name=name, images=self.source.take(self.test, noise), classes=self.classes)


def unclassed(width: int, logit_scale: float) -> Classes:
    """No classes, in a space of that width."""
    return Classes(
        names=(),
        text_features=torch.empty(0, width),
        trained=torch.empty(0, dtype=torch.long),
        logit_scale=logit_scale,
    )
