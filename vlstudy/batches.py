"""The images of each optimiser step: functions of (seed, step), so that nothing need be remembered."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vlstudy.data.sets import DevSplits
from vlstudy.methods.protocol import Batch
from vlstudy.rng import generator


@dataclass(frozen=True, kw_only=True)
class Batches:
    """The batches of one training.

    Attributes:
        size: images of a step.
        seed: of data order, views and crops.
        crop: smallest share of a random crop's area.
        pixels: True if the batches carry pictures.
    """

    dev: DevSplits
    size: int
    seed: int
    crop: float
    pixels: bool

    @property
    def per_epoch(self) -> int:
        """Optimiser steps of an epoch.

        Pairs leave out the last batch where it would be smaller: a contrastive loss depends on the batch's size.
        """
        count = len(self.dev.train)
        if self.dev.train.captions is not None:
            return max(1, count // self.size)
        return math.ceil(count / self.size)

    def of(self, step: int) -> Batch:
        """The batch of optimiser step `step`."""
        epoch, position = divmod(step, self.per_epoch)
        chosen = self.order(epoch)[position * self.size : (position + 1) * self.size]
        train = self.dev.train
        index = torch.from_numpy(chosen).to(train.labels.device)
        pictures = None
        if self.pixels and train.pixels is not None:
            pictures = train.pixels.crops(torch.from_numpy(chosen), generator(self.seed, "crop", step), self.crop)
        captions = train.captions
        # one caption of each image, so that no batch shows an image twice
        said = captions.one_each(index, generator(self.seed, "caption", step)) if captions else None
        return Batch(
            image_features=self._views(epoch, chosen, index),
            labels=train.labels[index],
            classes=self.dev.classes,
            pictures=pictures,
            text_features=_at(captions.text_features, said) if captions else None,
            tokens=_at(captions.tokens, said) if captions else None,
        )

    def order(self, epoch: int) -> np.ndarray:
        """All training images, shuffled; with several domains, these take turns, so that each batch has equal parts.

        A domain with fewer images than others is gone through more than once (CLIPood, arXiv 2302.00864, draws each
        batch's equal parts from every source domain).
        """
        rng, domains = generator(self.seed, "order", epoch), self.dev.train.domains.cpu().numpy()
        present = np.unique(domains)
        if len(present) < 2:
            return rng.permutation(len(domains))
        share = math.ceil(len(domains) / len(present))
        columns = [np.resize(rng.permutation(np.flatnonzero(domains == one)), share) for one in present]
        return np.stack(columns, axis=1).reshape(-1)[: len(domains)]

    def _views(self, epoch: int, chosen: np.ndarray, index: Tensor) -> Float[Tensor, "b d"]:
        """One of the augmented views of each image, drawn anew each epoch; the plain one where there are none."""
        train = self.dev.train
        count = train.views.shape[1]
        if not count:
            return train.image_features[index]
        drawn = generator(self.seed, "view", epoch).integers(count, size=len(train))[chosen]
        return train.views[index, torch.from_numpy(drawn).to(index.device)]


def parts(batch: Batch, count: int) -> list[Batch]:
    """The batch cut into `count` parts of nearly equal size, or fewer if it has fewer images."""
    places = torch.tensor_split(torch.arange(len(batch.labels)), min(count, len(batch.labels)))
    return [
        Batch(
            image_features=batch.image_features[place.to(batch.labels.device)],
            labels=batch.labels[place.to(batch.labels.device)],
            classes=batch.classes,
            pictures=None if batch.pictures is None else batch.pictures[place],
            text_features=_at(batch.text_features, place),
            tokens=_at(batch.tokens, place),
        )
        for place in places
    ]


def _at(values: Tensor | None, place: Int[Tensor, " k"] | None) -> Tensor | None:
    return None if values is None or place is None else values[place.to(values.device)]
