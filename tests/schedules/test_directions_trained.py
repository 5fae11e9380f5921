"""The schedules of two directions in training: checks 1, 3, 22, 28 and 29 of the variance-aware specification."""

import json
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from tests.schedules.moments import EVERY, RELEASED, both, embedded, moment, normal, scored, weighed
from tests.schedules.toy_views import Training
from vlstudy.schedules.fixed import Fixed
from vlstudy.schedules.protocol import Schedule
from vlstudy.schedules.variance_emb import VarianceEmb
from vlstudy.schedules.variance_sim import VarianceSim
from vlstudy.weighing import weighted

NAMED: dict[str, Callable[..., Schedule]] = {"fixed": Fixed, **EVERY}
each = pytest.mark.parametrize("name", list(NAMED))


@each
@pytest.mark.parametrize("b", [2, 32])
def test_check_01_equal_similarities_give_the_logarithm_of_the_batch(name: str, b: int) -> None:
    now = moment(embedded(normal(1, 4).expand(b, 4), normal(1, 4, seed=1).expand(b, 4)))
    for total, factor in (("convex", 1), ("base_plus", 2)):
        loss = weighted(NAMED[name](total=total).weigh(now), now.scales, now.terms)
        assert loss.item() == pytest.approx(factor * math.log(b), abs=1e-5)


def test_check_03_fixed_weights_are_symmetric_infonce_with_its_gradients() -> None:
    images, texts = normal(8, 4).requires_grad_(), normal(8, 4, seed=1).requires_grad_()
    for step, size in enumerate([1.0, 3.0]):
        now = moment(embedded(size * images, texts - size), step)
        found = Fixed().weigh(now)
        assert both(found) == [0.5, 0.5] and not found.state
        loss = weighted(found, now.scales, now.terms)
        logits = normalize(size * images, dim=-1) @ normalize(texts - size, dim=-1).T / 0.07
        plain = (cross_entropy(logits, torch.arange(8)) + cross_entropy(logits.T, torch.arange(8))) / 2
        assert loss.item() == pytest.approx(plain.item(), abs=1e-6)
        gradients = (torch.autograd.grad(one, [images, texts]) for one in (loss, plain))
        for one, other in zip(*gradients, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", list(EVERY))
def test_check_22_a_restored_training_has_the_same_weights(name: str) -> None:
    averaging = {"ema_beta": 0.9} if name in RELEASED else {}
    schedule, training = NAMED[name](**averaging), Training()
    training.go(schedule, 0, 6)
    kept = training.copied()
    kept.state = json.loads(json.dumps(dict(kept.state)))  # as plain numbers, which a checkpoint holds
    forgetful = training.copied()
    forgetful.state = {}
    onwards = training.go(schedule, 6, 12)
    assert kept.go(schedule, 6, 12) == onwards
    assert forgetful.go(schedule, 6, 12) != onwards  # what a checkpoint without the averages would give


@pytest.mark.parametrize("name", ["fixed", "variance_sim", "entropy_out", "spread_sim", *RELEASED])
def test_check_28_the_toy_is_learnt(name: str) -> None:
    training = Training()
    assert training.recall() < 0.01
    training.go(NAMED[name](), 0, 300)
    assert training.recall() > 0.01  # ten times chance


@each
@pytest.mark.parametrize("total", ["convex", "base_plus"])
def test_check_28_nothing_breaks_at_two_pairs_and_tau_of_a_hundredth(name: str, total: str) -> None:
    training = Training(tau=0.01, size=2)
    for weights in training.go(NAMED[name](total=total), 0, 20):
        assert all(map(math.isfinite, weights))
    assert all(parameter.isfinite().all() for parameter in training.towers.parameters())
    for similarities in (torch.eye(2), torch.ones(2, 2), -torch.eye(2)):
        assert all(map(math.isfinite, both(weighed(NAMED[name](), scored(similarities, tau=0.01)))))


@pytest.mark.parametrize("kind", RELEASED.values())
def test_the_toy_is_learnt_with_gradient_through_the_weights(kind: type[VarianceEmb]) -> None:
    training = Training(size=8)
    weights = training.go(kind(detach_weights=False), 0, 50)
    assert all(math.isfinite(weight) for step in weights for weight in step) and training.recall() > 0.01


def test_check_29_exponent_0_trains_bit_for_bit_as_fixed() -> None:
    def trained(schedule: Schedule) -> nn.ModuleList:
        training = Training()
        training.go(schedule, 0, 50)
        return training.towers

    fixed, still, moving = (trained(one) for one in (Fixed(), VarianceSim(gamma=0.0), VarianceSim(gamma=4.0)))
    for one, other in zip(fixed.parameters(), still.parameters(), strict=True):
        assert torch.equal(one, other)
    assert not all(torch.equal(a, b) for a, b in zip(fixed.parameters(), moving.parameters(), strict=True))
