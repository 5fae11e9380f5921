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
from vlstudy.data.sets import Classes, DevSplits, FeatureSet
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


def slot(name: str) -> str:
    """Where a checkpoint has the average of a parameter of the tower."""
    return "average_" + name.removeprefix("tower.").replace(".", "/")


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
    blocks: Any = model.tower.visual.get_submodule("transformer.resblocks")
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


@pytest.mark.parametrize("beta", [0.1, 0.5])
def test_check_18_the_average_is_of_the_weights_before_and_after_every_step(beta: float) -> None:
    moments = trained(AlignClip(**{**PLAIN, "beta": beta}), toy_pictures().dev(0), batch=6, evaluations=4)
    walk = [dict(model_of(AlignClip()).named_parameters()), *(state.model for _, state in moments)]
    weights = torch.from_numpy(stats.beta(beta, beta).pdf((np.arange(5) + 0.5) / 5))
    for name in walk[0]:
        explicit = torch.stack([weight * values[name].double() for weight, values in zip(weights, walk, strict=True)])
        average = moments[-1][1].model[slot(name)]
        assert torch.allclose(average.double(), explicit.sum(dim=0) / weights.sum(), rtol=1e-6, atol=1e-7)


def test_check_18_without_a_learning_rate_the_average_stays_exactly() -> None:
    ((_, state),) = trained(AlignClip(), toy_pictures().dev(0), lr=0.0)
    assert all(torch.equal(state.model[slot(name)], value) for name, value in model_of(AlignClip()).named_parameters())


@pytest.mark.parametrize("margin", [0.3, 0.0])
def test_check_19_without_its_ideas_its_gradient_is_clipoods_or_plain_fine_tunings(margin: float) -> None:
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


@pytest.mark.parametrize(("margin", "beta"), [(0.3, 0.5), (0.0, 0.0)])
def test_check_19_without_its_ideas_a_step_is_clipoods_or_plain_fine_tunings(margin: float, beta: float) -> None:
    dev, rate, decay = toy_pictures().dev(0), 1e-3, 0.1
    method = AlignClip(**{**PLAIN, "margin": margin, "beta": beta})
    ((_, state),) = trained(method, dev, epochs=1, lr=rate, batch=12, warmup_epochs=0, weight_decay=decay)
    batch, backbone = Batches(dev=dev, size=12, seed=0, crop=0.7, pixels=True).of(0), load("miniature")
    assert batch.pictures is not None
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (backbone.mean, backbone.std))
    seen = backbone.model.visual.requires_grad_()((batch.pictures.permute(0, 3, 1, 2) / 255 - mean) / std)
    shifted = functional.normalize(seen, dim=1) - margin * dev.text_features[batch.labels]
    loss = functional.cross_entropy(backbone.logit_scale * shifted @ dev.text_features.T, batch.labels)
    named = dict(backbone.model.visual.named_parameters())
    clear = []
    for (name, start), grad in zip(named.items(), torch.autograd.grad(loss, list(named.values())), strict=True):
        after = state.model[f"tower.visual.{name}"]
        by_hand = start * (1 - rate * decay) - rate * grad / (grad.abs() + 1e-8)  # AdamW's first step
        clear.append(grad.abs().flatten() > 1e-5)  # of a gradient that is nothing it takes the sign of noise
        assert torch.allclose(after.flatten()[clear[-1]], by_hand.flatten()[clear[-1]], atol=1e-2 * rate)
        if beta:
            assert torch.allclose(state.model[slot(f"tower.visual.{name}")], (start + after) / 2, atol=1e-7)
    assert torch.cat(clear).double().mean() > 0.9
    assert beta or not any("average" in name for name in state.model)


