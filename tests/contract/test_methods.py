"""What every method of the table must keep."""

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
import torch

from tests.toy import toy_batch, toy_pool
from tests.toy_pairs import pair_batch, toy_pairs
from tests.toy_pixels import toy_picture_batch, toy_pictures
from vlstudy.data.pool import Pool
from vlstudy.data.sets import DevSplits, Group, Splits
from vlstudy.knobs import knobs
from vlstudy.methods import METHODS, Method
from vlstudy.schedules import SCHEDULES
from vlstudy.training import TrainSettings, fit
from vlstudy.training import test as measure_test

pytestmark = pytest.mark.parametrize("name", list(METHODS))


SMALL = {"alignclip": {"layers": 2, "branch_blocks": 2}}  # the miniature has four blocks


RATES = {"alignclip": 3e-4, "finetune": 1e-4, "clip_lora": 5e-3}


def made(name: str) -> Method:
    return METHODS[name](**SMALL.get(name, {}))


def on_pairs(name: str) -> bool:
    return "labels" not in METHODS[name].trains_on


def draw(name: str) -> DevSplits:
    return toy_pairs() if on_pairs(name) else pool(name).dev(0)


def pool(name: str, shots: int = 4) -> Pool:
    return toy_pictures(shots=min(shots, 4), per_class=12) if METHODS[name].towers else toy_pool(shots=shots)


def test_every_field_is_a_described_knob_with_a_default(name: str) -> None:
    method = METHODS[name]
    assert is_dataclass(method) and method.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert set(knobs(method)) == {field.name for field in fields(method)}
    assert all(knob.meaning and knob.default is not None for knob in knobs(method).values())
    assert method.summary and method.source


def test_defaults_lie_in_their_ranges(name: str) -> None:
    for knob in knobs(METHODS[name]).values():
        values = knob.default if isinstance(knob.default, tuple) else (knob.default,)
        for value in values:
            assert not knob.choices or value in knob.choices
            assert knob.low is None or knob.low <= value
            assert knob.high is None or value <= knob.high


def test_loss_terms_are_the_named_scalars(name: str) -> None:
    method = made(name)
    model = method.build(draw(name))
    batch = pair_batch(toy_pairs()) if on_pairs(name) else toy_picture_batch() if method.towers else toy_batch()
    if not method.terms:
        return
    batch = replace(batch, embeddings=method.embed(model, batch))
    terms = method.loss_terms(model, batch, np.random.default_rng(0))
    assert tuple(terms) == method.terms
    assert all(term.shape == () and term.requires_grad for term in terms.values())


def test_logits_have_a_row_of_classes_for_every_point(name: str) -> None:
    method, dev = made(name), draw(name)
    logits = method.logits(method.build(dev), dev.val, dev.classes)
    assert logits.shape == (len(method.points()), len(dev.val), len(dev.classes.names))
    assert torch.isfinite(logits).all()


def test_it_learns_without_a_test_split_and_is_measured_on_one(name: str) -> None:
    towers = METHODS[name].towers
    if on_pairs(name):
        dev = toy_pairs(n=128)
        splits = Splits(dev=dev, test=(Group(name="", images=dev.val, classes=dev.classes),))
    else:
        splits = pool(name, shots=8).confirm(0)
    settings = TrainSettings(epochs=10 if towers else 40, lr=RATES.get(name, 1e-3), evaluations=2)
    seen = list(fit(made(name), SCHEDULES["fixed"](), splits.dev, settings, seed=0, objective="val/accuracy"))
    tested, evidence = measure_test(made(name), seen[-1][1], splits, "val/accuracy", seed=0)
    gain = tested.metrics["test/accuracy"] - _zero_shot(splits)
    if on_pairs(name):
        assert {"test/accuracy", "val/accuracy"} <= tested.metrics.keys() | seen[-1][0].metrics.keys()
        assert not METHODS[name].terms or sum(seen[-1][0].terms.values()) < sum(seen[0][0].terms.values())
    elif towers:  # 48 test images: accuracy is too coarse, what is minimised is not
        first, last = (sum(measurement.terms.values()) for measurement, _ in seen)
        assert last < 0.97 * first and gain > -0.05
    else:
        assert gain == 0 if name == "zero_shot" else gain > 0.01
    assert evidence["reliability"].shape == (len(made(name).points()), 15, 3)


def _zero_shot(splits: Splits) -> float:
    images = splits.test[0].images
    right = (images.image_features @ splits.dev.text_features.T).argmax(1) == images.labels
    return float(right.double().mean())
