"""Training: exact repetition, exact continuation, learning rates, and losses that are not numbers."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.toy import toy_pool
from tests.toy_pairs import toy_pairs
from tests.toy_pixels import toy_pictures
from vlstudy.errors import NonFiniteLoss, TrainingError
from vlstudy.measurement import Measurement, Point
from vlstudy.measuring import best
from vlstudy.methods import METHODS, Method
from vlstudy.methods.fma import Fma
from vlstudy.methods.protocol import Batch
from vlstudy.schedules import SCHEDULES
from vlstudy.training import State, TrainSettings, fit, learning_rate

FIXED = SCHEDULES["fixed"]()
SETTINGS = TrainSettings(epochs=8, lr=1e-3, batch=7, evaluations=4)


def moments(
    method: object, state: State | None = None, settings: TrainSettings = SETTINGS, views: int = 0
) -> list[tuple[Measurement, State]]:
    if "labels" not in method.trains_on:  # type: ignore[attr-defined]
        dev = toy_pairs(n=30)
    elif method.towers:  # type: ignore[attr-defined]
        dev = toy_pictures().dev(0)
    else:
        dev = toy_pool(views=views).dev(0)
    return list(fit(method, FIXED, dev, settings, seed=3, objective="val/accuracy", state=state))  # type: ignore[arg-type]


def small(name: str) -> Method:
    """A method with its defaults, where the miniature's four blocks allow."""
    return METHODS[name](**({"layers": 2, "branch_blocks": 2} if name == "alignclip" else {}))


STEPPED = [small(name) for name, kind in METHODS.items() if kind.towers or name in ("clip_adapter", "contrastive")]


def timeless(measurement: Measurement) -> Measurement:
    return replace(measurement, seconds=0.0)


@pytest.mark.parametrize("name", list(METHODS))
def test_twice_is_the_same_bit_for_bit(name: str) -> None:
    one, two = moments(small(name)), moments(small(name))
    assert [timeless(m) for m, _ in one] == [timeless(m) for m, _ in two]
    for key, value in one[-1][1].model.items():
        assert torch.equal(value, two[-1][1].model[key])


@pytest.mark.parametrize("stop", [0, 1, 2])
@pytest.mark.parametrize("method", [Fma(blocks=2, path="bridge", solver_steps=(0, 3, 6)), *STEPPED])
def test_check_16_stopped_and_resumed_is_uninterrupted(method: object, stop: int, tmp_path: Path) -> None:
    whole = moments(method, views=3)
    whole[stop][1].save(tmp_path / "state.pt")
    rest = moments(method, State.load(tmp_path / "state.pt"), views=3)
    assert [timeless(m) for m, _ in rest] == [timeless(m) for m, _ in whole[stop + 1 :]]
    for key, value in whole[-1][1].model.items():
        assert torch.equal(value, rest[-1][1].model[key])
    assert rest[-1][0].seconds > whole[stop][0].seconds


def test_measurements_are_spread_over_the_training() -> None:
    assert [m.step for m, _ in moments(Fma(blocks=1))] == [8, 16, 24, 32]
    assert [m.percent for m, _ in moments(Fma(blocks=1))] == [25, 50, 75, 100]
    few = moments(Fma(blocks=1), settings=replace(SETTINGS, epochs=1, batch=100, evaluations=9))
    assert [(m.step, m.progress) for m, _ in few] == [(1, 1.0)]


def test_a_method_without_terms_measures_once() -> None:
    ((only, state),) = moments(METHODS["zero_shot"]())
    assert (only.step, only.progress, state.optimizer) == (0, 1.0, {})


def test_a_loss_that_is_no_number_says_where() -> None:
    with pytest.raises(NonFiniteLoss) as caught:
        moments(Fma(blocks=2), settings=replace(SETTINGS, lr=1e30, warmup_epochs=0))
    assert caught.value.step >= 1
    assert caught.value.last_finite is not None and math.isfinite(caught.value.last_finite)
    assert f"step {caught.value.step}" in str(caught.value)


def test_the_last_finite_loss_is_known_across_measurements() -> None:
    seen = list[float]()

    class Doomed(Fma):
        """Its 17th loss is no number: the first after the second measurement."""

        def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
            terms = super().loss_terms(model, batch, rng)
            seen.append(float(terms["flow_matching"].detach()))
            return terms if len(seen) < 17 else {"flow_matching": math.nan * terms["flow_matching"]}

    with pytest.raises(NonFiniteLoss) as caught:
        moments(Doomed(blocks=1))
    assert caught.value.step == 16
    assert caught.value.last_finite == pytest.approx(seen[15])


def test_states_do_not_change_after_they_were_yielded() -> None:
    first = None
    for _, state in fit(Fma(blocks=2), FIXED, toy_pool().dev(0), SETTINGS, seed=3, objective="val/accuracy"):
        first = first or (state, {name: value.clone() for name, value in state.model.items()})
    assert first is not None
    assert all(torch.equal(first[0].model[name], value) for name, value in first[1].items())


def test_a_broken_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    path.write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(TrainingError, match="starts anew"):
        State.load(path)


def test_views_are_used_where_there_are_some() -> None:
    plain, viewed = moments(Fma(blocks=2))[-1][1], moments(Fma(blocks=2), views=2)[-1][1]
    assert any(not torch.equal(plain.model[name], viewed.model[name]) for name in plain.model)


@pytest.mark.parametrize(
    ("per_epoch", "peak"), [(1, 2.0e-4), (2, 1.0e-4), (3, 1.33e-4), (5, 1.6e-4), (10, 1.8e-4), (25, 1.92e-4)]
)
def test_released_schedule_peaks_as_measured(per_epoch: int, peak: float) -> None:
    settings = TrainSettings(lr=2e-4, epochs=100, lr_schedule="released")
    rates = [learning_rate(settings, step, per_epoch) for step in range(100 * per_epoch)]
    assert rates[0] == 2e-4
    assert max(rates[1:]) == pytest.approx(peak, rel=5e-3)


def test_clean_schedule_ramps_then_falls_to_zero() -> None:
    settings = TrainSettings(lr=1.0, epochs=5)
    rates = [learning_rate(settings, step, 4) for step in range(20)]
    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert learning_rate(settings, 20, 4) == pytest.approx(0.0)
    assert learning_rate(replace(settings, lr_schedule="constant"), 19, 4) == 1.0


def test_best_knows_directions_ties_and_numbers() -> None:
    def points(*values: float) -> tuple[Point, ...]:
        return tuple(Point(axis={}, metrics={"val/accuracy": v, "val/cross_entropy": v}) for v in values)

    assert best(points(0.1, 0.7, 0.7), "val/accuracy") == 1
    assert best(points(0.3, 0.1, 0.1), "val/cross_entropy") == 1
    assert best(points(math.nan, 0.1), "val/accuracy") == 1


def test_measurements_survive_json() -> None:
    import json

    measurement = moments(Fma(blocks=1, solver_steps=(0, 2)))[0][0]
    assert Measurement.from_json(json.loads(json.dumps(measurement.to_json()))) == measurement
