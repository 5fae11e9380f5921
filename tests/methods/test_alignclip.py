"""AlignCLIP as a trained method: the specification's checks 1, 4, 9, 11, 18 to 20, 22 and 23."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional

from tests.planted import planted
from tests.toy_pixels import towers, toy_picture_batch, toy_pictures
from vlstudy.backbones import load, vit
from vlstudy.batches import Batches
from vlstudy.data.pool import Features, Pool
from vlstudy.data.sets import DevSplits, Splits
from vlstudy.measurement import Measurement
from vlstudy.methods.alignclip import AlignClip, AlignedTower
from vlstudy.methods.finetune import Finetune
from vlstudy.schedules import SCHEDULES
from vlstudy.training import State, TrainSettings, build, fit
from vlstudy.training import test as measure_test

FIXED = SCHEDULES["fixed"]()
PLAIN: dict[str, Any] = {"weight": 0.0, "sls": "off", "margin": 0.0, "beta": 0.0}


def model_of(method: AlignClip) -> AlignedTower:
    model = build(method, toy_pictures().dev(0), seed=0)
    assert isinstance(model, AlignedTower)
    return model


def trained(method: AlignClip, dev: DevSplits, **settings: Any) -> list[tuple[Measurement, State]]:
    chosen = TrainSettings(**{"epochs": 2, "lr": 1e-3, "evaluations": 1, **settings})
    return list(fit(method, FIXED, dev, chosen, seed=0, objective="val/accuracy"))


def gradients(method: Any, model: nn.Module) -> dict[str, Tensor]:
    terms = method.loss_terms(model, toy_picture_batch(), np.random.default_rng(0))
    total = torch.stack(list(terms.values())).sum()
    named = {name: value for name, value in model.named_parameters() if value.requires_grad}
    found = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    return {
        name: torch.zeros_like(value) if grad is None else grad
        for (name, value), grad in zip(named.items(), found, strict=True)
    }


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("branch", ["dv", "vvv", "qq", "kk"])
def test_check_01_the_ordinary_path_is_clips_own(training: bool, branch: str) -> None:
    method = AlignClip(branch=branch)
    model = model_of(method).train(training)
    batch = toy_picture_batch()
    assert batch.pictures is not None
    with torch.no_grad():
        paths = method._paths(model.tower, batch)
    assert float((paths.tokens[:, 0] - towers().encode_images(batch.pictures)).abs().max()) < 1e-6


@pytest.mark.parametrize("beta", [0.5, 0.0])
def test_check_04_no_parameters_are_added(beta: float) -> None:
    plain = towers().model.visual
    model = model_of(AlignClip(beta=beta))
    assert model.tower.visual.state_dict().keys() == plain.state_dict().keys()
    assert {name for name, _ in model.named_parameters()} == {f"tower.visual.{x}" for x, _ in plain.named_parameters()}


def test_check_09_the_attention_loss_moves_only_queries_and_keys_of_the_aligned_blocks() -> None:
    method = AlignClip(sim_align="off", layers=2, branch_blocks=2, detach_target=True)
    model = model_of(method)
    loss = method.loss_terms(model, toy_picture_batch(), np.random.default_rng(0))["attention"]
    blocks = model.tower.visual.transformer.resblocks
    named = {name: value for name, value in blocks.named_parameters()}
    found = dict(zip(named, torch.autograd.grad(loss, list(named.values()), allow_unused=True), strict=True))
    width = blocks[0].attn.embed_dim

    def moved(name: str, part: slice = slice(None)) -> bool:
        grad = found[name]
        return grad is not None and bool(grad[part].abs().max() > 0)

    for number in (2, 3):
        assert not any(moved(name) for name in named if name.startswith(f"{number}."))
    last = ("1.attn.out_proj.weight", "1.mlp.c_fc.weight", "1.mlp.c_proj.weight", "1.ln_2.weight")
    assert not any(moved(name) for name in last)
    assert not moved("1.attn.in_proj_weight", slice(2 * width, None))
    for number in (0, 1):
        assert moved(f"{number}.attn.in_proj_weight", slice(width))
        assert moved(f"{number}.attn.in_proj_weight", slice(width, 2 * width))
    key_bias = found["1.attn.in_proj_bias"]
    assert key_bias is not None and float(key_bias[width : 2 * width].abs().max()) < 1e-6  # softmax ignores it


def test_check_11_without_weight_it_is_as_without_the_branch() -> None:
    without = AlignClip(weight=0.0)
    off = AlignClip(target="off", sim_align="off")
    one, two = gradients(without, model_of(without)), gradients(off, model_of(off))
    assert all(torch.equal(one[name], two[name]) for name in one)
    aligned = AlignClip(weight=1.0)
    assert any(not torch.allclose(one[name], grad) for name, grad in gradients(aligned, model_of(aligned)).items())


@pytest.mark.parametrize("margin", [0.3, 0.0])
def test_check_19_without_its_ideas_a_step_is_clipoods_or_plain_fine_tuning(margin: float) -> None:
    method, batch = AlignClip(**{**PLAIN, "margin": margin}), toy_picture_batch()
    ours = gradients(method, model_of(method))
    model, texts = model_of(method), batch.classes.text_features
    features = model.tower(batch.pictures)
    shifted = batch.classes.logit_scale * (features @ texts.T - margin * texts[batch.labels] @ texts.T)
    named = dict(model.named_parameters())
    theirs = torch.autograd.grad(functional.cross_entropy(shifted, batch.labels), list(named.values()))
    assert all(torch.allclose(ours[name], grad, atol=1e-5) for name, grad in zip(named, theirs, strict=True))
    if not margin:
        plain = Finetune()
        finetuned = gradients(plain, build(plain, toy_pictures().dev(0), seed=0))
        for name, grad in ours.items():
            assert torch.allclose(grad, finetuned[name.replace("tower.", "image.")], atol=1e-5)


def test_check_20_texts_and_scale_stay_and_the_losses_leave_no_trace_in_predictions() -> None:
    dev = toy_pictures().dev(0)
    texts, scale = dev.text_features.clone(), dev.classes.logit_scale
    method = AlignClip(averaged=(0, 1))
    settings = TrainSettings(epochs=2, lr=1e-3, evaluations=1)
    ((_, state),) = fit(method, FIXED, dev, settings, seed=0, objective="val/accuracy")
    assert torch.equal(dev.text_features, texts) and dev.classes.logit_scale == scale
    assert not any("text" in name or "logit" in name for name in state.model)
    splits = toy_pictures().confirm(1)
    points = [
        measure_test(replace(method, **change), state, splits, "val/accuracy", seed=0)[0].points
        for change in ({}, {"margin": 0.0}, {"eps": 0.5}, {"weight": 0.0}, {"sls": "released", "sigma": 5.0})
    ]
    assert all(other == points[0] for other in points[1:])


def test_check_22_a_metric_is_of_the_images_that_it_is_named_after() -> None:
    splits = toy_pictures(task="base_to_new").confirm(1)
    method = AlignClip()
    model = build(method, splits.dev, seed=0).eval()
    state = next(
        iter(fit(method, FIXED, splits.dev, TrainSettings(epochs=1, lr=0.0), seed=0, objective="val/accuracy"))
    )
    tested, _ = measure_test(method, state[1], splits, "val/accuracy", seed=0)
    for group in splits.test:
        with torch.inference_mode():
            predicted = method.logits(model, group.images, group.classes)[0].argmax(dim=1)
        expected = float((predicted == group.images.labels).double().mean())
        assert tested.points[0].metrics[f"test/accuracy@{group.name}"] == expected


def test_check_23_choosing_never_sees_the_target() -> None:
    splits = toy_pictures(task="base_to_new").confirm(1)
    method, settings = AlignClip(), TrainSettings(epochs=1, lr=1e-3, evaluations=1)
    ((seen, _),) = fit(method, FIXED, splits.dev, settings, seed=0, objective="val/accuracy")
    assert all(name.startswith("val/") for point in seen.points for name in point.metrics)
    assert not hasattr(splits.dev, "test")
    assert measure(method, build(method, splits.dev, seed=0), splits.dev)[0].metrics.keys() == seen.metrics.keys()


def test_the_average_is_what_is_measured_and_carried() -> None:
    dev = toy_pictures().dev(0)
    method = AlignClip(averaged=(0, 1))
    model = model_of(method)
    with torch.no_grad():
        for value in model.tower.visual.parameters():
            value.add_(0.01 * torch.randn_like(value))
        last, averaged = method.logits(model, dev.train, dev.classes)
    zero_shot = dev.classes.logit_scale * dev.train.image_features @ dev.text_features.T
    assert torch.allclose(averaged, zero_shot, atol=1e-3)  # nothing was taken into the average yet
    assert not torch.allclose(last, zero_shot, atol=0.1)
    assert torch.allclose(method.image_features(model, dev.train), dev.train.image_features, atol=1e-5)


def test_lora_updates_are_averaged_and_attended() -> None:
    method = AlignClip(trains="lora")
    model = model_of(method)
    assert model.names and all("lora" in name for name in model.names)
    assert vit.depth(model.tower.visual) == 4
    assert any(grad.abs().max() > 0 for grad in gradients(method, model).values())
