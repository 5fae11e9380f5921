"""Measuring: groups apart and together, attention in masks, and what the report draws."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.planted import planted
from tests.toy_pixels import towers, toy_pictures
from vlstudy.backbones import vit
from vlstudy.data.sets import Splits
from vlstudy.errors import TrainingError
from vlstudy.losses import smoothing_matrix
from vlstudy.measurement import Measurement, Point
from vlstudy.measuring import Evidence
from vlstudy.methods import METHODS
from vlstudy.methods.alignclip import AlignClip
from vlstudy.methods.towers import ImageTower
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


def test_domains_have_their_mean_and_their_worst() -> None:
    splits = planted(0, shots=4).confirm(0)
    (flips,) = splits.test
    twice = replace(splits, test=(flips, replace(flips, name="as trained", images=splits.dev.train)))
    metrics = measured("zero_shot", twice)[0].metrics
    named = [metrics["test/accuracy@cue flips"], metrics["test/accuracy@as trained"]]
    assert metrics["test/accuracy"] == metrics["test/domain_accuracy"] == pytest.approx(sum(named) / 2)
    assert metrics["test/worst_domain_accuracy"] == min(named)
    assert {"test/harmonic_mean", "test/base_accuracy"}.isdisjoint(metrics)


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


def test_groups_count_alike_and_images_are_looked_at_all_over(monkeypatch: pytest.MonkeyPatch) -> None:
    splits = toy_pictures().confirm(0)
    (group,) = splits.test
    few = replace(group, name="few", images=group.images.take(torch.arange(2)))
    alone = [measured("zero_shot", replace(splits, test=(one,)))[0].metrics for one in (group, few)]
    both = measured("zero_shot", replace(splits, test=(group, few)))[0].metrics
    name = "test/attention_on_object"
    assert both[name] == pytest.approx((alone[0][name] + alone[1][name]) / 2, abs=1e-6)
    monkeypatch.setattr("vlstudy.measuring.LOOKED_AT", 2)
    ends = replace(group, images=group.images.take(torch.tensor([0, len(group.images) - 1])))
    spread = measured("zero_shot", replace(splits, test=(group,)))[0].metrics
    assert spread[name] == pytest.approx(measured("zero_shot", replace(splits, test=(ends,)))[0].metrics[name])


def test_masks_of_everything_hold_all_attention() -> None:
    splits = toy_pictures().confirm(0)
    (group,) = splits.test
    pixels = group.images.pixels
    assert pixels is not None and pixels.object_masks is not None
    everything = replace(pixels, object_masks=torch.ones_like(pixels.object_masks))
    seen = replace(splits, test=(replace(group, images=replace(group.images, pixels=everything)),))
    assert measured("zero_shot", seen)[0].metrics["test/attention_on_object"] == pytest.approx(1.0, abs=1e-5)


def test_attention_on_the_object_by_hand() -> None:
    splits = toy_pictures().confirm(0)
    (group,) = splits.test
    pixels, tower = group.images.pixels, towers()
    assert pixels is not None and pixels.object_masks is not None
    masks = torch.zeros_like(pixels.object_masks)
    masks[:, 8:24, 16:28] = True  # patches of 8: rows 1 and 2 of column 2 whole, of column 3 half
    masks[pixels.index[0]] = False  # nothing to look at: it does not count
    other = replace(pixels, object_masks=masks)
    seen = replace(splits, test=(replace(group, images=replace(group.images, pixels=other)),))
    found, _ = measured("zero_shot", seen)
    prepared = ImageTower(tower).prepare(pixels.plain(torch.arange(len(group.images))))
    with torch.inference_mode():
        attention = vit.attention_maps(tower.model.visual, prepared, heads=True)
    shares = []
    for layer, maps in enumerate(attention, start=1):
        row = maps.mean(dim=1)[1:, 0, 1:]
        inside = row[:, 10] + row[:, 18] + (row[:, 11] + row[:, 19]) / 2
        shares.append(float((inside / row.sum(dim=1)).mean()))
        assert found.metrics[f"test/attention_on_object@{layer}"] == pytest.approx(shares[-1], rel=1e-4)
    assert found.metrics["test/attention_on_object"] == pytest.approx(sum(shares) / 4, rel=1e-4)


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
    assert {name: array.dtype for name, array in evidence.items() if array.dtype.kind != "U"} == {
        "reliability": np.float64,
        "pictures": np.uint8,
        "masks": np.bool_,
        "attention_before": np.float32,
        "attention_after": np.float32,
        "smoothing": np.float32,
    }
    assert np.allclose(evidence["attention_before"].sum(axis=(2, 3)), 1, atol=1e-5)
    assert np.allclose(evidence["attention_after"].sum(axis=(2, 3)), 1, atol=1e-5)
    assert not np.allclose(evidence["attention_before"], evidence["attention_after"], atol=1e-5)
    assert np.allclose(evidence["smoothing"], smoothing_matrix(splits.dev.text_features, 35.0))
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


def test_the_file_of_a_checkpoint_lacks_the_text_tower(tmp_path: Path) -> None:
    splits, texts = toy_pictures().confirm(0), 4 * sum(value.numel() for value in text_weights())
    *_, (_, state) = fit(
        AlignClip(trains="lora"), FIXED, splits.dev, TrainSettings(epochs=1), seed=0, objective="val/accuracy"
    )
    state.save(tmp_path / "state.pt")
    assert (tmp_path / "state.pt").stat().st_size < texts / 2
    assert measure_test(AlignClip(trains="lora"), State.load(tmp_path / "state.pt"), splits, "val/accuracy", seed=0)


def text_weights() -> list[torch.Tensor]:
    return [value for name, value in towers().model.named_parameters() if not name.startswith("visual.")]


def test_another_models_checkpoint_is_refused() -> None:
    model = nn.Linear(2, 2)
    state = State(
        measurement=Measurement(step=1, progress=1.0, points=(Point(axis={}, metrics={}),), choice=0),
        model=dict(nn.Linear(2, 2, bias=False).state_dict()),
        optimizer={},
    )
    with pytest.raises(TrainingError, match="another model's: bias"):
        restore(model, state.model)
    wider = dict(nn.Linear(3, 2).state_dict())
    with pytest.raises(TrainingError, match="another model's: weight do not match"):
        restore(model, wider)
