"""A flow on a trained method: it starts from that method's features, which are trained once."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.toy_pixels import toy_pictures
from vlstudy import stacking
from vlstudy.methods import METHODS, Method
from vlstudy.schedules import SCHEDULES
from vlstudy.stacking import Base
from vlstudy.training import State, TrainSettings, fit
from vlstudy.training import test as measure_test

FIXED = SCHEDULES["fixed"]()
RATES = {"coop": 3e-3, "clip_lora": 5e-3, "clip_adapter": 1e-3, "zero_shot": 1e-3}


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path))


def base(name: str) -> Base:
    return Base(
        method=METHODS[name](),
        schedule=FIXED,
        settings=TrainSettings(epochs=3, lr=RATES[name], evaluations=3),
        key={"study": "test", "base": name},
        seed=1,
        objective="val/accuracy",
    )


def trained(method: Method, settings: TrainSettings) -> State:
    *_, (_, state) = fit(method, FIXED, toy_pictures().confirm(1).dev, settings, seed=1, objective="val/accuracy")
    return state


@pytest.mark.parametrize("name", list(RATES))
def test_check_02_no_steps_is_the_base_to_the_last_image(name: str) -> None:
    lower, splits = base(name), toy_pictures().confirm(1)
    alone, _ = measure_test(lower.method, trained(lower.method, lower.settings), splits, "val/accuracy", seed=1)
    flow = METHODS["fma"](blocks=1, solver_steps=(0, 3))
    above = lower.splits(splits)
    settings = TrainSettings(epochs=2, lr=1e-3, evaluations=1)
    ((_, state),) = fit(flow, FIXED, above.dev, settings, seed=1, objective="val/accuracy")
    tested, _ = measure_test(flow, state, above, "val/accuracy", seed=1)
    assert tested.points[0].metrics["test/accuracy"] == alone.metrics["test/accuracy"]
    assert tested.points[0].metrics["test/cross_entropy"] == pytest.approx(
        alone.metrics["test/cross_entropy"], rel=1e-4
    )


def test_the_lower_method_is_trained_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(*args: object, **kwargs: object) -> object:
        calls.append(1)
        return fit(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(stacking, "fit", counted)
    splits = toy_pictures().confirm(1)
    one, two = base("coop").dev(splits.dev), base("coop").splits(splits)
    assert len(calls) == 1
    assert torch.equal(one.text_features, two.dev.text_features)
    replace(base("coop"), seed=2).dev(splits.dev)
    replace(base("coop"), key={"study": "other"}).dev(splits.dev)
    assert len(calls) == 3


def test_texts_and_images_of_both_stages_are_the_lower_methods() -> None:
    splits = toy_pictures().confirm(1)
    above = base("clip_lora").splits(splits)
    assert not torch.allclose(above.dev.text_features, splits.dev.text_features, atol=1e-3)
    assert not torch.allclose(above.dev.train.image_features, splits.dev.train.image_features, atol=1e-3)
    norms = above.test[0].images.image_features.norm(dim=1)
    assert torch.allclose(norms, torch.ones_like(norms), atol=1e-5)
    assert above.test[0].images.pixels is splits.test[0].images.pixels
