"""Flickr8k and COCO as data sources: pictures with five captions or more, in their public folders."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from vlstudy.data import coco, flickr8k
from vlstudy.data.captioned import Captioned, check_complete, shelf_of
from vlstudy.data.encoder import Encoder
from vlstudy.data.pair_source import VALIDATED, PairSource, enough, training_noise
from vlstudy.errors import DataError
from vlstudy.knobs import knob

if TYPE_CHECKING:
    from vlstudy.data.pair_pool import PairPool
    from vlstudy.data.pixels import PixelSet
    from vlstudy.data.store import Key

_LEFT = {"val": 1000, "test": 1000}  # as in Flickr8k's lists; of a smaller set a tenth


@dataclass(frozen=True, kw_only=True)
class _OnDisk(PairSource):
    """A folder of pictures with captions."""

    uses_backbone: ClassVar[bool] = True
    has_pixels: ClassVar[bool] = True

    root: str = knob("", "the folder of the set; relative to the study file")

    def load(self, model: str, pretrained: str | None) -> PairPool:
        """The images and their captions; nothing is decoded before a draw takes it.

        Raises:
            DataError: if files are missing, or there are fewer images than asked for.
            BackboneError: if the towers cannot be loaded.
        """
        from vlstudy.data.encoded_pairs import EncodedPairs
        from vlstudy.data.pair_pool import PairPool, unclassed

        listed, splits, encoder = *self._splits(), Encoder(model, pretrained)
        enough(listed.name, self.images, len(splits["train"]))
        probe, logit_scale = encoder.classes(("picture",), ("a {}.",))

        def pictures(indices: np.ndarray) -> tuple[PixelSet, Mapping[str, str]]:
            shelf = shelf_of(listed, indices, encoder.side)
            return shelf.pixels(), shelf.key.parts

        source = EncodedPairs(
            name=listed.name,
            captions=listed.captions,
            labels=np.full(len(listed.paths), -1),
            pictures=pictures,
            encoder=encoder,
        )
        return PairPool(
            source=source,
            train=splits["train"],
            val=splits["val"],
            test=splits["test"],
            images=self.images,
            classes=unclassed(probe.shape[1], logit_scale),
            noise=training_noise(self),
            noisy_tests=("caption", "pixel") if self.noisy_tests else (),
            captioning=self.captioning,
            facts={**_facts(listed, splits), "weights": encoder.weights},
            towers=encoder.towers,
        )

    def keys(self, model: str, pretrained: str | None) -> tuple[Key, ...]:
        """The pictures that are tested; what a draw takes is known only when a seed has drawn."""
        listed, splits = self._splits()
        return (shelf_of(listed, splits["test"], Encoder(model, pretrained).side).key,)

    def training_images(self) -> int:
        """As asked for, or all."""
        return self.images or len(self._splits()[1]["train"])

    @abstractmethod
    def _listing(self) -> Captioned:
        """What is on disk."""

    def _splits(self) -> tuple[Captioned, dict[str, np.ndarray]]:
        """The listing, and positions of train, val and test: the set's own where it has them."""
        listed = self._listing()
        check_complete(listed)
        splits = divided(listed)
        return listed, {
            "train": splits["train"],
            "val": splits["val"][:VALIDATED],
            "test": splits["test"][: self.tests or None],
        }


def divided(listed: Captioned) -> dict[str, np.ndarray]:
    """Disjoint positions of train, val and test.

    A set without a test list is tested on its validation list; whatever list is missing is then set aside from the
    training images, the same for every seed, a tenth of them or a thousand (our choice).

    Raises:
        DataError: if a list that is there has no images.
    """
    from vlstudy.data.pair_pool import split

    own = dict(listed.splits) or {"train": np.arange(len(listed.paths))}
    if "test" not in own and "val" in own:
        own["test"] = own.pop("val")
    train = own.get("train", np.arange(0))
    lacking = {name: min(most, len(train) // 10) for name, most in _LEFT.items() if name not in own}
    inner = split(len(train), lacking)
    found = {**own, **{name: train[places] for name, places in inner.items()}}
    empty = [name for name in ("train", "val", "test") if not len(found[name])]
    if empty:
        raise DataError(f"{listed.name}: no images of {empty[0]} in {listed.root}. `vlstudy data check` counts them.")
    return found


def _facts(listed: Captioned, splits: Mapping[str, np.ndarray]) -> dict[str, str]:
    sha = hashlib.sha256()
    for path, said in zip(listed.paths, listed.captions, strict=True):
        sha.update("\0".join([path, *said]).encode() + b"\n")
    counts = ", ".join(f"{name} {len(places)}" for name, places in splits.items())
    captions = sum(map(len, listed.captions))
    lists = ", ".join(f"{name} {len(places)}" for name, places in listed.splits.items()) or "none"
    return {
        "data": f"{listed.name}, {len(listed.paths)} images, {captions} captions, sha256 {sha.hexdigest()[:16]}",
        "images": counts,
        "lists on disk": lists,
    }


@dataclass(frozen=True, kw_only=True)
class Flickr8k(_OnDisk):
    """Flickr8k: pictures with five captions each, the official lists or Karpathy's as splits.

    Source: Hodosh, Young and Hockenmaier, JAIR 47 (2013).
    """

    summary: ClassVar[str] = "Flickr8k: pictures with five captions, from its public folder"

    def _listing(self) -> Captioned:
        return flickr8k.listing(self.root)


@dataclass(frozen=True, kw_only=True)
class Coco(_OnDisk):
    """MS-COCO's captions, with its own splits or Karpathy's.

    Source: Chen et al., arXiv 1504.00325.
    """

    summary: ClassVar[str] = "MS-COCO: pictures with five captions or more, from its public folders"

    def _listing(self) -> Captioned:
        return coco.listing(self.root)
