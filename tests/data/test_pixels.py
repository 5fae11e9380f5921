"""Pictures of several shapes in one tensor: what comes out is what went in."""

import numpy as np
import pytest
import torch

from vlstudy.data.augment import random_resized_crop_flip
from vlstudy.data.pixels import PixelSet, packed, unpacked

RNG = np.random.default_rng(0)
SHAPES = [(8, 8), (8, 12), (14, 8)]
PICTURES = [RNG.integers(256, size=(*shape, 3), dtype=np.uint8) for shape in SHAPES]


def ragged() -> PixelSet:
    return unpacked(packed(PICTURES), side=8)


def test_the_centre_square_of_each_picture_comes_back() -> None:
    plain = ragged().plain(torch.tensor([2, 0, 1])).numpy()
    assert np.array_equal(plain[0], PICTURES[2][3:11])
    assert np.array_equal(plain[1], PICTURES[0])
    assert np.array_equal(plain[2], PICTURES[1][:, 2:10])


def test_a_part_of_a_part_is_the_right_part() -> None:
    part = ragged().take(torch.tensor([2, 1])).take(torch.tensor([1]))
    assert len(part) == 1
    assert np.array_equal(part.plain(torch.tensor([0]))[0].numpy(), PICTURES[1][:, 2:10])


def test_nothing_is_copied_when_a_part_is_taken() -> None:
    whole = ragged()
    assert whole.take(torch.tensor([0])).content.data_ptr() == whole.content.data_ptr()


@pytest.mark.parametrize("rows", [[0, 0], [0, 1, 2]])
def test_crops_are_squares_that_follow_the_generator(rows: list[int]) -> None:
    index, pixels = torch.tensor(rows), ragged()
    crops = pixels.crops(index, np.random.default_rng(1), 0.3)
    assert crops.shape == (len(rows), 8, 8, 3)
    assert torch.equal(crops, pixels.crops(index, np.random.default_rng(1), 0.3))
    assert not torch.equal(crops, pixels.crops(index, np.random.default_rng(2), 0.3))


def test_a_crop_of_a_wide_picture_has_the_shape_that_was_drawn() -> None:
    ramp = torch.arange(160).repeat(40, 1)[None, :, :, None].expand(1, 40, 160, 3).to(torch.uint8)
    widths = []
    for seed in range(40):
        crop = random_resized_crop_flip(ramp, np.random.default_rng(seed), 0.02, side=32)[0, 16, :, 0].float()
        widths.append(float((crop[-1] - crop[0]).abs()) * 32 / 31)
    # a box of area a and aspect r has width sqrt(a r), at most sqrt(6400 * 4/3) = 92 of 160 pixels
    assert max(widths) < 100 and min(widths) > 5


def test_masks_go_with_their_pictures() -> None:
    tensors = packed(PICTURES)
    masks = torch.zeros(3, 8, 8, dtype=torch.uint8)
    masks[2] = 1
    found = unpacked({**tensors, "masks": masks}, side=8).take(torch.tensor([2, 0])).masks(torch.arange(2))
    assert found is not None and found.all(dim=(1, 2)).tolist() == [True, False]
    assert ragged().masks(torch.arange(2)) is None
