"""What every method on pairs has alike: heads, towers, the temperature, and what is checkpointed."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.toy_pairs import pair_batch, picture_pairs, toy_pairs, without_classes
from vlstudy.backbones.trainable import checkpoint_activations
from vlstudy.data.sets import DevSplits
from vlstudy.errors import TrainingError
from vlstudy.methods.clip_refine import ClipRefine
from vlstudy.methods.contrastive import Contrastive
from vlstudy.methods.m2_mix import M2Mix
from vlstudy.methods.pairing import PairMethod, PairModel
from vlstudy.state import learnt, restore

TOWERS = ("projections", "last_n_blocks", "all")


def built(method: PairMethod, dev: DevSplits) -> PairModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = method.build(dev)
    assert isinstance(model, PairModel)
    return model


def stepped(method: PairMethod, model: PairModel, dev: DevSplits, steps: int, lr: float) -> None:
    """A few steps of the symmetric contrastive loss."""
    optimizer = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=lr)
    model.train()
    for step in range(steps):
        pairs = method.embed(model, pair_batch(dev, size=12, seed=step))
        scores = pairs.logit_scale * pairs.image_features @ pairs.text_features.T
        own = torch.arange(len(scores))
        optimizer.zero_grad()
        loss = functional.cross_entropy(scores, own) + functional.cross_entropy(scores.T, own)
        torch.autograd.backward(loss)
        optimizer.step()
        method.after_step(model, step, steps)


@pytest.mark.parametrize("kind", [Contrastive, M2Mix, ClipRefine])
@pytest.mark.parametrize("head_norm", ["none", "batch"])
def test_heads_start_as_the_backbone_is(kind: type[PairMethod], head_norm: str) -> None:
    method, dev = kind(head_norm=head_norm), toy_pairs()
    model = built(method, dev).eval()
    assert dev.val.captions is not None
    for found, frozen in (
        (method.image_features(model, dev.val), dev.val.image_features),
        (method.caption_features(model, dev.val.captions), dev.val.captions.text_features),
        (method.text_features(model, dev.classes), dev.classes.text_features),
    ):
        torch.testing.assert_close(found, frozen, atol=1e-6, rtol=0)
    assert method.image_tower(model) is None and not method.pictured
    expected = dev.classes.logit_scale * dev.val.image_features @ dev.classes.text_features.T
    torch.testing.assert_close(method.logits(model, dev.val, dev.classes)[0], expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("trains", TOWERS)
def test_towers_start_as_the_backbone_is(trains: str) -> None:
    method, dev = Contrastive(trains=trains, last=1), picture_pairs()
    model = built(method, dev).eval()
    assert dev.val.captions is not None
    with torch.inference_mode():
        images, captions = method.image_features(model, dev.val), method.caption_features(model, dev.val.captions)
        classes = method.text_features(model, dev.classes)
    torch.testing.assert_close(images, dev.val.image_features, atol=1e-5, rtol=0)
    torch.testing.assert_close(captions, dev.val.captions.text_features, atol=1e-5, rtol=0)
    torch.testing.assert_close(classes, dev.classes.text_features, atol=1e-5, rtol=0)
    batch = pair_batch(dev, size=6)
    pairs = method.embed(model.train(), batch)
    torch.testing.assert_close(pairs.image_features, batch.image_features, atol=1e-5, rtol=0)
    torch.testing.assert_close(pairs.text_features, batch.text_features, atol=1e-5, rtol=0)
    assert not torch.allclose(pairs.raw_image_features.norm(dim=-1), torch.ones(6), atol=0.1)
    torch.testing.assert_close(functional.normalize(pairs.raw_text_features, dim=-1), pairs.text_features)


@pytest.mark.parametrize("trains", TOWERS)
def test_the_final_projections_are_shared_and_trained(trains: str) -> None:
    method = Contrastive(trains=trains, last=1)
    model = built(method, picture_pairs())
    shared = method.shared(model)
    assert model.image_tower is not None and model.text_tower is not None and method.image_tower(model)
    assert shared[0] is model.image_tower.visual.proj and shared[1] is model.text_tower.tower.text_projection
    trained = {name for name, value in model.named_parameters() if value.requires_grad}
    assert len(trained) == {"projections": 6, "last_n_blocks": 6 + 24}.get(trains, len(trained))
    assert "log_scale" not in trained and "text_tower.tower.logit_scale" not in trained
    before = [value.detach().clone() for value in shared]
    stepped(method, model, picture_pairs(), steps=1, lr=1e-3)
    assert all(not torch.equal(now, then) for now, then in zip(shared, before, strict=True))


def test_heads_are_shared_and_may_be_new_layers() -> None:
    dev, method = toy_pairs(d=16), Contrastive(start="random", width=24, head_norm="batch")
    model = built(method, dev)
    assert [tuple(value.shape) for value in method.shared(model)] == [(24, 16), (24, 16)]
    assert method.image_features(model.eval(), dev.val).shape == (64, 24)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]
    assert [norm.momentum for norm in norms] == [0.01, 0.01]
    raw = method.embed(model.train(), pair_batch(dev)).raw_image_features
    torch.testing.assert_close(raw.var(dim=0, correction=0), torch.ones(24), atol=1e-2, rtol=0)


def test_a_new_layer_goes_behind_trained_towers_too() -> None:
    method = Contrastive(trains="projections", start="random", width=8)
    model, dev = built(method, picture_pairs()), picture_pairs()
    assert [len(value) for value in method.shared(model)] == [8, 8]
    assert method.image_features(model, dev.val).shape[1] == method.text_features(model, dev.classes).shape[1] == 8


def test_a_learnt_temperature_stays_in_its_bound() -> None:
    dev = toy_pairs()
    fixed, own = built(Contrastive(tau=0.001), dev), built(Contrastive(), dev)
    assert fixed.scale.item() == pytest.approx(1000, rel=1e-5) and not fixed.log_scale.requires_grad
    assert own.scale.item() == pytest.approx(dev.classes.logit_scale, rel=1e-5)
    method = Contrastive(tau=0.0101, learn_tau=True)
    model = built(method, dev)
    model.log_scale.data += 1.0
    method.after_step(model, 0, 1)
    assert model.scale.item() == pytest.approx(100, rel=1e-5)
    stepped(method, model, dev, steps=20, lr=3e-2)
    assert model.scale.item() != pytest.approx(100, rel=1e-3) and model.scale.item() < 100
    assert built(Contrastive(tau=0.001, learn_tau=True), dev).scale.item() == pytest.approx(100, rel=1e-5)


@pytest.mark.parametrize(
    ("knobs", "pictures"),
    [({"head_norm": "batch", "learn_tau": True}, False), ({"trains": "last_n_blocks", "last": 1}, True)],
)
def test_what_is_learnt_can_be_restored(knobs: dict[str, Any], pictures: bool) -> None:
    dev, method = picture_pairs() if pictures else toy_pairs(), Contrastive(**knobs)
    model = built(method, dev)
    stepped(method, model, dev, steps=3, lr=1e-3)
    again = built(method, dev)
    restore(again, learnt(model))
    for one in (model, again):
        one.eval()
    with torch.inference_mode():
        found = [method.image_features(one, dev.val) for one in (model, again, built(method, dev).eval())]
    assert torch.equal(found[0], found[1]) and not torch.allclose(found[0], found[2], atol=1e-4)
    assert torch.equal(model.scale, again.scale)


def test_frozen_layers_have_no_dropout_and_trained_ones_do() -> None:
    model = built(Contrastive(trains="last_n_blocks", last=1), picture_pairs())
    assert model.image_tower is not None
    blocks: Any = model.image_tower.visual.transformer.resblocks  # type: ignore[union-attr]
    model.image_tower.visual.patch_dropout = nn.Dropout(0.5)  # beside the trained projection, but before frozen blocks
    for block in blocks:
        block.mlp.append(nn.Dropout(0.5))
    model.train()
    assert [block.mlp[-1].training for block in blocks] == [False] * (len(blocks) - 1) + [True]
    assert not model.image_tower.visual.patch_dropout.training
    model.eval()
    assert not any(module.training for module in model.modules())


def test_pairs_without_classes_learn_and_towers_can_recompute() -> None:
    dev = without_classes(picture_pairs())
    method = Contrastive(trains="all")
    model = built(method, dev)
    checkpoint_activations(model)
    before = method.image_features(model, dev.val).detach()
    stepped(method, model, dev, steps=1, lr=1e-4)
    assert not torch.allclose(before, method.image_features(model, dev.val), atol=1e-5)


def test_towers_need_pictures_and_tokens() -> None:
    with pytest.raises(TrainingError, match=r"`all` trains the towers.*features only.*set it to `heads`"):
        Contrastive(trains="all").build(toy_pairs())
    method, dev = Contrastive(trains="projections"), picture_pairs()
    assert method.pictured and dev.val.captions is not None
    with pytest.raises(TrainingError, match=r"without tokens; set method\.trains to `heads`"):
        method.caption_features(built(method, dev), replace(dev.val.captions, tokens=None))
