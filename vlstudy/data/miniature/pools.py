"""Pools of scenes: balanced over the classes for few-shot studies, free for studies of pairs."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from vlstudy.data.miniature.captions import captions
from vlstudy.data.miniature.classes import CLASSNAMES, DOMAINS, TEXTURES
from vlstudy.data.miniature.domains import shift
from vlstudy.data.miniature.latents import Latents, draw_latents, swap_background
from vlstudy.data.miniature.scenes import render
from vlstudy.errors import DataError, suggest

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Scenes:
    """Rendered scenes with all that is known of them.

    Attributes:
        pixels: the pictures.
        labels: the class of each, or -1 where a scene belongs to none.
        masks: where the main object is.
        captions: five texts a scene, written from the plain scene whatever the domain.
    """

    pixels: UInt8[np.ndarray, "n h w 3"]
    labels: Int64[np.ndarray, " n"]
    masks: Bool[np.ndarray, "n h w"]
    captions: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.labels)


def few_shot_pool(split: str, per_class: int, domain: str = "plain") -> Scenes:
    """`per_class` scenes of every class, class after class in turn, so that a shorter pool is the start of a longer.

    Args:
        split: `train`, `val` or `test`; no scene is in two of them.
        per_class: scenes a class.
        domain: one of `DOMAINS`; the same scenes, seen otherwise.

    Raises:
        DataError: for an unknown split or domain, or fewer than one scene a class.
    """
    _check(split, domain, per_class)
    indices = np.arange(per_class * len(CLASSNAMES))
    shape, texture = np.divmod(indices % len(CLASSNAMES), len(TEXTURES))
    return _scenes(draw_latents(f"few shot {split}", indices, shape, texture), domain)


def caption_pool(split: str, count: int, domain: str = "plain") -> Scenes:
    """`count` free scenes, drawn as those that the miniature CLIP learnt from; a label is the class it happens to be.

    Args:
        split: `train`, `val` or `test`; none of their scenes was seen in pretraining.
        count: how many scenes.
        domain: one of `DOMAINS`.

    Raises:
        DataError: for an unknown split or domain, or fewer than one scene.
    """
    _check(split, domain, count)
    return _scenes(draw_latents(f"captions {split}", np.arange(count)), domain)


def _check(split: str, domain: str, count: int) -> None:
    if split not in SPLITS:
        raise DataError(f"miniature: unknown split `{split}`. {suggest(split, SPLITS)}")
    if domain not in DOMAINS:
        raise DataError(f"miniature: unknown domain `{domain}`. {suggest(domain, DOMAINS)}")
    if count < 1:
        raise DataError(f"miniature: asked for {count} scenes. Ask for 1 or more.")


def _scenes(latents: Latents, domain: str) -> Scenes:
    shown = swap_background(latents) if domain == "swapped_background" else latents
    pixels, masks = render(shown)
    labels = latents.shape * len(TEXTURES) + latents.texture
    return Scenes(shift(pixels, domain, latents.chance), labels, masks, captions(latents))


@lru_cache(maxsize=1)
def digest() -> str:
    """sha256, in hex, of a fixed sample of the world: it changes when the pictures, captions or class names do."""
    sha = hashlib.sha256("\n".join(CLASSNAMES).encode())
    latents = draw_latents("digest", np.arange(8))
    for domain in DOMAINS:
        scenes = _scenes(latents, domain)
        sha.update(scenes.pixels.tobytes() + scenes.masks.tobytes() + repr(scenes.captions).encode())
    return sha.hexdigest()
