"""What a trained model is worth on images with captions: every metric that compares the two modalities."""

from collections.abc import Iterable

import torch
from torch import nn

from vlstudy.data.sets import FeatureSet, Group
from vlstudy.methods.protocol import Method
from vlstudy.metrics import METRICS, Pairs

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
