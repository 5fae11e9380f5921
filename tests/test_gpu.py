"""On a CUDA device: every method trains there, in bfloat16, to about what it is on the CPU."""

import math

import pytest
import torch

from tests.toy_pairs import toy_pairs
from tests.toy_pixels import toy_pictures
from vlstudy.data.sets import Group, Splits
from vlstudy.methods import METHODS
from vlstudy.schedules import SCHEDULES
from vlstudy.training import TrainSettings, fit
from vlstudy.training import test as measure_test

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]


def splits_of(name: str) -> Splits:
    if "labels" in METHODS[name].trains_on:
        return toy_pictures(shots=4, per_class=12).confirm(0)
    dev = toy_pairs()
    return Splits(dev=dev, test=(Group(name="", images=dev.val, classes=dev.classes),))


@pytest.mark.parametrize("name", list(METHODS))
def test_it_trains_and_is_measured_there(name: str) -> None:
    splits, found = splits_of(name), {}
    settings = TrainSettings(epochs=3, lr=1e-4, evaluations=1)
    for device in ("cpu", "cuda"):
        method, fixed = METHODS[name](), SCHEDULES["fixed"]()
        *_, (seen, state) = fit(method, fixed, splits.dev, settings, seed=0, objective="val/accuracy", device=device)
        assert all(math.isfinite(value) for value in seen.terms.values())
        tested, _ = measure_test(method, state, splits, "val/accuracy", seed=0, device=device)
        found[device] = tested.metrics["test/accuracy"]
    assert found["cuda"] == pytest.approx(found["cpu"], abs=0.1)
