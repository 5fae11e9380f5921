"""m2-mix: the geodesic, the loss against mixtures by hand, and that it learns."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.toy_pairs import pair_batch, toy_pairs
from vlstudy.losses.geodesic_mixing import geodesic, mixed_negatives
from vlstudy.methods.m2_mix import M2Mix
from vlstudy.methods.pairing import PairModel


def test_the_geodesic_goes_from_the_text_to_the_image_at_even_pace() -> None:
    batch = pair_batch(toy_pairs())
    images, texts = batch.image_features.double(), batch.text_features
    assert texts is not None
    texts = texts.double()
    full = torch.arccos((functional.normalize(images, dim=1) * functional.normalize(texts, dim=1)).sum(dim=1))
    for share in (0.0, 0.25, 0.5, 1.0):
        mixed = geodesic(images, texts, share)
        torch.testing.assert_close(mixed.norm(dim=1), torch.ones(32).double(), atol=1e-6, rtol=0)
        angle = torch.arccos((mixed * functional.normalize(texts, dim=1)).sum(dim=1).clamp(-1, 1))
        torch.testing.assert_close(angle, share * full, atol=1e-3, rtol=0)


def test_equal_and_opposite_pairs_give_numbers_with_gradients() -> None:
    images = torch.eye(4).requires_grad_()
    for texts in (torch.eye(4), -torch.eye(4)):
        loss = mixed_negatives(images, texts, 0.3, 100.0)
        (gradient,) = torch.autograd.grad(loss, images)
        assert torch.isfinite(loss) and torch.isfinite(gradient).all()


def test_the_mixed_loss_by_hand() -> None:
    # z_1 = (1, 1, 0) / sqrt 2 and z_2 = e_3, so matched cosines are 0 and 1
    images, texts = torch.eye(3)[[0, 2]], torch.eye(3)[[1, 2]]
    middle = 1 / math.sqrt(2)
    # images: row 1 has 0 and <e_1, e_3> = 0; row 2 has <e_3, z_1> = 0 and 1; texts alike
    each = (math.log(2) + math.log(1 + math.exp(-2.0))) / 2
    assert mixed_negatives(images, texts, 0.5, 2.0).item() == pytest.approx(2 * each, abs=1e-4)
    torch.testing.assert_close(geodesic(images, texts, 0.5)[0], torch.tensor([middle, middle, 0.0]))


def test_terms_are_unweighted_and_depend_on_the_step_s_share_alone() -> None:
    method, dev = M2Mix(weight=0.05, tau_mixed=0.07), toy_pairs()
    model, batch = method.build(dev), pair_batch(dev)
    batch = replace(batch, embeddings=method.embed(model, batch))
    assert batch.embeddings is not None
    terms = [method.loss_terms(model, batch, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert tuple(terms[0]) == method.terms and method.scales() == {"mixed": 0.05}
    assert terms[0]["mixed"] == terms[1]["mixed"] != terms[2]["mixed"]
    assert terms[0]["image_to_text"] == terms[2]["image_to_text"]
    share = float(np.random.default_rng(0).beta(0.5, 0.5))
    pairs = batch.embeddings
    expected = mixed_negatives(pairs.image_features, pairs.text_features, share, 1 / 0.07)
    torch.testing.assert_close(terms[0]["mixed"], expected)
    same_scale = replace(method, tau_mixed=0.0).loss_terms(model, batch, np.random.default_rng(0))
    expected = mixed_negatives(pairs.image_features, pairs.text_features, share, 100.0)
    torch.testing.assert_close(same_scale["mixed"], expected)


def test_it_learns() -> None:
    method, dev = M2Mix(weight=1.0, tau=0.07), toy_pairs()
    model = method.build(dev)
    assert isinstance(model, PairModel)
    optimizer = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=3e-3)
    history = []
    for step in range(40):
        batch = pair_batch(dev, seed=step)
        terms = method.loss_terms(
            model, replace(batch, embeddings=method.embed(model, batch)), np.random.default_rng(7)
        )
        optimizer.zero_grad()
        torch.autograd.backward(terms["image_to_text"] / 2 + terms["text_to_image"] / 2 + terms["mixed"])
        optimizer.step()
        history.append([term.item() for term in terms.values()])
    first, last = np.mean(history[:5], axis=0), np.mean(history[-5:], axis=0)
    assert (last < first).all()