def test_check_20_text_tower_and_scale_stay_bit_by_bit() -> None:
    backbone = load("miniature")
    before = {name: value.clone() for name, value in backbone.model.state_dict().items()}
    dev = replace(toy_pictures().dev(0), towers=lambda: backbone)
    texts, scale = dev.text_features.clone(), dev.classes.logit_scale
    ((_, state),) = trained(AlignClip(weight=1.0), dev)
    moved = {name for name, value in backbone.model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and all(name.startswith("visual.") for name in moved)
    assert {"logit_scale", "token_embedding.weight"} <= before.keys()
    assert torch.equal(dev.text_features, texts) and dev.classes.logit_scale == scale
    assert not any("text" in name or "logit" in name for name in state.model)


def test_check_20_the_losses_leave_no_trace_in_predictions() -> None:
    splits, method = toy_pictures().confirm(1), AlignClip(averaged=(0, 1))
    ((_, state),) = trained(method, splits.dev)
    points = [
        measure_test(replace(method, **change), state, splits, "val/accuracy", seed=0)[0].points
        for change in ({}, {"margin": 0.0}, {"eps": 0.5}, {"weight": 0.0}, {"sls": "released", "sigma": 5.0})
    ]
    assert all(other == points[0] for other in points[1:])
    assert points[0][0].metrics != points[0][1].metrics


def test_check_22_a_metric_is_of_the_images_that_it_is_named_after() -> None:
    pool, method = toy_pictures(task="base_to_new"), AlignClip()
    dev, splits = pool.dev(1), pool.confirm(1)
    model = model_of(method).eval()

    def by_hand(images: FeatureSet, classes: Classes) -> float:
        with torch.inference_mode():
            predicted = method.logits(model, images, classes)[0].argmax(dim=1)
        return float((predicted == images.labels).double().mean())

    ((seen, state),) = trained(method, dev, lr=0.0)
    assert seen.points[0].metrics["val/accuracy"] == by_hand(dev.val, dev.classes)
    base, new = splits.test
    odd = replace(new, images=replace(new.images, labels=(new.images.labels + 1) % len(new.classes.names)))
    tests = [
        measure_test(method, state, replace(splits, test=(base, other)), "val/accuracy", seed=0)[0].metrics
        for other in (new, odd)
    ]
    for metrics, other in zip(tests, (new, odd), strict=True):
        assert metrics["test/accuracy@base"] == by_hand(base.images, base.classes)
        assert metrics["test/accuracy@new"] == by_hand(other.images, other.classes)
    changed = {name for name in tests[0] if tests[0][name] != tests[1][name]}
    assert "test/accuracy@new" in changed and not any("base" in name for name in changed)


def without_target(pool: Pool) -> Pool:
    """The same pool in which nothing is left of the images that may not be trained on."""
    images = pool.train
    assert isinstance(images, Features) and images.pixels is not None
    target = torch.from_numpy(~pool.task.may_train(images.labels, images.domains, len(pool.classnames)))
    features, content = images.image_features.clone(), images.pixels.content.view(len(target), -1).clone()
    features[target], content[target] = torch.nan, 255
    pixels = replace(images.pixels, content=content.flatten())
    return replace(pool, train=replace(images, image_features=features, pixels=pixels))


@pytest.mark.parametrize("task", ["domain_shift", "base_to_new", "open_class"])
def test_check_23_choosing_never_sees_the_target(task: str) -> None:
    pool, method = planted(0) if task == "domain_shift" else toy_pictures(task=task), AlignClip()
    blind = without_target(pool)
    ((seen, one),), ((same, other),) = (trained(method, either.dev(1), batch=48) for either in (pool, blind))
    assert seen.points == same.points and dict(seen.terms) == dict(same.terms)
    assert all(name.startswith("val/") for point in seen.points for name in point.metrics)
    assert all(torch.equal(value, other.model[name]) for name, value in one.model.items())
    tests = [measure_test(method, one, either.confirm(1), "val/accuracy", seed=1)[0] for either in (pool, blind)]
    assert tests[0].metrics != tests[1].metrics  # they are what the test is of


@pytest.mark.parametrize(
    ("off", "silent"), [({"target": "off"}, "attention"), ({"sim_align": "off"}, "similarity"), ({"weight": 0.0}, "")]
)
def test_each_part_is_switched_apart(off: dict[str, Any], silent: str) -> None:
    def terms(**fields: Any) -> dict[str, float]:
        method = AlignClip(**{"weight": 2.0, "sim_align": "label", **fields})
        found = method.loss_terms(model_of(method), toy_picture_batch(), np.random.default_rng(0))
        return {name: value.item() for name, value in found.items()}

    both, one = terms(), terms(**off)
    gone = {silent} if silent else {"attention", "similarity"}
    assert {name for name, value in one.items() if value == 0} == gone
    for name in one.keys() - gone:
        assert one[name] == pytest.approx(both[name], rel=1e-3)  # attention without maps is another kernel's
    assert terms(weight=4.0)["attention"] == pytest.approx(both["attention"], rel=1e-5)  # unweighted, as logged
    assert AlignClip(weight=4.0).scales() == {"attention": 4.0, "similarity": 4.0}
    assert terms(target="uniform")["attention"] != pytest.approx(both["attention"], rel=1e-5)


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
    carried = dev.classes.logit_scale * AlignClip(averaged=0).image_features(model, dev.train) @ dev.text_features.T
    assert torch.allclose(carried, last, atol=1e-3)  # what is measured last is what is carried
    assert AlignClip(averaged=(0, 1), beta=0.0).points() == ({"averaged": 0.0},)  # there is no average then


def test_a_smoothing_matrix_is_shown_only_where_labels_are_smoothed_by_it() -> None:
    dev, method = toy_pictures().dev(0), AlignClip()
    assert method.evidence(model_of(method), dev)["smoothing"].shape == (6, 6)
    assert AlignClip(sls="uniform").evidence(model_of(method), dev) == {}


def test_lora_updates_are_averaged_and_attended() -> None:
    method = AlignClip(trains="lora")
    model = model_of(method)
    assert model.names and all("lora" in name for name in model.names)
    assert vit.depth(model.tower.visual) == 4
    assert any(grad.abs().max() > 0 for grad in gradients(method, model).values())
