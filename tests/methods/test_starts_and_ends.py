"""Works-when 3: before training every method is what it says it starts as, and mixtures of weights meet their ends."""

from dataclasses import replace
from functools import cache

import pytest
import torch

from tests.toy_pixels import towers, toy_pictures
from vlstudy.data.sets import DevSplits
from vlstudy.measurement import Measurement
from vlstudy.methods import METHODS, Method
from vlstudy.methods.clip_lora import ClipLora
from vlstudy.methods.coop import CoOp
from vlstudy.methods.finetune import Finetune
from vlstudy.schedules import SCHEDULES
from vlstudy.training import State, TrainSettings, build, fit

ALIGN = {"layers": 2, "branch_blocks": 2}
ALPHAS = (0.0, 0.5, 1.0)


def single_prompt() -> DevSplits:
    """A draw whose class texts come of one template, as CoOp's start needs it."""
    dev = toy_pictures().dev(0)
    template = ("a picture of a {}.",)
    texts = towers().class_text_features(dev.classes.names, template)
    return replace(dev, templates=template, classes=replace(dev.classes, text_features=texts))


@pytest.mark.parametrize(
    "method",
    [
        METHODS["alignclip"](averaged=(0, 1), **ALIGN),
        Finetune(alpha=ALPHAS),
        Finetune(tunes="both", alpha=ALPHAS),
        ClipLora(),
        ClipLora(updates="image"),
        ClipLora(updates="text"),
        CoOp(start="template"),
        METHODS["fma"](blocks=1, solver_steps=(0, 4)),
        METHODS["tip_adapter"](alpha=0.0),
        METHODS["clip_adapter"](ratio=0.0),
    ],
    ids=lambda method: type(method).__name__,
)
def test_before_training_it_is_zero_shot(method: Method) -> None:
    dev = single_prompt()
    model = build(method, dev, seed=0).eval()
    with torch.inference_mode():
        scores = method.logits(model, dev.train, dev.classes)
        zero_shot = METHODS["zero_shot"]().logits(torch.nn.Identity(), dev.train, dev.classes)
    assert torch.allclose(scores, zero_shot.expand_as(scores), atol=1e-3)  # scores are cosines times 50


def test_lora_starts_as_the_plain_prompt_where_it_is_asked_for() -> None:
    dev = toy_pictures().dev(0)
    method = ClipLora(prompt="plain")
    texts = method.text_features(build(method, dev, seed=0), dev.classes)
    assert torch.allclose(texts, towers().class_text_features(dev.classes.names, ["a photo of a {}."]), atol=1e-5)
    assert not torch.allclose(texts, dev.text_features, atol=1e-2)


@cache
def finetuned(tunes: str) -> tuple[Finetune, DevSplits, State]:
    method, dev = Finetune(tunes=tunes, alpha=ALPHAS), toy_pictures().dev(0)
    settings = TrainSettings(epochs=2, lr=1e-3, evaluations=1)
    ((_, state),) = fit(method, SCHEDULES["fixed"](), dev, settings, seed=0, objective="val/accuracy")
    return method, dev, state


@pytest.mark.parametrize("tunes", ["image", "both"])
def test_wise_ft_meets_both_ends(tunes: str) -> None:
    method, dev, state = finetuned(tunes)
    model = build(method, dev, seed=0).eval()
    model.load_state_dict(state.model, strict=False)
    with torch.inference_mode():
        start, middle, end = method.logits(model, dev.train, dev.classes)
        (whole,) = replace(method, alpha=1.0).logits(model, dev.train, dev.classes)
        zero_shot = METHODS["zero_shot"]().logits(torch.nn.Identity(), dev.train, dev.classes)[0]
        features = model.get_submodule("image").encode(dev.train)  # type: ignore[operator]
    assert torch.equal(start, zero_shot)
    assert torch.equal(end, whole)
    if tunes == "image":
        assert torch.allclose(end, dev.classes.logit_scale * features @ dev.text_features.T, atol=1e-4)
    assert not torch.allclose(middle, start, atol=0.1) and not torch.allclose(middle, end, atol=0.1)


def test_wise_ft_in_the_middle_is_the_mean_of_the_weights() -> None:
    method, dev, state = finetuned("image")
    model = build(method, dev, seed=0)
    started = {name: value.clone() for name, value in model.named_parameters() if value.requires_grad}
    model.load_state_dict(state.model, strict=False)
    mixed = model.between(0.5)  # type: ignore[operator]
    assert mixed.keys() == started.keys() == state.model.keys()
    for name, value in mixed.items():
        assert torch.allclose(value, (started[name] + state.model[name]) / 2, atol=1e-6)


def test_contrastive_fine_tuning_learns_and_trains_both_towers() -> None:
    dev = toy_pictures().dev(0)
    method = Finetune(tunes="both", loss="contrastive")
    settings = TrainSettings(epochs=12, lr=3e-4, batch=6, evaluations=2)
    (first, _), (last, state) = fit(method, SCHEDULES["fixed"](), dev, settings, seed=0, objective="val/accuracy")
    assert last.terms["classification"] < first.terms["classification"]
    before = dict(build(method, dev, seed=0).named_parameters())
    moved = {name.split(".")[0] for name, value in state.model.items() if not torch.equal(value, before[name])}
    assert moved == {"image", "text"}


def test_only_what_is_learnt_is_kept() -> None:
    dev = toy_pictures().dev(0)
    for method, kept in ((CoOp(context=3), {"context"}), (ClipLora(), {"lora_a", "lora_b"})):
        settings = TrainSettings(epochs=1, evaluations=1)
        ((_, state),) = fit(method, SCHEDULES["fixed"](), dev, settings, seed=0, objective="val/accuracy")
        assert {name.rpartition(".")[2] for name in state.model} == kept


def test_coop_scores_classes_that_it_never_saw() -> None:
    splits = toy_pictures(task="base_to_new").confirm(0)
    method = CoOp(context=3)
    model = build(method, splits.dev, seed=0)
    new = splits.test[1]
    assert method.logits(model, new.images, new.classes).shape == (1, len(new.images), 3)


def test_nothing_trained_is_zero_shot_measured_once() -> None:
    dev = toy_pictures().dev(0)
    ((only, state),) = fit(
        Finetune(trains="none"), SCHEDULES["fixed"](), dev, TrainSettings(), seed=0, objective="val/accuracy"
    )
    assert isinstance(only, Measurement) and only.progress == 1.0 and not state.model
