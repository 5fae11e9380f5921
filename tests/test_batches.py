"""Batches: functions of (seed, step), equal parts of the domains, and parts for memory's sake."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from tests.toy import toy_pool
from tests.toy_pixels import toy_picture_batch, toy_pictures
from vlstudy.batches import Batches, parts
from vlstudy.data.sets import DevSplits


def batches(dev: DevSplits, *, size: int = 8, seed: int = 0, pixels: bool = False, crop: float = 0.5) -> Batches:
    return Batches(dev=dev, size=size, seed=seed, crop=crop, pixels=pixels)


def crops(made: Batches, step: int) -> torch.Tensor:
    found = made.of(step).pictures
    assert found is not None and found.dtype == torch.uint8
    return found


def with_domains(counts: tuple[int, ...]) -> DevSplits:
    """A draw whose images are spread over domains of these sizes."""
    dev = toy_pool(shots=16).dev(0)
    train = dev.train.take(torch.arange(sum(counts)))
    domains = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return replace(dev, train=replace(train, domains=domains))


def test_an_epoch_shows_every_image_once() -> None:
    dev = toy_pool(shots=4).dev(0)
    made = batches(dev, size=7)
    assert made.per_epoch == 4  # 24 images
    assert sorted(made.order(0).tolist()) == list(range(24))
    assert [len(made.of(step).labels) for step in range(4)] == [7, 7, 7, 3]
    assert made.order(0).tolist() != made.order(1).tolist()


def test_every_batch_has_equal_parts_of_the_domains() -> None:
    dev = with_domains((24, 24, 24))
    made = batches(dev, size=9)
    for epoch in range(2):
        order = made.order(epoch)
        assert sorted(order.tolist()) == list(range(72))
        for start in range(0, 72, 9):
            drawn = dev.train.domains[torch.from_numpy(order[start : start + 9])]
            assert torch.bincount(drawn).tolist() == [3, 3, 3]


@pytest.mark.parametrize(("counts", "size"), [((24, 24, 24), 8), ((23, 25), 7), ((40, 20, 5), 16)])
def test_parts_of_the_domains_differ_by_one_image_at_most(counts: tuple[int, ...], size: int) -> None:
    dev = with_domains(counts)
    made = batches(dev, size=size)
    drawn = [made.of(step).labels for step in range(made.per_epoch)]
    assert [len(labels) for labels in drawn[:-1]] == [size] * (made.per_epoch - 1)
    for step in range(made.per_epoch):
        places = torch.from_numpy(made.order(0)[step * size : (step + 1) * size])
        parts_of = torch.bincount(dev.train.domains[places], minlength=len(counts))
        assert int(parts_of.max() - parts_of.min()) <= 1


def test_a_small_domain_is_gone_through_more_than_once() -> None:
    dev = with_domains((40, 8))
    order = batches(dev).order(0)
    counts = np.bincount(dev.train.domains.numpy()[order])
    assert counts.tolist() == [24, 24]
    assert set(order[dev.train.domains.numpy()[order] == 1].tolist()) == set(range(40, 48))


def test_crops_follow_the_seed_and_the_step() -> None:
    dev = toy_pictures().dev(0)

    def pictures(seed: int, step: int, crop: float = 0.5) -> torch.Tensor:
        return crops(batches(dev, seed=seed, pixels=True, crop=crop), step)

    assert torch.equal(pictures(0, 0), pictures(0, 0))
    assert not torch.equal(pictures(0, 0), pictures(1, 0))
    assert not torch.equal(pictures(0, 0), pictures(0, 0, crop=0.1))
    assert batches(dev).of(0).pictures is None


def test_an_image_is_cropped_anew_each_time_and_whatever_came_before() -> None:
    dev = toy_pictures().dev(0)
    alone = replace(dev, train=dev.train.take(torch.tensor([3])))
    made = batches(alone, pixels=True)
    shown = [crops(made, step) for step in range(4)]
    assert made.per_epoch == 1 and not any(torch.equal(one, other) for one, other in pairwise(shown))
    assert torch.equal(crops(batches(alone, pixels=True), 3), shown[3])


def test_the_pictures_are_those_of_the_labels() -> None:
    dev = toy_pictures().dev(0)
    made = batches(dev, pixels=True, crop=1.0)
    batch, order = made.of(0), torch.from_numpy(made.order(0)[:8])
    assert dev.train.pixels is not None and batch.pictures is not None
    plain = dev.train.pixels.plain(order).float()
    for crop, picture in zip(batch.pictures.float(), plain, strict=True):
        # a crop of the whole picture is the picture, at most flipped and stretched a little
        assert min(float((crop - side).abs().mean()) for side in (picture, picture.flip(1))) < 30
    assert torch.equal(batch.labels, dev.train.labels[order])


@pytest.mark.parametrize(("count", "sizes"), [(1, [12]), (5, [3, 3, 2, 2, 2]), (99, [1] * 12)])
def test_parts_are_nearly_equal_and_together_the_batch(count: int, sizes: list[int]) -> None:
    batch = toy_picture_batch()
    assert batch.pictures is not None
    cut = parts(batch, count)
    assert [len(part.labels) for part in cut] == sizes
    assert torch.equal(torch.cat([part.labels for part in cut]), batch.labels)
    assert torch.equal(torch.cat([part.pictures for part in cut if part.pictures is not None]), batch.pictures)
