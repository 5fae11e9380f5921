"""A world with a planted object: one patch shows the class, the background a cue that holds in training alone."""

from functools import cache, partial

import numpy as np
import open_clip
import torch
from torch.nn import functional

from vlstudy.backbones.towers import Backbone
from vlstudy.data.pixels import packed, unpacked
from vlstudy.data.pool import Features, Pool
from vlstudy.data.tasks import domain_task

CLASSES, SIDE, PATCH = 4, 32, 8
COLOURS = np.array([[230, 30, 30], [30, 200, 40], [40, 60, 230], [230, 200, 30]])
CUES = np.array([[90, 60, 90], [60, 90, 60], [60, 80, 110], [100, 100, 60]])
DOMAINS = ("cue holds", "cue flips")
WIDTH = 32


def tower() -> Backbone:
    """A ViT of six blocks that nobody trained, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vision = {"image_size": SIDE, "patch_size": PATCH, "width": WIDTH, "layers": 6, "head_width": 16}
        text = {"context_length": 8, "vocab_size": 16, "width": WIDTH, "heads": 2, "layers": 1}
        model = open_clip.CLIP(WIDTH, vision, text)
    return Backbone(
        name="planted",
        model=model,
        tokenizer=lambda texts: torch.zeros(len(texts), 8, dtype=torch.int64),
        image_size=SIDE,
        mean=(0.45, 0.45, 0.45),
        std=(0.3, 0.3, 0.3),
        weights_digest="planted",
    )


@cache
def planted(seed: int, shots: int = 24) -> Pool:
    """Two domains of scenes; the first is trained on, the second tested."""
    per_class = shots + 30
    labels = np.tile(np.repeat(np.arange(CLASSES), per_class), 2)
    domains = np.repeat([0, 1], CLASSES * per_class)
    pictures, masks = _scenes(labels, domains, np.random.default_rng(seed))
    features = tower().encode_images(pictures)
    texts = torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(1))
    return Pool(
        train=Features(
            image_features=features,
            label_indices=torch.from_numpy(labels),
            domain_indices=torch.from_numpy(domains),
            pixels=unpacked({**packed(pictures), "masks": masks}, side=SIDE),
        ),
        val=None,
        test=None,
        text_features=functional.normalize(texts, dim=1),
        classnames=tuple("abcd"),
        logit_scale=20.0,
        shots=shots,
        task=domain_task("domain_shift", DOMAINS, train_on=DOMAINS[0]),
        domains=DOMAINS,
        towers=partial(tower),
    )


def _scenes(labels: np.ndarray, domains: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, torch.Tensor]:
    """Noise on a background of the cue's colour, and one patch of the class's colour."""
    count = len(labels)
    cue = np.where(domains == 0, labels, (labels + 1) % CLASSES)
    cue = np.where(rng.random(count) < 0.7, cue, rng.integers(CLASSES, size=count))
    pictures = CUES[cue][:, None, None] + rng.normal(0, 25, (count, SIDE, SIDE, 3))
    masks = torch.zeros(count, SIDE, SIDE, dtype=torch.uint8)
    places = rng.integers(SIDE // PATCH, size=(count, 2)) * PATCH
    for index, (top, left) in enumerate(places):
        box = slice(top, top + PATCH), slice(left, left + PATCH)
        pictures[index][box] = COLOURS[labels[index]] + rng.normal(0, 25, (PATCH, PATCH, 3))
        masks[index][box] = 1
    return np.clip(pictures, 0, 255).astype(np.uint8), masks
