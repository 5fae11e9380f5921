"""All images of a source, and the draws that seeds take from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vlstudy.data.pixels import PixelSet
from vlstudy.data.sampling import VALIDATION_SHOTS, Draw, few_shot, held_out
from vlstudy.data.sets import Classes, DevSplits, FeatureSet, Group, Splits
from vlstudy.data.tasks import Scored, Task
from vlstudy.rng import derive

if TYPE_CHECKING:
    from vlstudy.backbones.towers import Backbone

NOTHING = np.empty(0, dtype=np.int64)


class Images(Protocol):
    """n images of which labels and domains are known before any is decoded."""

    @property
    def labels(self) -> np.ndarray:
        """Class index of each image, int64 [n]."""

    @property
    def domains(self) -> np.ndarray:
        """Domain index of each image, int64 [n]; all 0 where there are none."""

    def take(self, indices: np.ndarray, *, views: bool) -> FeatureSet:
        """The images at `indices`, with their augmented views if `views` and there are any; encoded if need be."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """Images that the store holds whole: plain features, labels, v separate tensors of views, and perhaps pictures."""

    image_features: Float[Tensor, "n d"]
    label_indices: Int[Tensor, " n"]
    views: tuple[Float[Tensor, "n d"], ...] = ()
    domain_indices: Int[Tensor, " n"] | None = None
    pixels: PixelSet | None = None

    @property
    def labels(self) -> np.ndarray:
        """Class index of each image."""
        found: np.ndarray = self.label_indices.numpy()
        return found

    @property
    def domains(self) -> np.ndarray:
        """Domain index of each image."""
        none = torch.zeros_like(self.label_indices)
        found: np.ndarray = (none if self.domain_indices is None else self.domain_indices).numpy()
        return found

    def take(self, indices: np.ndarray, *, views: bool) -> FeatureSet:
        """Only these images are copied out of the memory map, and no pictures."""
        index = torch.from_numpy(indices)
        plain = self.image_features[index]
        shown = [view[index] for view in self.views] if views else []
        stacked = torch.stack(shown, dim=1) if shown else plain[:, None][:, :0]
        return FeatureSet(
            image_features=plain,
            labels=self.label_indices[index],
            views=stacked,
            domains=torch.from_numpy(self.domains)[index],
            pixels=self.pixels.take(index) if self.pixels else None,
        )


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Everything that draws are taken from.

    Attributes:
        train: what training images are drawn from.
        val, test: the source's own splits, or None where it has none: then validation is held out of `train`, and the
            test split is what remains.
        shots: training images per class (and per domain that is trained on); 0 takes all.
        task: which classes and domains are trained on and tested.
        domains: their names; ("",) where there are none.
        holdout: share of each domain's images that every seed sets aside, for validation in the domains that are
            trained on and for the test in the others; 0 where the source has splits or needs none.
        fixed_draw: True if `train` and `val` are a published draw, which every seed takes as it is.
        facts: label -> value for provenance: digests and counts.
        towers: a fresh copy of the frozen backbone; None for features made elsewhere.
    """

    train: Images
    val: Images | None
    test: Images | None
    text_features: Float[Tensor, "c d"]
    classnames: tuple[str, ...]
    logit_scale: float
    shots: int
    task: Task = field(default_factory=Task)
    domains: tuple[str, ...] = ("",)
    holdout: float = 0.0
    templates: tuple[str, ...] = ("a photo of a {}.",)
    fixed_draw: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)
    towers: "Callable[[], Backbone] | None" = None

    def dev(self, seed: int) -> DevSplits:
        """The draw that a search trains and chooses on: `shots` a class to train, min(shots, 4) to validate."""
        return self._dev(self._draw(seed, validate=True), seed)

    def confirm(self, seed: int) -> Splits:
        """A fresh draw with the test split.

        Nothing is chosen any more, so that a source without splits returns the images that validation would have
        held out to the test split: it is all images that are not trained on, as in FMA's few-shot literature.
        """
        draw = self._draw(seed, validate=self.val is not None or self.holdout > 0)
        images, indices = self.train, draw.rest
        if self.test is not None:
            images, indices = self.test, np.arange(len(self.test.labels))
        groups = self.task.groups(images.labels[indices], images.domains[indices], len(self.classnames), self.domains)
        return Splits(dev=self._dev(draw, seed), test=tuple(self._group(images, indices, group) for group in groups))

    def _draw(self, seed: int, *, validate: bool) -> Draw:
        """Positions in `train` of what is trained on, validated on, and left."""
        allowed = self._allowed(self.train)
        if self.holdout:
            held = np.flatnonzero(held_out(self.train.domains, self.holdout, seed))
            train, _, _ = self._shots(np.setdiff1d(allowed, held), seed)
            return Draw(train, np.intersect1d(allowed, held), held)
        train, val, _ = self._shots(allowed, seed)
        taken = [train, val] if validate else [train]
        rest = np.setdiff1d(np.arange(len(self.train.labels)), np.concatenate(taken))
        return Draw(train, val if validate else NOTHING, rest)

    def _allowed(self, images: Images) -> np.ndarray:
        """Positions of the images that may be trained or validated on."""
        return np.flatnonzero(self.task.may_train(images.labels, images.domains, len(self.classnames)))

    def _shots(self, candidates: np.ndarray, seed: int) -> Draw:
        """A few-shot draw from each domain among the candidates; one domain draws as if there were none."""
        domains = self.train.domains[candidates]
        present = np.unique(domains)
        draws = []
        for one in present:
            mine = candidates[domains == one]
            _, local = np.unique(self.train.labels[mine], return_inverse=True)  # a domain may lack a class
            drawn = few_shot(
                local if len(present) > 1 else self.train.labels[mine],
                self.shots,
                seed if len(present) == 1 else derive(seed, f"domain {self.domains[one]}"),
            )
            draws.append(Draw(*(mine[part] for part in drawn)))
        return Draw(*(np.concatenate(parts) for parts in zip(*draws, strict=True)))

    def _dev(self, draw: Draw, seed: int) -> DevSplits:
        trained = np.arange(self.task.trained(len(self.classnames)))
        if self.fixed_draw and self.val is not None:
            train = self.train.take(self._allowed(self.train), views=True)
            val = self.val.take(self._allowed(self.val), views=False)
        else:
            train = self.train.take(draw.train, views=True)
            val = self.train.take(draw.val, views=False) if self.val is None else self._validation(self.val, seed)
        return DevSplits(
            train=train, val=val, classes=self._classes(trained), templates=self.templates, towers=self.towers
        )

    def _validation(self, val: Images, seed: int) -> FeatureSet:
        """min(shots, 4) images a class of the validation split; all of it where all images are trained on."""
        allowed = self._allowed(val)
        if not self.shots:
            return val.take(allowed, views=False)
        held = min(self.shots, VALIDATION_SHOTS)
        draw = few_shot(val.labels[allowed], held, derive(seed, "validation draw"))
        return val.take(allowed[draw.train], views=False)

    def _group(self, images: Images, indices: np.ndarray, scored: Scored) -> Group:
        shown = images.take(indices[scored.positions], views=False)
        first = int(scored.classes[0])
        return Group(
            name=scored.name,
            images=replace(shown, labels=shown.labels - first),
            classes=self._classes(scored.classes),
        )

    def _classes(self, indices: np.ndarray) -> Classes:
        trained = self.task.trained(len(self.classnames))
        return Classes(
            names=tuple(self.classnames[index] for index in indices),
            text_features=self.text_features[torch.from_numpy(indices)],
            trained=torch.from_numpy(np.where(indices < trained, indices, -1)),
            logit_scale=self.logit_scale,
        )
