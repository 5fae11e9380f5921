"""The miniature's free scenes with their five captions, as a source of pairs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from vlstudy.data.miniature.classes import CLASSNAMES, TEMPLATES
from vlstudy.data.pair_source import PairKnobs, enough, training_noise
from vlstudy.data.store import Key, fetch

if TYPE_CHECKING:
    from torch import Tensor

    from vlstudy.data.pair_pool import PairPool
    from vlstudy.data.pixels import PixelSet

SCENES = {"train": 2000, "val": 300, "test": 500}  # none of them was seen in pretraining


def pool(asked: PairKnobs, model: str, pretrained: str | None) -> PairPool:
    """All captioned scenes under one backbone; their classes are the 48 of the few-shot task.

    Raises:
        DataError: for a level of noise without a kind.
        BackboneError: if the towers cannot be loaded.
    """
    import torch

    from vlstudy.data.encoded_pairs import EncodedPairs
    from vlstudy.data.encoder import Encoder
    from vlstudy.data.miniature import digest
    from vlstudy.data.pair_pool import PairPool
    from vlstudy.data.sets import Classes

    enough("the miniature", asked.images, SCENES["train"])
    encoder = Encoder(model, pretrained)
    text_features, logit_scale = encoder.classes(CLASSNAMES, TEMPLATES)
    scenes = [_read(split) for split in SCENES]
    ends = np.cumsum([0, *SCENES.values()])
    places = {split: np.arange(ends[index], ends[index + 1]) for index, split in enumerate(SCENES)}
    joined = {name: torch.cat([part[name] for part in scenes]) for name in ("content", "shapes", "masks", "labels")}

    def pictures(indices: np.ndarray) -> tuple[PixelSet, Mapping[str, str]]:
        from vlstudy.data.pixels import unpacked

        index = torch.from_numpy(indices)
        parts = {"scenes": digest(), "counts": str(SCENES), "indices": _digest(indices)}
        return unpacked(joined, side=64).take(index), parts

    source = EncodedPairs(
        name="miniature",
        captions=tuple(own for split in SCENES for own in _sentences(split)),
        labels=joined["labels"].numpy(),
        pictures=pictures,
        encoder=encoder,
    )
    return PairPool(
        source=source,
        **places,
        images=asked.images,
        classes=Classes(
            names=CLASSNAMES,
            text_features=text_features,
            trained=torch.arange(len(CLASSNAMES)),
            logit_scale=logit_scale,
        ),
        noise=training_noise(asked),
        noisy_tests=("caption", "pixel") if asked.noisy_tests else (),
        captioning=asked.captioning,
        templates=TEMPLATES,
        facts={
            "data": f"miniature with captions, renderer digest {digest()}",
            "images": ", ".join(f"{split} {count}" for split, count in SCENES.items()) + ", five captions each",
            "weights": encoder.weights,
        },
        towers=encoder.towers,
    )


def keys() -> tuple[Key, ...]:
    """The scenes of each split; what a draw takes is known only when a seed has drawn."""
    return tuple(map(_key, SCENES))


def _key(split: str) -> Key:
    from vlstudy.data.miniature import digest

    parts = {
        "source": "miniature captions",
        "data": digest(),
        "split": split,
        "count": str(SCENES[split]),
        "format": "1",
    }
    return Key(f"miniature captioned {split} pictures", parts)


def _read(split: str) -> dict[str, Tensor]:
    return fetch(_key(split), partial(_rendered, split))


def _rendered(split: str) -> dict[str, Tensor]:
    import torch

    from vlstudy.data.miniature.pools import caption_pool
    from vlstudy.data.pixels import packed

    scenes = caption_pool(split, SCENES[split])
    said = "\0".join(text for own in scenes.captions for text in own).encode()
    return {
        **packed(scenes.pixels),
        "masks": torch.from_numpy(scenes.masks).to(torch.uint8),
        "labels": torch.from_numpy(scenes.labels),
        "captions": torch.frombuffer(bytearray(said), dtype=torch.uint8),
    }


def _sentences(split: str) -> list[tuple[str, ...]]:
    """The captions of each scene, out of the store's entry."""
    said = bytes(_read(split)["captions"].numpy()).decode().split("\0")
    each = len(said) // SCENES[split]
    return [tuple(said[start : start + each]) for start in range(0, len(said), each)]


def _digest(indices: np.ndarray) -> str:
    import hashlib

    return hashlib.sha256(indices.astype(np.int64).tobytes()).hexdigest()
