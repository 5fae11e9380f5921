"""The captions of a set of images, as a value."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class CaptionSet:
    """m captions of n images, image by image; every image has one or more.

    Attributes:
        text_features: unit rows of the frozen text tower.
        image_of: which image each belongs to, ascending from 0 to n - 1.
        texts: the captions themselves; () for features made elsewhere.
        tokens: as the backbone's text tower takes them; None for features made elsewhere.
    """

    text_features: Float[Tensor, "m d"]
    image_of: Int[Tensor, " m"]
    texts: tuple[str, ...] = ()
    tokens: Int[Tensor, "m context"] | None = None

    def __len__(self) -> int:
        return len(self.image_of)

    def at(self, positions: Int[Tensor, " k"], image_of: Int[Tensor, " k"]) -> "CaptionSet":
        """The captions at `positions`, said to be of the images `image_of`."""
        return CaptionSet(
            text_features=self.text_features[positions],
            image_of=image_of,
            texts=tuple(self.texts[place] for place in positions.tolist()) if self.texts else (),
            tokens=None if self.tokens is None else self.tokens[positions.to(self.tokens.device)],
        )

    def of(self, images: Int[Tensor, " k"]) -> "CaptionSet":
        """The captions of these images, numbered by their place in `images`."""
        starts, counts = self._runs()
        mine = counts[images]
        owners = torch.arange(len(images), device=mine.device).repeat_interleave(mine)
        within = torch.arange(len(owners), device=mine.device) - (mine.cumsum(0) - mine)[owners]
        return self.at(starts[images][owners] + within, owners)

    def one_each(self, images: Int[Tensor, " k"], rng: np.random.Generator) -> Int[Tensor, " k"]:
        """The position of one caption of each of these images, each of its captions as likely."""
        starts, counts = self._runs()
        drawn = torch.from_numpy(rng.random(len(images))).to(starts.device)
        return starts[images] + (drawn * counts[images]).long()

    def first_each(self) -> Int[Tensor, " n"]:
        """The position of the first caption of every image."""
        return self._runs()[0]

    def to(self, device: torch.device) -> "CaptionSet":
        """The same captions with their features on `device`."""
        return CaptionSet(
            text_features=self.text_features.to(device),
            image_of=self.image_of.to(device),
            texts=self.texts,
            tokens=None if self.tokens is None else self.tokens.to(device),
        )

    def _runs(self) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
        """Position of the first caption, and number of captions, of every image."""
        counts = torch.bincount(self.image_of)
        return counts.cumsum(0) - counts, counts
