"""Augmented views: repeatable, of the old size, and only crops and flips."""

import numpy as np
import torch

from vlstudy.data.augment import random_resized_crop_flip


def picture(count: int = 64) -> torch.Tensor:
    ramp = torch.arange(32, dtype=torch.uint8) * 8
    return ramp[None, None, :, None].expand(count, 32, 32, 3).contiguous()


def test_the_same_generator_gives_the_same_views() -> None:
    one, two = (random_resized_crop_flip(picture(), np.random.default_rng(0), 0.5) for _ in range(2))
    assert torch.equal(one, two)
    assert one.shape == (64, 32, 32, 3) and one.dtype == torch.uint8


def test_half_of_the_views_are_flipped() -> None:
    views = random_resized_crop_flip(picture(400), np.random.default_rng(0), 0.5).int()
    falling = (views[:, 16, -1, 0] < views[:, 16, 0, 0]).double().mean()
    assert 0.42 < falling < 0.58


def test_crops_are_between_the_smallest_and_the_whole() -> None:
    views = random_resized_crop_flip(picture(400), np.random.default_rng(1), 0.25).int()
    spread = (views[:, 16, :, 0].amax(1) - views[:, 16, :, 0].amin(1)) / 248  # width of the box
    assert 0.35 < float(spread.min()) < 0.6 and float(spread.max()) > 0.9


def test_a_crop_of_everything_is_the_picture_or_its_mirror() -> None:
    whole = picture(8)
    square = random_resized_crop_flip(whole, np.random.default_rng(0), 1.0)
    vertical_change = square.int().diff(dim=1).abs().max()
    assert vertical_change == 0  # the picture is constant along columns, and stays so
