"""The map of held-out pairs before and after training, with the two numbers beside it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from vlstudy.joint_map import MOST, joint_map, matched_minus_mismatched, placed
from vlstudy.metrics import METRICS, Metric, Pairs


@pytest.fixture(autouse=True)
def mixing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for kNN mixing that says how many captions it was given."""
    metric = Metric(
        name="knn_mixing",
        direction="maximize",
        unit="fraction",
        low=0.0,
        high=None,
        meaning="m",
        source="s",
        compare=lambda pairs: float(len(pairs.text_features)),
    )
    monkeypatch.setitem(METRICS, "knn_mixing", metric)


def _pairs(n: int, gap: float, d: int = 8, captions: int = 2) -> Pairs:
    """Pairs of two classes whose captions are their images moved by a gap; other captions are noise."""
    rng = torch.Generator().manual_seed(0)
    images = torch.randn(n, d, generator=rng) + 4 * torch.eye(2, d)[torch.arange(n) % 2]
    texts = torch.randn(n, captions, d, generator=rng)
    texts[:, 0] = images + gap
    return Pairs(
        image_features=functional.normalize(images, dim=-1),
        text_features=functional.normalize(texts.reshape(-1, d), dim=-1),
        image_of=torch.arange(n).repeat_interleave(captions),
        labels=torch.arange(n) % 2,
    )


def test_a_pair_without_a_gap_lies_at_one_place_and_one_with_a_gap_does_not() -> None:
    found = joint_map(_pairs(20, gap=3.0), _pairs(20, gap=0.0), ("round", "square"))
    before, after = (np.linalg.norm(half[0] - half[1], axis=-1).mean() for half in found["tsne"])
    assert found["tsne"].shape == (2, 2, 20, 2) and found["tsne"].dtype == np.float32
    assert np.isfinite(found["tsne"]).all() and before > 3 * after
    assert found["tsne_classes"].tolist() == ["round", "square"] * 10
    assert found["tsne_metrics"][:, 0].tolist() == [20, 20]  # one caption an image
    assert found["tsne_metrics"][1, 1] > found["tsne_metrics"][0, 1] > 0


def test_the_map_is_the_same_every_time() -> None:
    pairs = _pairs(12, gap=1.0)
    clouds = [pairs.image_features, pairs.text_features[::2], pairs.image_features, pairs.text_features[::2]]
    np.testing.assert_array_equal(placed(clouds), placed(clouds))


def test_matched_minus_mismatched_by_hand() -> None:
    pairs = Pairs(
        image_features=torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
        text_features=torch.tensor([[0.6, 0.8], [0.0, 1.0]]),
        image_of=torch.arange(2),
        labels=torch.zeros(2, dtype=torch.long),
    )
    assert matched_minus_mismatched(pairs) == pytest.approx((0.6 + 1.0) / 2 - (0.0 + 0.8) / 2)


def test_of_many_pairs_some_are_shown_spread_over_all(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[torch.Tensor] = []

    def noted(clouds: list[torch.Tensor]) -> np.ndarray:
        shown.extend(clouds)
        return np.zeros(1)

    monkeypatch.setattr("vlstudy.joint_map.placed", noted)
    pairs = _pairs(2 * MOST, gap=0.0, captions=1)
    joint_map(pairs, pairs, ("round", "square"))
    assert len(shown) == 4 and all(len(cloud) == MOST for cloud in shown)
    assert torch.equal(shown[0][-1], pairs.image_features[-1]) and torch.equal(shown[1][0], pairs.text_features[0])


def test_widths_may_differ_classes_may_be_unknown_and_few_pairs_make_no_map() -> None:
    before, after = _pairs(6, gap=1.0, d=8), replace(_pairs(6, gap=1.0, d=4), labels=torch.full((6,), -1))
    found = joint_map(before, after, ())
    assert found["tsne"].shape == (2, 2, 6, 2) and set(found["tsne_classes"]) == {""}
    assert joint_map(_pairs(4, gap=1.0), _pairs(4, gap=1.0), ("round", "square")) == {}
