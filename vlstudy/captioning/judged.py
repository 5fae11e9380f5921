"""What the captions of test images are worth, with six of them for the report."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vlstudy.captioning import captions_of
from vlstudy.data.captions import CaptionSet
from vlstudy.data.sets import FeatureSet
from vlstudy.metrics.captioning import cider

SHOWN = 6  # pictures in the report


def judged(
    train: CaptionSet,
    train_text_features: Float[Tensor, "m d"],
    images: FeatureSet,
    image_features: Float[Tensor, "n d"],
    seed: int,
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """CIDEr-D of the captions written of test images, without and with memory, and what the report draws of six.

    Nothing of either where the training or the test captions have no texts.

    Args:
        train: captions of the training images.
        train_text_features: the same captions as the trained text tower sees them.
        images: the test images with their captions.
        image_features: the test images as the trained image tower sees them.
        seed: of the decoder's training.
    """
    if images.captions is None or not images.captions.texts or not train.texts:
        return {}, {}
    said = references(images.captions)
    written = captions_of(train.texts, train_text_features, image_features, seed, image_features.device)
    scores = [cider(captions, said) for captions in written]
    metrics = dict(zip(("test/cider", "test/cider_memory"), (mean for mean, _ in scores), strict=True))
    return metrics, _shown(images, said, written, [each for _, each in scores])


def references(captions: CaptionSet) -> tuple[tuple[str, ...], ...]:
    """What people said of each image."""
    found: list[list[str]] = [[] for _ in range(int(captions.image_of[-1]) + 1)]
    for image, text in zip(captions.image_of.tolist(), captions.texts, strict=True):
        found[image].append(text)
    return tuple(map(tuple, found))


def _shown(
    images: FeatureSet,
    said: Sequence[Sequence[str]],
    written: Sequence[Sequence[str]],
    scores: Sequence[Sequence[float]],
) -> dict[str, np.ndarray]:
    """Six images, spread over those given, with all that was said and written of them."""
    rows = torch.linspace(0, len(images) - 1, min(SHOWN, len(images))).long()
    places = rows.tolist()
    return {
        **({} if images.pixels is None else {"caption_pictures": images.pixels.plain(rows).numpy()}),
        "caption_references": np.array(["\n".join(said[place]) for place in places]),
        "caption_written": np.array([[captions[place] for place in places] for captions in written]),
        "caption_cider": np.array([[each[place] for place in places] for each in scores], np.float32),
    }
