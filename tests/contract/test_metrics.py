"""What every metric of the table must keep, and each by hand."""

import math
import subprocess
import sys

import pytest
import torch

from vlstudy.metrics import METRICS

LOGITS = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0], [0.0, 3.0, 1.0], [0.0, 3.0, 1.0]])
LABELS = torch.tensor([0, 1, 1, 1])
BY_HAND = {
    "accuracy": 0.75,
    "worst_class_accuracy": 2 / 3,
    "cross_entropy": sum(
        math.log(sum(math.exp(v) for v in row)) - row[label]
        for row, label in zip(LOGITS.tolist(), LABELS.tolist(), strict=True)
    )
    / 4,
}


@pytest.mark.parametrize("name", list(METRICS))
def test_by_hand(name: str) -> None:
    assert METRICS[name].compute(LOGITS, LABELS) == pytest.approx(BY_HAND[name])


@pytest.mark.parametrize("name", list(METRICS))
def test_it_is_described_bounded_and_better_when_right(name: str) -> None:
    metric = METRICS[name]
    assert metric.name == name and metric.meaning and metric.unit and metric.source
    right = 20 * torch.nn.functional.one_hot(LABELS, 3).double()
    good, bad = metric.compute(right, LABELS), metric.compute(-right, LABELS)
    assert (good > bad) if metric.direction == "maximize" else (good < bad)
    for value in (good, bad):
        assert metric.low is None or value >= metric.low
        assert metric.high is None or value <= metric.high


def test_the_table_imports_no_torch() -> None:
    code = "import sys, vlstudy.metrics, vlstudy.data; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
