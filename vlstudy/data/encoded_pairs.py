"""Pictures with captions under one backbone: each selection is encoded once per machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vlstudy.data.encoder import Encoder
from vlstudy.data.noise import Noise, noisy_pixels, noisy_words, words_of
from vlstudy.data.store import Key, fetch

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from vlstudy.data.captions import CaptionSet
    from vlstudy.data.pixels import PixelSet
    from vlstudy.data.sets import FeatureSet

PART = 256  # pictures in memory at once


@dataclass(frozen=True, kw_only=True, eq=False)
class EncodedPairs:
    """n captioned pictures; implements `CaptionedImages` of the pair pool.

    Attributes:
        name: for people, such as `flickr8k`.
        captions: of each picture.
        labels: class of each picture, int64 [n]; -1 where nobody knows.
        pictures: indices -> those pictures, decoded, and the key parts that name them.
        encoder: the backbone.
    """

    name: str
    captions: tuple[tuple[str, ...], ...]
    labels: np.ndarray
    pictures: Callable[[np.ndarray], tuple[PixelSet, Mapping[str, str]]]
    encoder: Encoder

    def take(self, indices: np.ndarray, noise: Noise) -> FeatureSet:
        """The pictures at `indices` with all their captions, under caption or pixel noise.

        Under pixel noise the pictures themselves, for methods that train on them, are rounded to 8 bits and clipped;
        the features are not.

        Raises:
            DataError: if a picture is missing or broken, or the noise does not fit the tokenizer.
            BackboneError: if the towers cannot be loaded.
        """
        import torch

        held, places = np.unique(indices, return_inverse=True)  # one entry of the store, whatever the order of a draw
        return self._held(held, noise).take(torch.from_numpy(places))

    def _held(self, indices: np.ndarray, noise: Noise) -> FeatureSet:
        import torch

        from vlstudy.data.sets import FeatureSet

        pixels, parts = self.pictures(indices)
        shown, features = self._images(pixels, parts, noise)
        return FeatureSet(
            image_features=features,
            labels=torch.from_numpy(self.labels[indices]),
            views=features[:, None][:, :0],
            domains=torch.zeros(len(indices), dtype=torch.long),
            pixels=shown,
            captions=self._captions(indices, noise),
        )

    def _images(
        self, pixels: PixelSet, parts: Mapping[str, str], noise: Noise
    ) -> tuple[PixelSet, Float[Tensor, "n d"]]:
        noisy = noise.on("pixel")
        key = {**parts, **self.encoder.parts(), "source": "pair images", "format": "1"}

        def encode() -> dict[str, Tensor]:
            if not noisy:
                return {"image_features": self.encoder.images(pixels, view=0, crop=1.0)}
            return self._under_noise(pixels, noise)

        label = f"{self.name} {len(pixels)} images" + (" noisy" if noisy else "")
        found = fetch(Key(label, key | (noise.parts() if noisy else {})), encode)
        if not noisy:
            return pixels, found["image_features"]
        from vlstudy.data.pixels import unpacked

        return unpacked(found, pixels.side), found["image_features"]

    def _under_noise(self, pixels: PixelSet, noise: Noise) -> dict[str, Tensor]:
        """Features of noisy pictures, and the pictures."""
        import torch

        from vlstudy.data.pixels import packed

        towers, features, shown = self.encoder.loaded, [], []
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (towers.mean, towers.std))
        prepared = torch.cat(
            [towers.prepare(pixels.plain(rows)).cpu() for rows in torch.split(torch.arange(len(pixels)), PART)]
        )
        for part in torch.split(noisy_pixels(prepared, noise), PART):
            features.append(towers.encode_prepared(part))
            bytes_ = ((part * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
            shown += [picture.numpy() for picture in bytes_.permute(0, 2, 3, 1)]
        return {"image_features": torch.cat(features), **packed(shown)}

    def _captions(self, indices: np.ndarray, noise: Noise) -> CaptionSet:
        """The captions of these images; noise is on what the tower reads, the texts stay as people wrote them."""
        import torch

        from vlstudy.data.captions import CaptionSet

        said = [self.captions[index] for index in indices]
        texts = tuple(text for own in said for text in own)
        counts = torch.tensor([len(own) for own in said])
        parts = {**self.encoder.parts(), "source": "captions", "texts": _digest(texts), "format": "1"}

        def encode() -> dict[str, Tensor]:
            tokens = self.encoder.loaded.tokenizer(list(texts))
            if noise.on("caption"):
                unknown = getattr(self.encoder.loaded.tokenizer, "UNKNOWN", None)
                tokens = noisy_words(tokens, noise, self._vocabulary, unknown)
            return {"tokens": tokens, "text_features": self.encoder.loaded.encode_tokens(tokens)}

        noisy = {**noise.parts(), "vocabulary": _digest(self._sentences)} if noise.on("caption") else {}
        label = f"{self.name} {len(texts)} captions" + (" noisy" if noisy else "")
        found = fetch(Key(label, parts | noisy), encode)
        return CaptionSet(
            text_features=found["text_features"],
            image_of=torch.arange(len(said)).repeat_interleave(counts),
            texts=texts,
            tokens=found["tokens"],
        )

    @cached_property
    def _sentences(self) -> tuple[str, ...]:
        return tuple(text for own in self.captions for text in own)

    @cached_property
    def _vocabulary(self) -> Int[Tensor, " w"]:
        """Every word of all captions."""
        return words_of(self.encoder.loaded.tokenizer(list(self._sentences)))


def _digest(texts: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
