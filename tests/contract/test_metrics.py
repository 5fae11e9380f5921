"""What every metric of the table must keep, and each by hand."""

import math
import subprocess
import sys

import pytest
import torch

from vlstudy.metrics import METRICS, named
from vlstudy.metrics.attention import attention_on_object

LOGITS = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0], [0.0, 3.0, 1.0], [0.0, 3.0, 1.0]])
LABELS = torch.tensor([0, 1, 1, 1])
TWO = math.exp(2) / (math.exp(2) + math.exp(1) + 1)
FOUR = math.exp(3) / (math.exp(3) + math.exp(1) + 1)
BY_HAND = {
    "accuracy": 0.75,
    "mean_class_accuracy": (1 + 2 / 3) / 2,
    "worst_class_accuracy": 2 / 3,
    "cross_entropy": sum(
        math.log(sum(math.exp(v) for v in row)) - row[label]
        for row, label in zip(LOGITS.tolist(), LABELS.tolist(), strict=True)
    )
    / 4,
    # two images with confidence 0.665 (one right, one wrong: bin 10 of 15), two with 0.844 (both right: bin 13)
    "expected_calibration_error": (abs(1 - 2 * TWO) + abs(2 - 2 * FOUR)) / 4,
}
GROUPS = {
    "base_accuracy": ({"base": 0.8, "new": 0.4}, 0.8),
    "new_accuracy": ({"base": 0.8, "new": 0.4}, 0.4),
    "harmonic_mean": ({"base": 0.8, "new": 0.4}, 0.64 / 1.2),
    "domain_accuracy": ({"sketch": 0.5, "noise": 0.2}, 0.35),
    "worst_domain_accuracy": ({"sketch": 0.5, "noise": 0.2}, 0.2),
}


# what is measured beside logits and pairs, each with tests of its own
MADE_BY_THE_TEST = {
    "attention_on_object",
    "cider",
    "cider_memory",
    "caption_noise_robustness",
    "pixel_noise_robustness",
}


@pytest.mark.parametrize("name", list(METRICS))
def test_every_metric_is_described_and_has_one_way_to_be_measured(name: str) -> None:
    metric = METRICS[name]
    assert metric.name == name and metric.meaning and metric.unit and metric.source
    ways = [way for way in (metric.compute, metric.combine, metric.compare) if way is not None]
    assert len(ways) == (name not in MADE_BY_THE_TEST)
    assert name in BY_HAND.keys() | GROUPS.keys() | MADE_BY_THE_TEST or metric.compare is not None
    assert metric.split == "test" or metric.compute is not None or metric.compare is not None


@pytest.mark.parametrize("name", list(BY_HAND))
def test_by_hand(name: str) -> None:
    compute = METRICS[name].compute
    assert compute is not None and compute(LOGITS, LABELS) == pytest.approx(BY_HAND[name])


@pytest.mark.parametrize("name", list(GROUPS))
def test_groups_by_hand(name: str) -> None:
    combine = METRICS[name].combine
    assert combine is not None
    given, expected = GROUPS[name]
    assert combine(given) == pytest.approx(expected)
    assert combine({"": 0.9}) is None


def test_a_harmonic_mean_with_nothing_right_is_nothing() -> None:
    combine = METRICS["harmonic_mean"].combine
    assert combine is not None and combine({"base": 0.7, "new": 0.0}) == 0.0


def test_a_measured_name_finds_its_metric() -> None:
    assert named("test/accuracy@sketch") is named("val/accuracy") is named("accuracy") is METRICS["accuracy"]


def test_attention_on_the_object_by_hand() -> None:
    attention = torch.tensor([[[[0.4, 0.3], [0.2, 0.1]]]]).expand(1, 2, 2, 2)
    masks = torch.zeros(2, 4, 4, dtype=torch.bool)
    masks[0, :2, :2] = True  # the first patch whole
    masks[0, 2:, 2] = True  # half of the last
    share = attention_on_object(attention, masks)
    assert share[0, 0] == pytest.approx(0.4 + 0.1 / 2)
    assert share[0, 1].isnan()  # no object in sight


@pytest.mark.parametrize("name", list(BY_HAND))
def test_it_is_bounded_and_better_when_right(name: str) -> None:
    metric = METRICS[name]
    assert metric.compute is not None
    right = 20 * torch.nn.functional.one_hot(LABELS, 3).double()
    good, bad = metric.compute(right, LABELS), metric.compute(-right, LABELS)
    assert (good > bad) if metric.direction == "maximize" else (good < bad)
    for value in (good, bad):
        assert metric.low is None or value >= metric.low
        assert metric.high is None or value <= metric.high


def test_the_table_imports_no_torch() -> None:
    code = "import sys, vlstudy.metrics, vlstudy.data; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
