"""What saves memory changes nothing else, and a batch that does not fit is told with the size that would."""

import pickle
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.toy import toy_pool
from tests.toy_pixels import toy_pictures
from vlstudy.backbones import load
from vlstudy.backbones.towers import Backbone
from vlstudy.data.sets import DevSplits
from vlstudy.errors import BatchTooLarge, NonFiniteLoss
from vlstudy.methods import METHODS, Batch
from vlstudy.methods.clip_adapter import ClipAdapter
from vlstudy.schedules import SCHEDULES
from vlstudy.training import State, TrainSettings, fit

FIXED = SCHEDULES["fixed"]()
SETTINGS = TrainSettings(epochs=1, lr=1e-3, batch=12, evaluations=1, warmup_epochs=0)


@dataclass(frozen=True, kw_only=True)
class Greedy(ClipAdapter):
    """An adapter on an accelerator that holds `room` images."""

    room: ClassVar[int] = 3

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        if len(batch.labels) > self.room:
            raise torch.OutOfMemoryError("no room")
        return ClipAdapter.loss_terms(self, model, batch, rng)


def trained(method: Any, dev: DevSplits | None = None, **changes: Any) -> State:
    dev = dev or (toy_pictures() if method.towers else toy_pool()).dev(0)
    *_, (_, state) = fit(method, FIXED, dev, replace(SETTINGS, **changes), seed=0, objective="val/accuracy")
    return state


def first_moments(state: State) -> list[Tensor]:
    """AdamW's first moment after one step is a tenth of the gradient."""
    return [entry["exp_avg"] for entry in state.optimizer["state"].values()]


@pytest.mark.parametrize("name", ["clip_adapter", "finetune", "alignclip"])
def test_a_batch_in_parts_gives_the_same_gradient(name: str) -> None:
    whole, parted = trained(METHODS[name]()), trained(METHODS[name](), accumulate=4)
    for one, other in zip(first_moments(whole), first_moments(parted), strict=True):
        assert torch.allclose(one, other, atol=5e-6 * float(one.abs().max()) + 1e-8)
        assert float((one - other).abs().max()) < 1e-6
    assert whole.measurement.terms == pytest.approx(dict(parted.measurement.terms), rel=1e-4)


@pytest.mark.parametrize("name", ["finetune", "alignclip"])
def test_activations_computed_again_give_the_same_training(name: str) -> None:
    learning: list[bool] = []

    def watched() -> Backbone:
        backbone = load("miniature")
        backbone.model.visual.transformer.resblocks[0].ln_1.register_forward_hook(
            lambda *_: learning.append(torch.is_grad_enabled())
        )
        return backbone

    dev = replace(toy_pictures().dev(0), towers=watched)
    plain = trained(METHODS[name](), dev)
    assert learning.count(True) == 1
    again = trained(METHODS[name](), dev, checkpoint_activations=True)
    assert learning.count(True) == 3  # once forwards, once backwards
    for one, other in zip(first_moments(plain), first_moments(again), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_the_gradient_is_scaled_down_to_the_largest_norm() -> None:
    def norm(state: State) -> float:
        return 10 * float(torch.cat([moment.flatten() for moment in first_moments(state)]).norm())

    free, bound = trained(ClipAdapter(), batch=1000), trained(ClipAdapter(), batch=1000, clip_norm=0.01)
    assert norm(free) > 0.02
    assert norm(bound) == pytest.approx(0.01, rel=1e-3)


def test_a_batch_that_does_not_fit_says_what_would() -> None:
    with pytest.raises(BatchTooLarge) as caught:
        trained(Greedy())
    assert (caught.value.images, caught.value.fits) == (12, 3)
    for way_out in ("12 images at once", "train.batch to 3", "train.accumulate to 4", "train.checkpoint_activations"):
        assert way_out in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert trained(Greedy(), accumulate=4).measurement.progress == 1.0
    assert trained(Greedy(), batch=3).measurement.progress == 1.0


def test_it_counts_the_parts_that_there_are_already() -> None:
    with pytest.raises(BatchTooLarge) as caught:
        trained(Greedy(), accumulate=2)
    assert (caught.value.images, caught.value.fits) == (6, 3)
    assert "train.accumulate to 4" in str(caught.value) and "train.batch to 6" in str(caught.value)


def test_where_nothing_fits_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Greedy, "room", 0)
    with pytest.raises(BatchTooLarge, match="Not even one fits"):
        trained(Greedy())


def test_half_precision_is_asked_for_or_left_to_the_device() -> None:
    seen: list[torch.dtype] = []

    @dataclass(frozen=True, kw_only=True)
    class Watched(ClipAdapter):
        def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
            seen.append((batch.image_features @ batch.image_features.T).dtype)
            return ClipAdapter.loss_terms(self, model, batch, rng)

    for precision in ("auto", "fp32", "bf16"):
        trained(Watched(), batch=1000, precision=precision)
    assert seen == [torch.float32, torch.float32, torch.bfloat16]


def test_half_precision_gives_alignclips_losses_but_for_rounding() -> None:
    full, half = (trained(METHODS["alignclip"](), precision=name).measurement.terms for name in ("fp32", "bf16"))
    assert full != half
    for name, value in full.items():
        assert half[name] == pytest.approx(value, rel=0.03)


def test_half_precision_still_learns() -> None:
    state = trained(METHODS["finetune"](), precision="bf16", epochs=6, lr=1e-4)
    assert (
        state.measurement.terms["classification"] < trained(METHODS["finetune"]()).measurement.terms["classification"]
    )


def test_a_loss_that_is_no_number_is_told_of_pictures_too() -> None:
    with pytest.raises(NonFiniteLoss):
        trained(METHODS["finetune"](), lr=1e30, epochs=4)
