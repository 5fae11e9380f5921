"""Gaps by hand, and beside slower formulas of the same numbers."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch.nn.functional import normalize

from vlstudy.metrics.geometry import GAPS, bures_gap, centroid_gap_unbiased, normalized_gap, projections, sliced_gap
from vlstudy.metrics.matched import matched
from vlstudy.metrics.metric import Pairs

# two images and three captions in a plane; the caption in the middle is the first image's second and no pair
PAIRS = Pairs(
    image_features=torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
    text_features=torch.tensor([[0.0, 1.0], [-1.0, 0.0], [0.0, 1.0]]),
    image_of=torch.tensor([0, 0, 1]),
    labels=torch.tensor([-1, -1]),
)
# differences (1, -1) and (0, 0); means (.5, .5) and (0, 1), .5^2 + .5^2 apart; what is left (.5, -.5) and (-.5, .5)
BY_HAND = {
    "raw_gap": 1.0,  # sqrt((2 + 0) / 2)
    "raw_gap_mean": math.sqrt(2) / 2,
    "matched_cosine": 0.5,
    "centroid_gap": math.sqrt(0.5),
    "centroid_gap_unbiased": 0.0,  # 0.5 - (0.5 + 0.5) / (2 * 1)
    "distribution_gap": math.sqrt(0.5),
    # the captions are one point: nothing to pair or to sort
    "distribution_gap_bures": math.sqrt(0.5),
    "distribution_gap_normalized": 1.0,  # 0.5 / (0.5 + 0)
}


def clouds(n: int, width: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(n, width, generator=generator, dtype=torch.float64)
    return images, images @ torch.randn(width, width, generator=generator, dtype=torch.float64) + 1


def test_the_first_caption_of_an_image_is_its_pair() -> None:
    images, texts = matched(PAIRS)
    assert texts.tolist() == [[0.0, 1.0], [0.0, 1.0]] and images.dtype == texts.dtype == torch.float64


@pytest.mark.parametrize(
    "metric", [metric for metric in GAPS if metric.name in BY_HAND], ids=lambda metric: metric.name
)
def test_by_hand(metric: object) -> None:
    compare = getattr(metric, "compare", None)
    assert compare is not None and compare(PAIRS) == pytest.approx(BY_HAND[getattr(metric, "name", "")], abs=1e-12)


def test_sliced_by_hand() -> None:
    """Along an axis the sorted coordinates are 0, 3 and 0, 1, their means 1.5 and .5: (1^2 + 1^2) / 2."""
    images, texts = torch.tensor([[3.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    assert sliced_gap(images, texts, torch.tensor([[1.0, 0.0]])) == pytest.approx(1.0)
    assert sliced_gap(images, texts, torch.eye(2)) == pytest.approx(math.sqrt(0.5))


def test_directions_are_unit_and_the_same_each_time() -> None:
    first = projections(16, torch.zeros(1, dtype=torch.float64))
    assert first.shape == (256, 16) and torch.equal(first, projections(16, torch.zeros(1, dtype=torch.float64)))
    assert torch.allclose(first.norm(dim=1), torch.ones(256, dtype=torch.float64))
    assert (first.mean(dim=0).abs() < 0.1).all()


@pytest.mark.parametrize(("n", "width"), [(40, 6), (6, 40)])
def test_bures_is_the_formula_with_matrix_roots(n: int, width: int) -> None:
    images, texts = clouds(n, width)
    left, right = (np.cov(cloud.T.numpy(), bias=True) for cloud in (images, texts))
    root = np.real(sqrtm(left + 1e-12 * np.eye(width)))
    both = np.real(sqrtm(root @ right @ root + 1e-12 * np.eye(width)))
    expected = math.sqrt(np.trace(left) + np.trace(right) - 2 * np.trace(both))
    assert bures_gap(images, texts) == pytest.approx(expected, rel=1e-4)


def test_bures_of_equal_clouds_is_nothing() -> None:
    images, _ = clouds(30, 50)
    assert bures_gap(images, images[torch.randperm(30, generator=torch.Generator().manual_seed(1))]) < 1e-6


def test_the_unbiased_gap_takes_away_what_few_pairs_add() -> None:
    """Over many small draws its square is on average the square of the true distance, which the plain one exceeds."""
    generator = torch.Generator().manual_seed(0)
    true, plain, unbiased = 0.5, [], []
    for _ in range(2000):
        apart = torch.randn(5, 4, generator=generator, dtype=torch.float64) + torch.tensor([true, 0, 0, 0])
        plain.append(float(apart.mean(dim=0).norm() ** 2))
        images, texts = apart + 3, torch.full_like(apart, 3)
        raw = plain[-1] - float((apart - apart.mean(dim=0)).square().sum()) / (5 * 4)
        assert centroid_gap_unbiased(images, texts) == pytest.approx(math.sqrt(max(0, raw)), abs=1e-6)
        unbiased.append(raw)
    assert sum(unbiased) / 2000 == pytest.approx(true**2, abs=0.05)
    assert sum(plain) / 2000 == pytest.approx(true**2 + 4 / 5, abs=0.05)


def test_what_is_not_defined_is_none() -> None:
    same = normalize(torch.tensor([[0.3, -0.7, 0.1]], dtype=torch.float64), dim=1).repeat(7, 1)
    assert normalized_gap(same, -same) is None
    one = torch.ones(1, 2)
    alone = Pairs(image_features=one, text_features=one, image_of=torch.tensor([0]), labels=torch.tensor([-1]))
    found = {metric.name: metric.compare(alone) for metric in GAPS if metric.compare}
    assert [name for name, value in found.items() if value is None] == [
        "centroid_gap_unbiased",
        "distribution_gap_normalized",
    ]


def test_metrics_are_described_and_keep_their_bounds() -> None:
    images, texts = (normalize(cloud, dim=1) for cloud in clouds(50, 8))
    for sign in (1, -1):
        own = torch.arange(50)
        pairs = Pairs(image_features=images, text_features=sign * texts, image_of=own, labels=own)
        for metric in GAPS:
            assert metric.source and metric.meaning and metric.split == "both"
            assert metric.direction == ("maximize" if metric.name == "matched_cosine" else "minimize")
            value = metric.compare(pairs) if metric.compare else None
            assert value is not None and metric.low is not None and metric.high is not None
            assert metric.low <= value <= metric.high
