"""Augmented views of images, on whole batches."""

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional

ASPECT = (3 / 4, 4 / 3)  # torchvision's RandomResizedCrop, as in CLIP few-shot training


def random_resized_crop_flip(
    pixels: UInt8[Tensor, "n h w 3"], rng: np.random.Generator, smallest: float, side: int | None = None
) -> UInt8[Tensor, "n s s 3"]:
    """Each image cropped to a random box, resized bicubically to a square, and flipped with probability 1/2.

    The box has a share of the image's area uniform in [smallest, 1] and a log-uniform aspect ratio in [3/4, 4/3],
    clipped to the image. The square's side is `side`, or the images' height.

    Source: the training transform of FMA (arXiv 2510.14543), which has smallest = 0.08 at 224 pixels.
    """
    count, wide = len(pixels), pixels.shape[2] / pixels.shape[1]
    area, aspect = rng.uniform(smallest, 1, count), np.exp(rng.uniform(np.log(ASPECT[0]), np.log(ASPECT[1]), count))
    width, height = np.minimum(np.sqrt(area * aspect / wide), 1), np.minimum(np.sqrt(area / aspect * wide), 1)
    theta = np.zeros((count, 2, 3), dtype=np.float32)
    theta[:, 0, 0] = width * np.where(rng.random(count) < 0.5, -1, 1)
    theta[:, 1, 1] = height
    theta[:, 0, 2], theta[:, 1, 2] = (1 - width) * rng.uniform(-1, 1, count), (1 - height) * rng.uniform(-1, 1, count)
    planes = pixels.permute(0, 3, 1, 2).float()
    square = side or pixels.shape[1]
    grid = functional.affine_grid(torch.from_numpy(theta), [count, 3, square, square], align_corners=False)
    moved = functional.grid_sample(planes, grid, mode="bicubic", padding_mode="border", align_corners=False)
    return moved.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
