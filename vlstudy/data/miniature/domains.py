"""Domains: the same scenes as other cameras would see them. Labels and masks stay."""

import numpy as np
from jaxtyping import Float32, UInt8

from vlstudy.data.miniature.chance import Chance

Pixels = UInt8[np.ndarray, "n h w 3"]

_NOISE_DEVIATION = 55  # in grey levels of 255
_INK = 2.2  # how fast a step of brightness becomes black in a sketch


def shift(pixels: Pixels, domain: str, chance: Chance) -> Pixels:
    """The pixels as the domain shows them; `plain` and `swapped_background` have nothing to do here."""
    if domain == "negative":
        return 255 - pixels
    if domain == "noise":
        return _noisy(pixels, chance)
    return _sketch(pixels) if domain == "sketch" else pixels


def _noisy(pixels: Pixels, chance: Chance) -> Pixels:
    field = chance.normal_field("noise", pixels[0].size).reshape(pixels.shape)
    return np.clip(pixels + np.float32(_NOISE_DEVIATION) * field, 0, 255).astype(np.uint8)


def _sketch(pixels: Pixels) -> Pixels:
    """Dark lines on white paper, where any colour channel changes from a pixel to the next."""
    values: Float32[np.ndarray, "n h w 3"] = pixels.astype(np.float32)
    down = np.abs(np.diff(values, axis=1, append=values[:, -1:])).max(axis=3)
    right = np.abs(np.diff(values, axis=2, append=values[:, :, -1:])).max(axis=3)
    paper = np.clip(np.float32(255) - np.float32(_INK) * np.maximum(down, right), 0, 255).astype(np.uint8)
    return np.repeat(paper[..., None], 3, axis=3)
