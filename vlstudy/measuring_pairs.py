"""What a trained model is worth on images with captions: every metric that compares the two modalities."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

from vlstudy.captioning.judged import judged
from vlstudy.data.sets import FeatureSet, Group, Splits
from vlstudy.joint_map import joint_map
from vlstudy.methods.protocol import Method
from vlstudy.metrics import METRICS, Pairs
from vlstudy.metrics.robustness import robustness

Evidence = dict[str, np.ndarray]
NOISY = ("mean_recall", "image_to_text_recall@1", "text_to_image_recall@1")  # what is measured under noise


def embedded(method: Method, model: nn.Module, images: FeatureSet) -> Pairs | None:
    """The images and their captions as the trained model sees them; None for images without captions."""
    if images.captions is None or "captions" not in method.trains_on:
        return None
    model.eval()
    with torch.inference_mode():
        return Pairs(
            image_features=method.image_features(model, images).float(),
            text_features=method.caption_features(model, images.captions).float(),
            image_of=images.captions.image_of,
            labels=images.labels,
        )


def compared(pairs: Pairs | None, split: str) -> dict[str, float]:
    """`split/x` for every metric of pairs that is defined here; those of the test alone only on test."""
    if pairs is None:
        return {}
    wanted = {x: m.compare for x, m in METRICS.items() if m.compare and (split == "test" or m.split == "both")}
    found = {f"{split}/{name}": compare(pairs) for name, compare in wanted.items()}
    return {name: float(value) for name, value in found.items() if value is not None}


def tested_pairs(method: Method, model: nn.Module, splits: Splits, *, look: bool) -> tuple[dict[str, float], Evidence]:
    """All that is measured of test images with captions, and with `look` what the report draws; nothing without."""
    images = next((group for group in splits.test if len(group.images)), None)
    pairs = embedded(method, model, images.images) if images else None
    if images is None or pairs is None:
        return {}, {}
    found = {**compared(pairs, "test"), **under_noise(method, model, splits.noisy)}
    found |= robustness(found)
    written, drawn = _captions(method, model, splits, images.images, pairs)
    if look:
        drawn |= joint_map(_untouched(images.images), pairs, images.classes.names)
    return {**found, **written}, drawn if look else {}


def _captions(
    method: Method, model: nn.Module, splits: Splits, images: FeatureSet, pairs: Pairs
) -> tuple[dict[str, float], Evidence]:
    """What captions of the test images are worth, if they are asked for."""
    train = splits.dev.train.captions
    if not splits.captioning or train is None:
        return {}, {}
    with torch.inference_mode():
        texts = method.caption_features(model, train).float()
    # one seed for all: the decoder's own luck would hide what the towers differ by
    return judged(train, texts, images, pairs.image_features, seed=0)


def _untouched(images: FeatureSet) -> Pairs:
    """The same images and captions as the backbone sees them."""
    assert images.captions is not None
    return Pairs(
        image_features=images.image_features,
        text_features=images.captions.text_features,
        image_of=images.captions.image_of,
        labels=images.labels,
    )


def under_noise(method: Method, model: nn.Module, groups: Iterable[Group]) -> dict[str, float]:
    """`test/x@GROUP` for the recalls of each group of noisy test images."""
    found = dict[str, float]()
    for group in groups:
        pairs = embedded(method, model, group.images)
        for name in NOISY if pairs is not None else ():
            compare = METRICS[name].compare
            value = compare(pairs) if compare and pairs is not None else None
            if value is not None:
                found[f"test/{name}@{group.name}"] = value
    return found
