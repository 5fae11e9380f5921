"""Plain contrastive training: checks 1 and 3 of the variance-aware specification, and that it learns."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from tests.toy_pairs import pair_batch, toy_pairs
from vlstudy.methods.contrastive import Contrastive
from vlstudy.methods.pairing import PairModel
from vlstudy.methods.protocol import Batch
from vlstudy.schedules.fixed import Fixed
from vlstudy.schedules.protocol import Moment


def terms_of(method: Contrastive, model: PairModel, batch: Batch) -> dict[str, Float[Tensor, ""]]:
    embedded = replace(batch, embeddings=method.embed(model, batch))
    return method.loss_terms(model, embedded, np.random.default_rng(0))


def weights_of(terms: Mapping[str, Float[Tensor, ""]], step: int, total: str) -> Mapping[str, float | Tensor]:
    scales = dict.fromkeys(terms, 1.0)
    moment = Moment(step=step, total=9, terms=terms, scales=scales, state={}, gradient=lambda loss: loss[None])
    return Fixed(total=total).weigh(moment).weights


def fixed_loss(terms: Mapping[str, Float[Tensor, ""]], step: int = 0, total: str = "convex") -> Float[Tensor, ""]:
    return torch.stack([weights_of(terms, step, total)[name] * term for name, term in terms.items()]).sum()


def made(method: Contrastive, seed: int = 0) -> PairModel:
    model = method.build(toy_pairs(seed=seed))
    assert isinstance(model, PairModel)
    return model


def test_check_1_equal_similarities_give_the_logarithm_of_the_batch() -> None:
    method, model = Contrastive(), made(Contrastive())
    batch = pair_batch(toy_pairs(), size=32)
    same = batch.image_features[:1].expand_as(batch.image_features)
    terms = terms_of(method, model, replace(batch, image_features=same, text_features=same))
    assert [term.item() for term in terms.values()] == pytest.approx([math.log(32)] * 2, abs=1e-5)
    assert fixed_loss(terms, total="base_plus").item() == pytest.approx(2 * math.log(32), abs=1e-5)


@pytest.mark.parametrize("step", [0, 8])
@pytest.mark.parametrize("seed", [0, 1])
def test_check_3_fixed_is_symmetric_infonce_with_its_gradients(step: int, seed: int) -> None:
    method, model, batch = Contrastive(tau=0.07), made(Contrastive(tau=0.07), seed), pair_batch(toy_pairs(seed=seed))
    terms = terms_of(method, model, batch)
    assert tuple(terms) == method.terms
    assert weights_of(terms, step, "convex") == {"image_to_text": 0.5, "text_to_image": 0.5}
    pairs = method.embed(model, batch)
    scores = pairs.image_features @ pairs.text_features.T / 0.07
    by_hand = -(scores.log_softmax(dim=1) + scores.log_softmax(dim=0)).diagonal().mean() / 2
    loss = fixed_loss(terms, step)
    torch.testing.assert_close(loss, by_hand, atol=1e-6, rtol=1e-6)
    trained = [value for value in model.parameters() if value.requires_grad]
    found, expected = torch.autograd.grad(loss, trained), torch.autograd.grad(by_hand, trained)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_the_directions_are_told_apart() -> None:
    batch = pair_batch(toy_pairs(), size=2)
    images, texts = torch.eye(16)[:2], torch.eye(16)[[0, 0]]
    method = Contrastive(tau=1.0)
    terms = terms_of(method, made(method), replace(batch, image_features=images, text_features=texts))
    one_right = (
        math.log(1 + math.e) - 1 + math.log(1 + math.e)
    ) / 2  # each text among images: 1 against 0, 0 against 1
    assert terms["image_to_text"].item() == pytest.approx(math.log(2), abs=1e-6)
    assert terms["text_to_image"].item() == pytest.approx(one_right, abs=1e-6)


@pytest.mark.parametrize(
    "knobs", [{}, {"start": "random", "width": 24, "head_norm": "batch", "tau": 0.07}, {"tau": 0.07, "learn_tau": True}]
)
def test_it_learns(knobs: dict[str, object]) -> None:
    dev, method = toy_pairs(n=128), Contrastive(**knobs)  # type: ignore[arg-type]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = method.build(dev)
    assert isinstance(model, PairModel)
    optimizer = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=3e-3)
    model.train()
    history = []
    for step in range(60):
        optimizer.zero_grad()
        loss = fixed_loss(terms_of(method, model, pair_batch(dev, size=32, seed=step)))
        torch.autograd.backward(loss)
        optimizer.step()
        method.after_step(model, step, 60)
        history.append(loss.item())
    assert sum(history[-10:]) < 0.8 * sum(history[:10])
    model.eval()
    assert dev.val.captions is not None
    firsts = dev.val.captions.first_each()
    with torch.inference_mode():
        images, texts = method.image_features(model, dev.val), method.caption_features(model, dev.val.captions)[firsts]
    own = torch.arange(len(images))
    assert functional.cross_entropy(10 * images @ texts.T, own) < 0.9 * math.log(128)
