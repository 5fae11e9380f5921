"""Noise on pairs as functions of (seed, level): on the words of captions, on pixels, on which caption is whose."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vlstudy.data.captions import CaptionSet
from vlstudy.errors import DataError
from vlstudy.rng import generator

KINDS = ("off", "caption", "pixel", "pair")
WORDS = ("replace", "drop", "unknown", "swap")
LEVELS = (0.1, 0.2, 0.3, 0.5)  # beside 0: arXiv 2503.03202 names no level, these are our choice


@dataclass(frozen=True, kw_only=True)
class Noise:
    """One kind of noise at one level.

    Attributes:
        kind: of `KINDS`.
        level: share of the words or captions, or the standard deviation on normalised pixels; 0 changes nothing.
        seed: of the draw; equal for all that are compared.
        words: what becomes of a word, of `WORDS`.
    """

    kind: str = "off"
    level: float = 0.0
    seed: int = 0
    words: str = "replace"

    def on(self, kind: str) -> bool:
        """True if there is noise of this kind."""
        return self.kind == kind and self.level > 0

    def parts(self) -> dict[str, str]:
        """What a store entry with this noise depends on."""
        return {"noise": f"{self.kind} {self.level:g} {self.words}", "noise seed": str(self.seed)}


def real(tokens: Int[Tensor, "m context"]) -> Bool[Tensor, "m context"]:
    """True for the words: behind the start and before the end, which has the row's highest number.

    open_clip's CLIP and word tokenizers write such rows; what follows the end is padding.

    >>> real(torch.tensor([[4, 2, 3, 5, 0]])).tolist()
    [[False, True, True, False, False]]
    """
    places = torch.arange(tokens.shape[1])
    inside: Tensor = (places > 0) & (places < tokens.argmax(dim=1)[:, None])
    return inside


def noisy_words(
    tokens: Int[Tensor, "m context"], noise: Noise, vocabulary: Int[Tensor, " w"], unknown: int | None
) -> Int[Tensor, "m context"]:
    """Rows in which each word suffers with probability `noise.level`; start, end and padding stay.

    replace: another word of the vocabulary, at random. drop: it is left out, the row closes up. unknown: the number for
    words that the tokenizer does not know. swap: it changes places with its right neighbour.

    Args:
        tokens: one caption a row.
        noise: of kind `caption`.
        vocabulary: numbers that `replace` takes from.
        unknown: the tokenizer's number for unknown words; None if it has none.

    Raises:
        DataError: for `unknown` with a tokenizer that has no such number.
    """
    rng = generator(noise.seed, "caption noise")
    hit = real(tokens) & torch.from_numpy(rng.random(tokens.shape) < noise.level)
    if noise.words == "replace":
        drawn = vocabulary[torch.from_numpy(rng.integers(len(vocabulary), size=tuple(tokens.shape)))]
        return torch.where(hit, drawn, tokens)
    if noise.words == "unknown":
        if unknown is None:
            ways = "replace, drop or swap"
            raise DataError(
                f"data.caption_noise: this tokenizer knows every text, so there is no `unknown`. Take {ways}."
            )
        return tokens.masked_fill(hit, unknown)
    return _without(tokens, hit) if noise.words == "drop" else _swapped(tokens, hit)


def noisy_pixels(prepared: Float[Tensor, "n 3 s s"], noise: Noise) -> Float[Tensor, "n 3 s s"]:
    """Normalised pixels with Gaussian noise of standard deviation `noise.level`, not clipped, as in the released code.

    Source: the repository of variance-aware scheduling (arXiv 2503.03202), level 0.1 on normalised pixels.
    """
    if not noise.level:
        return prepared
    rng = generator(noise.seed, "pixel noise")
    drawn = rng.standard_normal(tuple(prepared.shape), dtype=np.float32)
    return prepared + noise.level * torch.from_numpy(drawn).to(prepared.device)


def noisy_pairs(captions: CaptionSet, noise: Noise) -> CaptionSet:
    """Captions of which the share `noise.level` is shuffled among the images; every image keeps its number of them."""
    rng = generator(noise.seed, "pair noise")
    count = len(captions)
    moved = np.sort(rng.permutation(count)[: round(noise.level * count)])
    order = np.arange(count)
    order[moved] = rng.permutation(moved)
    return captions.at(torch.from_numpy(order), captions.image_of)


def words_of(tokens: Int[Tensor, "m context"]) -> Int[Tensor, " w"]:
    """Every word's number that occurs, ascending."""
    found: Tensor = torch.unique(tokens[real(tokens)])
    return found


def group(kind: str, level: float) -> str:
    """The name of the test images under noise.

    >>> group("caption", 0.3)
    'caption=0.3'
    """
    return f"{kind}={level:g}"


def _without(tokens: Int[Tensor, "m context"], hit: Bool[Tensor, "m context"]) -> Int[Tensor, "m context"]:
    kept = torch.argsort(hit.long(), dim=1, stable=True)
    closed = tokens.gather(1, kept)
    left = tokens.shape[1] - hit.sum(dim=1, keepdim=True)
    return closed.masked_fill(torch.arange(tokens.shape[1]) >= left, 0)


def _swapped(tokens: Int[Tensor, "m context"], hit: Bool[Tensor, "m context"]) -> Int[Tensor, "m context"]:
    """From left to right; a word that was just moved is not moved again."""
    found, words = tokens.clone(), real(tokens)
    free = torch.ones(len(tokens), dtype=torch.bool)
    for place in range(tokens.shape[1] - 1):
        now = hit[:, place] & words[:, place + 1] & free
        pair = found[now][:, [place + 1, place]]
        found[now, place : place + 2] = pair
        free = ~now
    return found


def levels(kinds: Sequence[str]) -> list[tuple[str, float]]:
    """Every kind at every level."""
    return [(kind, level) for kind in kinds for level in LEVELS]
