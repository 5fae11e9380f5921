"""Measuring: groups apart and together, attention in masks, and what the report draws."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.toy_pixels import toy_pictures
from vlstudy.data.sets import Splits
from vlstudy.errors import TrainingError
from vlstudy.measurement import Measurement, Point
from vlstudy.measuring import Evidence
from vlstudy.methods import METHODS
from vlstudy.methods.alignclip import AlignClip
from vlstudy.schedules import SCHEDULES
from vlstudy.state import State, learnt, restore
from vlstudy.training import TrainSettings, build, fit
from vlstudy.training import test as measure_test

FIXED = SCHEDULES["fixed"]()


def measured(name: str, splits: Splits, **fields: object) -> tuple[Measurement, Evidence]:
    method = METHODS[name](**fields)
    settings = TrainSettings(epochs=1, lr=1e-4, evaluations=1)
    *_, (_, state) = fit(method, FIXED, splits.dev, settings, seed=0, objective="val/accuracy")
    return measure_test(method, state, splits, "val/accuracy", seed=0)


def test_groups_are_measured_apart_and_in_the_mean() -> None:
    found, _ = measured("zero_shot", toy_pictures(task="base_to_new").confirm(0))
    metrics = found.metrics
    base, new = metrics["test/accuracy@base"], metrics["test/accuracy@new"]
    assert metrics["test/accuracy"] == pytest.approx((base + new) / 2)
    assert (metrics["test/base_accuracy"], metrics["test/new_accuracy"]) == (base, new)
    assert metrics["test/harmonic_mean"] == pytest.approx(2 * base * new / (base + new))
    assert "test/domain_accuracy" not in metrics


def test_one_group_has_no_name() -> None:
    found, _ = measured("zero_shot", toy_pictures().confirm(0))
    assert not any("@" in name and "attention" not in name for name in found.metrics)
    assert "test/harmonic_mean" not in found.metrics


def test_attention_is_measured_per_layer_where_there_are_masks() -> None:
    splits = toy_pictures().confirm(0)
    found, _ = measured("zero_shot", splits)
    layers = [found.metrics[f"test/attention_on_object@{layer}"] for layer in (1, 2, 3, 4)]
    assert all(0 < share < 1 for share in layers)
    assert found.metrics["test/attention_on_object"] == pytest.approx(sum(layers) / 4)
    (group,) = splits.test
    assert group.images.pixels is not None
    blind = replace(group, images=replace(group.images, pixels=replace(group.images.pixels, object_masks=None)))
    assert not any("attention" in name for name in measured("zero_shot", replace(splits, test=(blind,)))[0].metrics)
    assert not any("attention" in name for name in measured("clip_adapter", splits)[0].metrics)


def test_masks_of_everything_hold_all_attention() -> None:
    splits = toy_pictures().confirm(0)
    (group,) = splits.test
    pixels = group.images.pixels
    assert pixels is not None and pixels.object_masks is not None
    everything = replace(pixels, object_masks=torch.ones_like(pixels.object_masks))
    seen = replace(splits, test=(replace(group, images=replace(group.images, pixels=everything)),))
    assert measured("zero_shot", seen)[0].metrics["test/attention_on_object"] == pytest.approx(1.0, abs=1e-5)


def test_evidence_is_what_the_report_draws() -> None:
    splits = toy_pictures().confirm(0)
    _, evidence = measured("alignclip", splits, averaged=(0, 1))
    shapes = {name: array.shape for name, array in evidence.items()}
    assert shapes == {
        "reliability": (2, 15, 3),
        "pictures": (6, 64, 64, 3),
        "picture_classes": (6,),
        "masks": (6, 64, 64),
        "attention_before": (6, 4, 8, 8),
        "attention_after": (6, 4, 8, 8),
        "smoothing": (6, 6),
        "classnames": (6,),
    }
    assert np.allclose(evidence["attention_before"].sum(axis=(2, 3)), 1, atol=1e-5)
    assert set(evidence["picture_classes"]) == set(splits.dev.classes.names)
    assert evidence["reliability"][0, :, 2].sum() == len(splits.test[0].images)
    assert set(measured("clip_adapter", splits)[1]) == {"reliability"}


def test_reliability_pools_the_groups() -> None:
    splits = toy_pictures(task="base_to_new").confirm(0)
    _, evidence = measured("zero_shot", splits)
    images = sum(len(group.images) for group in splits.test)
    bins = evidence["reliability"][0]
    assert bins[:, 2].sum() == images
    right = float((bins[:, 1] * bins[:, 2]).sum()) / images
    found, _ = measured("zero_shot", splits)
    sizes = {group.name: len(group.images) for group in splits.test}
    expected = sum(found.metrics[f"test/accuracy@{name}"] * size for name, size in sizes.items()) / images
    assert right == pytest.approx(expected)


def test_frozen_weights_stay_out_of_a_checkpoint() -> None:
    model = build(METHODS["clip_lora"](), toy_pictures().dev(0), seed=0)
    kept = sum(value.numel() for value in learnt(model).values())
    assert 0 < kept < sum(value.numel() for value in model.parameters()) / 50
    averaged = build(AlignClip(), toy_pictures().dev(0), seed=0)
    assert any(name.startswith("average_") for name in learnt(averaged))
    assert not any(name in ("targets", "tower.mean", "tower.std") for name in learnt(averaged))


def test_another_models_checkpoint_is_refused() -> None:
    model = nn.Linear(2, 2)
    state = State(
        measurement=Measurement(step=1, progress=1.0, points=(Point(axis={}, metrics={}),), choice=0),
        model=dict(nn.Linear(2, 2, bias=False).state_dict()),
        optimizer={},
    )
    with pytest.raises(TrainingError, match="another model's: bias"):
        restore(model, state.model)
