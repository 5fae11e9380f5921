"""Effective dimensions, uniformity and mean cosine by hand."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from vlstudy.metrics import parts
from vlstudy.metrics.dispersion import DISPERSIONS, effective_dimension, effective_rank, mean_cosine, uniformity
from vlstudy.metrics.metric import Pairs

CORNERS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
# images: the corners; captions: the first two corners, and the second again
PAIRS = Pairs(
    image_features=CORNERS,
    text_features=CORNERS[[0, 1, 1]],
    image_of=torch.tensor([0, 1, 2]),
    labels=torch.full((3,), -1),
)


def ratio(*eigenvalues: float) -> float:
    return sum(eigenvalues) ** 2 / sum(value**2 for value in eigenvalues)


# pooled: (1, 0) twice, (0, 1) thrice, (-1, 0): mean (1/6, 1/2), covariance [[17/36, -1/12], [-1/12, 1/4]]
POOLED = [13 / 36 + sign * math.sqrt((1 / 9) ** 2 + (1 / 12) ** 2) for sign in (1, -1)]
SHARES = [value / sum(POOLED) for value in POOLED]
BY_HAND = {
    # images: mean (0, 1/3), variances 2/3 and 2/9, uncorrelated
    "image_effective_dimension": ratio(2 / 3, 2 / 9),
    "text_effective_dimension": 1.0,  # two points lie on a line
    "effective_dimension": ratio(*POOLED),
    "effective_rank": math.exp(-sum(share * math.log(share) for share in SHARES)),
    # squared distances 2, 2, 4 and 2, 2, 0
    "image_uniformity": math.log((2 * math.exp(-4) + math.exp(-8)) / 3),
    "text_uniformity": math.log((2 * math.exp(-4) + 1) / 3),
    "image_mean_cosine": -1 / 3,
    "text_mean_cosine": 1 / 3,
}


@pytest.mark.parametrize("metric", DISPERSIONS, ids=lambda metric: metric.name)
def test_by_hand(metric: object) -> None:
    compare = getattr(metric, "compare", None)
    assert compare is not None and compare(PAIRS) == pytest.approx(BY_HAND[getattr(metric, "name", "")])


def test_every_metric_is_described_and_keeps_its_bounds() -> None:
    assert {metric.name for metric in DISPERSIONS} == set(BY_HAND)
    for metric in DISPERSIONS:
        value = BY_HAND[metric.name]
        assert metric.source and metric.meaning and metric.split == "both"
        assert metric.low is not None and metric.low <= value <= (metric.high if metric.high is not None else 2)
        assert metric.direction == ("maximize" if "effective" in metric.name else "minimize")


def test_rank_and_dimension_of_equal_directions_are_their_number() -> None:
    axes = torch.cat([torch.eye(5), -torch.eye(5)])
    assert effective_dimension(axes) == pytest.approx(5) and effective_rank(axes) == pytest.approx(5)
    narrow = axes * torch.tensor([10.0, 1, 1, 1, 1])
    assert effective_dimension(narrow) == pytest.approx(104**2 / (100**2 + 4))
    shares = [100 / 104, *[1 / 104] * 4]
    assert effective_rank(narrow) == pytest.approx(math.exp(-sum(share * math.log(share) for share in shares)))


def test_uniformity_does_not_depend_on_what_is_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    points = normalize(torch.randn(31, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64), dim=1)
    distances = torch.pdist(points)
    for numbers in (1, 100, 2**22):
        monkeypatch.setattr(parts, "AT_ONCE", numbers)
        found = uniformity(points)
        assert found == pytest.approx(float((-2 * distances.square()).exp().mean().log()), abs=1e-12)


def test_mean_cosine_is_that_of_all_other_rows() -> None:
    points = normalize(torch.randn(9, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64), dim=1)
    cosines = points @ points.T
    assert mean_cosine(points) == pytest.approx(float(cosines[~torch.eye(9, dtype=torch.bool)].mean()))


def test_collapsed_and_single_features_have_no_dimension() -> None:
    same = normalize(torch.tensor([[0.3, -0.7, 0.1]], dtype=torch.float64), dim=1).repeat(7, 1)
    assert effective_dimension(same) is None and effective_rank(same) is None
    assert uniformity(same) == pytest.approx(0) and mean_cosine(same) == pytest.approx(1)
    assert uniformity(same[:1]) is None and mean_cosine(same[:1]) is None
