"""Tip-Adapter: the cache by hand, its limits, and new classes."""

import numpy as np
import pytest
import torch

from tests.toy import toy_batch, toy_pool
from tests.toy_pixels import toy_pictures
from vlstudy.measuring import measure
from vlstudy.methods import METHODS
from vlstudy.methods.tip_adapter import Cache, TipAdapter, TipAdapterF


def test_votes_by_hand() -> None:
    cache = Cache(torch.eye(2), torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    votes = cache.votes(torch.tensor([[1.0, 0.0]]), beta=2.0)
    assert votes[0].tolist() == pytest.approx([1.0, 0.1353352832])  # exp(0), exp(-2)


def test_without_weight_it_is_zero_shot() -> None:
    dev = toy_pool().dev(0)
    method = TipAdapter(alpha=(0.0, 2.0), beta=5.5)
    scores = method.logits(method.build(dev), dev.val, dev.classes)
    zero_shot = METHODS["zero_shot"]().logits(torch.nn.Identity(), dev.val, dev.classes)[0]
    assert torch.equal(scores[0], zero_shot) and not torch.allclose(scores[1], zero_shot)


def test_the_trained_keys_start_as_the_cache() -> None:
    dev = toy_pool(views=2).dev(0)
    one, two = (method.logits(method.build(dev), dev.val, dev.classes) for method in (TipAdapter(), TipAdapterF()))
    assert torch.equal(one, two)
    keys = TipAdapterF().build(dev).get_parameter("keys")
    assert torch.allclose(keys.norm(dim=1), torch.ones(len(dev.train)))


def test_alpha_and_beta_are_measured_in_one_trial() -> None:
    dev = toy_pool().dev(0)
    method = TipAdapter(alpha=(3.0, 1.0), beta=(1.0, 5.5))
    points = measure(method, method.build(dev), dev)
    assert [dict(point.axis) for point in points] == list(method.points())
    assert len(points) == 4 and len({point.metrics["val/cross_entropy"] for point in points}) == 4


def test_new_classes_get_no_votes() -> None:
    splits = toy_pictures(task="base_to_new").confirm(0)
    base, new = splits.test
    method = TipAdapter(alpha=50.0)
    model = method.build(splits.dev)
    zero_shot = METHODS["zero_shot"]()
    scores = method.logits(model, new.images, new.classes)
    assert torch.equal(scores, zero_shot.logits(model, new.images, new.classes))
    assert not torch.allclose(
        method.logits(model, base.images, base.classes), zero_shot.logits(model, base.images, base.classes)
    )


def test_only_the_keys_are_trained() -> None:
    model = TipAdapterF().build(toy_pool().dev(0))
    assert [name for name, value in model.named_parameters() if value.requires_grad] == ["keys"]
    terms = TipAdapterF().loss_terms(model, toy_batch(), np.random.default_rng(0))
    (gradient,) = torch.autograd.grad(terms["cross_entropy"], model.get_parameter("keys"))
    assert float(gradient.abs().sum()) > 0


def test_the_keys_learn_whatever_is_listed_first() -> None:
    model = TipAdapterF(alpha=(0.0, 2.0), beta=(1.0, 5.5)).build(toy_pool().dev(0))

    def gradient(method: TipAdapterF) -> torch.Tensor:
        loss = method.loss_terms(model, toy_batch(), np.random.default_rng(0))["cross_entropy"]
        (found,) = torch.autograd.grad(loss, model.get_parameter("keys"))
        return found

    listed = gradient(TipAdapterF(alpha=(0.0, 2.0), beta=(1.0, 5.5)))
    assert float(listed.abs().sum()) > 0 and torch.equal(listed, gradient(TipAdapterF()))
    assert not torch.equal(listed, gradient(TipAdapterF(alpha=3.0)))
