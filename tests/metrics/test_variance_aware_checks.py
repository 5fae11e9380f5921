"""The check of the variance-aware specification's section 6 that is about retrieval."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from vlstudy.metrics.metric import Pairs
from vlstudy.metrics.retrieval import DEPTHS, WAYS, mean_recall, recall

IMAGES, CAPTIONS = 1000, 5


def pairs(images: torch.Tensor, texts: torch.Tensor) -> Pairs:
    each = len(texts) // len(images)
    own = torch.arange(len(images)).repeat_interleave(each)
    return Pairs(image_features=images, text_features=texts, image_of=own, labels=torch.full((len(images),), -1))


def drawn(rows: int, seed: int) -> torch.Tensor:
    return normalize(torch.randn(rows, 64, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_check_26_perfect_embeddings_find_everything() -> None:
    images = drawn(IMAGES, 0)
    assert mean_recall(pairs(images, images.repeat_interleave(CAPTIONS, dim=0))) == 1


def chance(way: str, depth: int) -> float:
    if way == "text_to_image":
        return depth / IMAGES
    captions = IMAGES * CAPTIONS
    return 1 - math.comb(captions - CAPTIONS, depth) / math.comb(captions, depth)


@pytest.mark.parametrize("seed", [0, 1])
def test_check_26_random_embeddings_find_by_chance(seed: int) -> None:
    random = pairs(drawn(IMAGES, seed), drawn(IMAGES * CAPTIONS, seed + 100))
    printed = {(way, depth): round(100 * chance(way, depth), 3) for way in WAYS for depth in DEPTHS}
    assert list(printed.values()) == [0.1, 0.499, 0.996, 0.1, 0.5, 1.0]
    for way, depth in printed:
        expected, n = chance(way, depth), IMAGES if way == "image_to_text" else IMAGES * CAPTIONS
        error = math.sqrt(expected * (1 - expected) / n)
        assert abs(recall(random, way, depth) - expected) <= 4 * error, (way, depth)


def test_check_26_equal_scores_find_nothing() -> None:
    assert mean_recall(pairs(torch.ones(50, 1), torch.ones(250, 1))) == 0


@pytest.mark.parametrize("place", range(CAPTIONS))
def test_check_26_any_of_the_five_captions_counts(place: int) -> None:
    images = drawn(20, 0)
    texts = drawn(20 * CAPTIONS, 1)
    alone = recall(pairs(images, texts), "image_to_text", 1)
    texts[place::CAPTIONS] = images
    assert alone < 0.5 and recall(pairs(images, texts), "image_to_text", 1) == 1
    assert recall(pairs(images, texts), "text_to_image", 1) < 0.5  # each caption has to find its image itself
