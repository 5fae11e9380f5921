"""Neighbours of the other modality by hand, and a line between modalities."""

import pytest
import torch
from torch.nn.functional import normalize

from vlstudy.metrics import mixing, parts
from vlstudy.metrics.metric import Pairs
from vlstudy.metrics.mixing import KNN_MIXING, MODALITY_PROBE, knn_mixing, modality_probe


def on_circle(*degrees: float) -> torch.Tensor:
    angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def drawn(n: int, seed: int, width: int = 8) -> torch.Tensor:
    return normalize(torch.randn(n, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=1)


def test_neighbours_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two nearest of six. Images at 0, 10, 60; captions at 4, 63, 67."""
    monkeypatch.setattr(mixing, "NEIGHBOURS", 2)
    # 0: 4 10, one of two; 10: 4 0, one; 60: 63 67, both; 4: 0 10, both; 63: 60 67, one; 67: 63 60, one
    share = (1 + 1 + 2 + 2 + 1 + 1) / 12
    images, texts = on_circle(0, 10, 60), on_circle(4, 63, 67)
    assert knn_mixing(images, texts) == pytest.approx(share / (3 / 5))
    lengths = torch.tensor([[1.0], [5.0], [0.2]])
    assert knn_mixing(lengths * images, texts) == pytest.approx(share / (3 / 5))  # near is what has a similar direction


def test_of_neighbours_that_tie_each_counts_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal clouds of three: one twin of the other modality, then two that tie, one of them of the other modality."""
    monkeypatch.setattr(mixing, "NEIGHBOURS", 2)
    axes = torch.eye(3)  # all others tie: after the twin, half of the last place is of the other modality
    assert knn_mixing(axes, axes) == pytest.approx((1.5 / 2) / (3 / 5))


def test_few_points_have_all_others_as_neighbours() -> None:
    assert knn_mixing(drawn(3, 0), drawn(3, 1)) == pytest.approx(1)
    assert knn_mixing(drawn(1, 0), drawn(1, 1)) is None


def test_mixing_does_not_depend_on_what_is_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    images, texts = drawn(37, 0), drawn(37, 1) + 0.2
    whole = knn_mixing(images, texts)
    for numbers in (1, 200):
        monkeypatch.setattr(parts, "AT_ONCE", numbers)
        assert knn_mixing(images, texts) == whole


def test_mixing_is_about_one_in_one_cloud_and_none_apart() -> None:
    assert knn_mixing(drawn(500, 0), drawn(500, 1)) == pytest.approx(1, abs=0.05)
    assert knn_mixing(drawn(50, 0) + 9, drawn(50, 1) - 9) == 0


def test_the_probe_tells_what_a_line_can_tell() -> None:
    assert modality_probe(drawn(100, 0) + 2, drawn(100, 1) - 2) == 1
    assert modality_probe(drawn(400, 0), drawn(400, 1)) == pytest.approx(0.5, abs=0.08)
    assert modality_probe(drawn(100, 0), drawn(100, 0)) == pytest.approx(0.5, abs=1e-9)
    assert modality_probe(drawn(3, 0), drawn(3, 1)) is None


def test_the_probe_is_held_out() -> None:
    """In more directions than points any labels can be learnt by heart; on the other half they are a guess."""
    assert modality_probe(drawn(60, 0, width=400), drawn(60, 1, width=400)) == pytest.approx(0.5, abs=0.2)


def test_metrics_compare_images_with_first_captions() -> None:
    images, texts = drawn(40, 0) + 2, drawn(40, 1) - 2
    both = torch.stack([texts, images], dim=1).flatten(0, 1)  # second captions among the images
    pairs = Pairs(
        image_features=images,
        text_features=both,
        image_of=torch.arange(40).repeat_interleave(2),
        labels=torch.full((40,), -1),
    )
    assert KNN_MIXING.compare is not None and MODALITY_PROBE.compare is not None
    assert KNN_MIXING.compare(pairs) == 0 and MODALITY_PROBE.compare(pairs) == 1
    assert (KNN_MIXING.direction, KNN_MIXING.low, KNN_MIXING.high, KNN_MIXING.split) == ("maximize", 0, 2, "both")
    assert (MODALITY_PROBE.direction, MODALITY_PROBE.unit, MODALITY_PROBE.split) == ("minimize", "fraction", "test")
