"""What every method of the table must keep."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest
import torch

from tests.toy import CLASSES, toy_batch, toy_pool
from vlstudy.data.sets import Splits
from vlstudy.knobs import knobs
from vlstudy.methods import METHODS
from vlstudy.schedules import SCHEDULES
from vlstudy.training import TrainSettings, fit
from vlstudy.training import test as measure_test

pytestmark = pytest.mark.parametrize("name", list(METHODS))


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
    method = METHODS[name]()
    model = method.build(toy_pool().dev(0))
    terms = method.loss_terms(model, toy_batch(), np.random.default_rng(0))
    assert tuple(terms) == method.terms
    assert all(term.shape == () and term.requires_grad for term in terms.values())


def test_logits_have_a_row_of_classes_for_every_point(name: str) -> None:
    method, dev = METHODS[name](), toy_pool().dev(0)
    logits = method.logits(method.build(dev), dev.val.image_features, dev)
    assert logits.shape == (len(method.points()), len(dev.val), CLASSES)
    assert torch.isfinite(logits).all()


def test_it_learns_without_a_test_split_and_is_measured_on_one(name: str) -> None:
    splits = toy_pool(shots=8).confirm(0)
    settings = TrainSettings(epochs=40, lr=1e-3, evaluations=2)
    *_, (_, state) = fit(METHODS[name](), SCHEDULES["fixed"](), splits.dev, settings, seed=0, objective="val/accuracy")
    tested = measure_test(METHODS[name](), state, splits, "val/accuracy", seed=0)
    gain = tested.metrics["test/accuracy"] - _zero_shot(splits)
    assert gain == 0 if name == "zero_shot" else gain > 0.01


def _zero_shot(splits: Splits) -> float:
    right = (splits.test.image_features @ splits.dev.text_features.T).argmax(1) == splits.test.labels
    return float(right.double().mean())
