"""Recall under noise: relative recall and the area under it, by hand."""

import pytest

from vlstudy.metrics.robustness import (
    CAPTION_NOISE_ROBUSTNESS,
    PIXEL_NOISE_ROBUSTNESS,
    noise_robustness,
    relative,
    robustness,
)

RECALLS = {0.3: 0.2, 0.0: 0.8, 0.1: 0.6, 0.5: 0.0, 0.2: 0.4}


def test_relative_recall_by_hand() -> None:
    assert relative(RECALLS) == pytest.approx({0.0: 1.0, 0.1: 0.75, 0.2: 0.5, 0.3: 0.25, 0.5: 0.0})


def test_the_area_by_hand() -> None:
    area = 0.1 * (0.875 + 0.625 + 0.375) + 0.2 * 0.125
    assert noise_robustness(RECALLS) == pytest.approx(area / 0.5)


def test_noise_that_costs_nothing_gives_one_whatever_the_recall() -> None:
    for recall in (0.1, 0.9):
        assert noise_robustness(dict.fromkeys(RECALLS, recall)) == pytest.approx(1.0)


def test_there_is_no_area_without_recall_or_without_noise() -> None:
    assert noise_robustness({0.0: 0.0, 0.5: 0.0}) is None
    assert noise_robustness({0.0: 0.8}) is None


def test_areas_are_found_among_the_measured_names() -> None:
    measured = {f"test/mean_recall@caption={level:g}": recall for level, recall in RECALLS.items() if level}
    measured |= {"test/mean_recall": 0.8, "test/accuracy": 0.1, "test/image_to_text_recall@1@caption=0.5": 0.3}
    found = robustness(measured)
    assert found == {"test/caption_noise_robustness": noise_robustness(RECALLS)}
    assert robustness(measured | {"test/mean_recall@pixel=0.5": 0.8})["test/pixel_noise_robustness"] == 1.0
    assert robustness({"val/mean_recall": 0.8}) == {}


def test_both_metrics_are_described() -> None:
    for metric, kind in ((CAPTION_NOISE_ROBUSTNESS, "caption"), (PIXEL_NOISE_ROBUSTNESS, "pixel")):
        assert metric.name == f"{kind}_noise_robustness" and metric.unit == "fraction" and metric.split == "test"
        assert metric.compute is None and metric.compare is None and metric.combine is None
