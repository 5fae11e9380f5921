"""FMA and its baselines on real CLIP features: the known answers and statistical checks of the specification.

Source of every number: the specification's section 10, frozen CLIP ViT-B/32 features of WHU-RS19.
"""

from functools import lru_cache
from pathlib import Path

import pytest
import torch

from vlstudy.data.feature_file import FeatureFile
from vlstudy.data.pool import Pool
from vlstudy.methods import METHODS
from vlstudy.methods.fma import Fma
from vlstudy.methods.tip_adapter import TipAdapter
from vlstudy.schedules import SCHEDULES
from vlstudy.training import State, TrainSettings, fit
from vlstudy.training import test as measure_test

pytestmark = pytest.mark.external

STEPS = tuple(range(11))
FILE = Path(__file__).parents[3] / "shared/data/features/clip_vitb32_whurs19.npz"
RELEASED = TrainSettings(lr=2e-4, epochs=100, lr_schedule="released", evaluations=1)


@pytest.fixture(autouse=True)
def present(shared_data: Path) -> None:
    """Skips, with the reason, where the shared data is absent."""
    assert (shared_data / "features" / FILE.name).samefile(FILE)


@lru_cache
def pool(shots: int) -> Pool:
    return FeatureFile(path=str(FILE), shots=shots).load("ViT-B-32", "openai")


@lru_cache
def trained(method: Fma, shots: int, draw: int) -> tuple[list[float], State]:
    """Test accuracies in percent after 0 .. 10 steps."""
    splits = pool(shots).confirm(draw)
    *_, (_, state) = fit(method, SCHEDULES["fixed"](), splits.dev, RELEASED, seed=draw, objective="val/accuracy")
    tested, _ = measure_test(method, state, splits, "val/accuracy", seed=draw)
    return [100 * point.metrics["test/accuracy"] for point in tested.points], state


@pytest.mark.parametrize(
    ("shots", "draw", "percent"),
    [(1, 0, 81.44), (1, 1, 81.44), (1, 2, 81.34), (4, 0, 81.49), (4, 1, 81.59), (4, 2, 81.38), (16, 0, 81.60)],
)
def test_zero_shot_is_exact(shots: int, draw: int, percent: float) -> None:
    splits = pool(shots).confirm(draw)
    ((_, state),) = fit(
        METHODS["zero_shot"](), SCHEDULES["fixed"](), splits.dev, RELEASED, seed=0, objective="val/accuracy"
    )
    tested, _ = measure_test(METHODS["zero_shot"](), state, splits, "val/accuracy", seed=0)
    assert round(100 * tested.metrics["test/accuracy"], 2) == percent


def test_loss_at_the_start_is_the_known_one() -> None:
    dev = pool(4).confirm(0).dev
    cosines = (dev.train.image_features * dev.text_features[dev.train.labels]).sum(1)
    assert float((2 - 2 * cosines).mean()) == pytest.approx(1.324, abs=5e-4)


def test_known_curve_at_four_shots() -> None:
    known = [81.5, 86.5, 90.5, 92.6, 93.4, 93.8, 94.4, 94.4, 94.4, 94.2, 94.2]  # mean of three draws
    curve, _ = trained(Fma(solver_steps=STEPS), 4, 0)
    assert max(abs(ours - theirs) for ours, theirs in zip(curve, known, strict=True)) < 2.5


def test_check_17_random_coupling_collapses() -> None:
    coupled, _ = trained(Fma(solver_steps=STEPS), 4, 0)
    random, _ = trained(Fma(solver_steps=STEPS, coupling="random"), 4, 0)
    assert random[10] < random[5] < random[0]
    assert random[10] < 0.35 * coupled[10]  # known: 22.8 of 94.2


def test_check_18_training_points_reach_their_texts() -> None:
    dev = pool(4).confirm(0).dev
    method = Fma(solver_steps=STEPS)
    _, state = trained(method, 4, 0)
    model = method.build(dev)
    model.load_state_dict(state.model)
    with torch.inference_mode():
        from vlstudy.solvers import trajectory

        *_, moved = trajectory(model, dev.train.image_features, h=0.1, steps=10)
    assert ((moved @ dev.text_features.T).argmax(1) == dev.train.labels).all()
    assert float((moved - dev.text_features[dev.train.labels]).square().sum(1).mean()) < 0.01


@pytest.mark.parametrize("shots", [1, 4, 16])
def test_check_19_three_steps_gain_five_points(shots: int) -> None:
    curve, _ = trained(Fma(solver_steps=STEPS), shots, 0)
    assert curve[3] - curve[0] > 5


def test_check_20_noise_variants_at_four_shots() -> None:
    none, _ = trained(Fma(solver_steps=STEPS), 4, 0)
    endpoint, _ = trained(Fma(solver_steps=STEPS, path="bridge_endpoint"), 4, 0)
    bridge, _ = trained(Fma(solver_steps=STEPS, path="bridge"), 4, 0)
    large, _ = trained(Fma(solver_steps=STEPS, path="interpolant", gamma=0.1), 4, 0)
    assert abs(none[6] - endpoint[6]) < 1.5
    assert 1 < none[5] - bridge[5] < 5
    assert large[10] - large[0] < 5


@pytest.mark.parametrize(("shots", "percent"), [(1, 83.4), (4, 87.7), (16, 93.2)])
def test_tip_adapter_is_the_known_one(shots: int, percent: float) -> None:
    method, found = TipAdapter(alpha=1.0, beta=5.5), []
    for draw in range(5):
        splits = pool(shots).confirm(draw)
        ((_, state),) = fit(method, SCHEDULES["fixed"](), splits.dev, RELEASED, seed=draw, objective="val/accuracy")
        tested, _ = measure_test(method, state, splits, "val/accuracy", seed=draw)
        found.append(100 * tested.metrics["test/accuracy"])
    assert sum(found) / 5 == pytest.approx(percent, abs=1.5)
