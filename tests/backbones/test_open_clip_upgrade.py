"""Works-when 4: an upgrade of open_clip that changes what we encode is caught."""

from functools import cache
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from vlstudy.backbones import load
from vlstudy.backbones.towers import Backbone
from vlstudy.methods.towers import ImageTower

TEXTS = ["a photo of a dog.", "two red stars over the sea"]


@cache
def backbone() -> Backbone:
    return load("ViT-B-32", "random")


@cache
def transform() -> Any:
    """open_clip's own preprocessing, which torchvision does on a picture of PIL."""
    return open_clip.create_model_and_transforms("ViT-B-32", load_weights=False)[2]


def picture(height: int, width: int) -> np.ndarray:
    """Smooth colours, so that resizing has a right answer."""
    y, x = np.mgrid[0:height, 0:width] / 60
    return (127 + 120 * np.stack([np.sin(x), np.cos(y), np.sin(x + y)], axis=-1)).astype(np.uint8)


def theirs(pixels: np.ndarray) -> Tensor:
    with torch.inference_mode():
        features = backbone().model.encode_image(transform()(Image.fromarray(pixels))[None])
    return functional.normalize(features, dim=-1)


def test_a_fixed_image_is_encoded_as_open_clip_does() -> None:
    pixels = picture(224, 224)
    assert float((backbone().encode_images(pixels[None]) - theirs(pixels)).abs().max()) < 1e-6
    with torch.inference_mode():
        tower = ImageTower(backbone())(torch.from_numpy(pixels)[None])
    assert float((tower - theirs(pixels)).abs().max()) < 1e-6


def test_fixed_texts_are_encoded_as_open_clip_does() -> None:
    with torch.inference_mode():
        rows = backbone().model.encode_text(open_clip.get_tokenizer("ViT-B-32")(TEXTS))
    assert float((backbone().encode_texts(TEXTS) - functional.normalize(rows, dim=-1)).abs().max()) < 1e-6


def test_resizing_differs_by_the_rounding_to_bytes_alone() -> None:
    pixels = picture(300, 451)
    ours, once = backbone().prepare(torch.from_numpy(pixels)[None])[0], transform()(Image.fromarray(pixels))
    levels = 255 * torch.tensor(backbone().std).view(3, 1, 1) * (ours - once).abs()
    assert 0 < float(levels.mean()) < 0.5 and float(levels.max()) < 1.1  # PIL rounds after each of its two passes
    assert float((backbone().encode_images(pixels[None]) - theirs(pixels)).norm()) < 0.005  # measured: 0.002


def test_this_would_see_a_changed_activation_and_changed_statistics() -> None:
    pixels = picture(224, 224)
    quick = load("ViT-B-32-quickgelu", "random").encode_images(pixels[None])
    brighter = theirs(np.clip(pixels.astype(int) + 1, 0, 255).astype(np.uint8))
    assert float((quick - theirs(pixels)).abs().max()) > 1e-4
    assert float((brighter - theirs(pixels)).abs().max()) > 1e-4
