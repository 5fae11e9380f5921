"""The curriculum of TPC-CMA: checks 22 to 25, 27 and 29 of its specification, on gradients that are made up."""

import json
import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from vlstudy.errors import TrainingError
from vlstudy.schedules.protocol import Moment, Weighed
from vlstudy.schedules.three_phase import ThreePhase

Gradients = Callable[[int], tuple[list[float], list[float]]]  # step -> g_a, g_b
SHAPES, GATES = ("linear", "cosine", "smoothstep"), ("off", "gate", "normalize", "both")


def agreeing(step: int) -> tuple[list[float], list[float]]:
    return [1.0, 0.0], [1.0, 0.0]


def at_cosine(cosine: float, ratio: float = 1.0) -> Gradients:
    return lambda step: ([1.0, 0.0], [ratio * cosine, ratio * math.sqrt(1 - cosine**2)])


def wild(step: int) -> tuple[list[float], list[float]]:
    """Two gradients that are new at every step, the second sometimes far larger."""
    generator = torch.Generator().manual_seed(step)
    first, second = torch.randn(2, 3, generator=generator)
    return first.tolist(), (second * 10 ** float(torch.rand((), generator=generator) * 3 - 1)).tolist()


def weighed(
    schedule: ThreePhase, step: int, total: int, state: Mapping[str, float], gradients: Gradients = agreeing
) -> Weighed:
    terms = {name: torch.tensor(float(number)) for number, name in enumerate(schedule.governs)}
    asked: list[int] = []

    def gradient(loss: Tensor) -> Tensor:
        asked.append(step)
        return torch.tensor(gradients(step)[0 if loss is terms["contrastive"] else 1])

    found = schedule.weigh(
        Moment(
            step=step,
            total=total,
            terms=terms,
            scales=dict.fromkeys(terms, 1.0),
            state=state,
            gradient=gradient,
        )
    )
    start, end = schedule.phases(total)
    due = schedule.gate != "off" and start <= step < end and step % schedule.every == 0
    assert len(asked) == 2 * due  # both gradients, at the steps of the ramp that `every` divides, and never else
    return found


def run(schedule: ThreePhase, total: int, gradients: Gradients = agreeing) -> list[Weighed]:
    history, state = [], dict[str, float]()
    for step in range(total):
        history.append(weighed(schedule, step, total, state, gradients))
        state = dict(history[-1].state)
    return history


def signal(history: list[Weighed], name: str) -> list[float]:
    return [item.signals[name] for item in history]


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("anchor", "ramp"), [(0.2, 0.4), (0.0, 0.1), (0.4, 0.6), (0.1, 0.2)])
@pytest.mark.parametrize("total", [7, 100])
def test_check_22_alpha_waits_then_never_falls_then_stays(
    gate: str, shape: str, anchor: float, ramp: float, total: int
) -> None:
    schedule = ThreePhase(alpha_target=0.3, anchor=anchor, ramp=ramp, shape=shape, gate=gate, every=3)
    start, end = schedule.phases(total)
    assert (start, end) == (round(anchor * total), round((anchor + ramp) * total))
    alpha = signal(run(schedule, total, wild), "alpha")
    assert alpha[:start] == [0.0] * start
    assert all(before <= after for before, after in pairwise(alpha))
    assert alpha[end:] == [0.3] * (total - end)


def test_check_23_an_open_gate_is_the_linear_ramp() -> None:
    expected = [0.0] * 5 + [step / 10 for step in range(10)] + [1.0] * 10
    for gate in GATES:
        history = run(ThreePhase(anchor=0.2, ramp=0.4, gate=gate, every=1), 25)
        assert signal(history, "ramp") == pytest.approx(expected, abs=1e-12)
        assert signal(history, "kappa") == [1.0] * 25
        assert signal(history, "jump") == pytest.approx([0.0] * 25, abs=1e-12)
        assert (history[0].signals["anchor_end"], history[0].signals["ramp_end"]) == (0.2, 0.6)


@pytest.mark.parametrize(("cosine", "kappa", "reached"), [(-0.5, 0.5, 0.9822), (-1.0, 0.25, 0.8549)])
def test_check_24_a_closed_gate_leaves_a_jump(cosine: float, kappa: float, reached: float) -> None:
    history = run(ThreePhase(anchor=0.2, ramp=0.4), 2500, at_cosine(cosine))
    assert signal(history, "kappa")[500:1500] == pytest.approx([kappa] * 1000, abs=1e-6)
    assert history[1499].state["ramp"] == pytest.approx(reached, abs=1e-3)
    assert signal(history, "jump")[:1500] == [0.0] * 1500
    assert signal(history, "jump")[1500:] == pytest.approx([1 - reached] * 1000, abs=1e-3)


def grown(cosine: float, ratio: float, **knobs: Any) -> float:
    """The gate after a first measurement of equal gradients, and a second that moves the averages to these."""
    second = ([1.0, 0.0], at_cosine((cosine - 0.9) / 0.1, (ratio - 0.9) / 0.1)(0)[1])
    schedule = ThreePhase(anchor=0.0, ramp=1.0, every=1, **knobs)
    history = run(schedule, 2, lambda step: second if step else agreeing(0))
    assert history[1].signals["cosine"] == pytest.approx(cosine, abs=1e-6)
    assert history[1].signals["ratio"] == pytest.approx(ratio, abs=1e-6)
    return history[1].signals["kappa"]


def test_check_25_the_gate_by_hand() -> None:
    opposed = run(ThreePhase(anchor=0.0, ramp=1.0, every=1, kappa_min=0.3), 2, at_cosine(-1.0))
    assert signal(opposed, "kappa") == [0.3, 0.3]
    for cosine, ratio in ((0.0, 1.0), (0.4, 2.0), (1.0, 0.3)):
        same = run(ThreePhase(anchor=0.0, ramp=1.0, every=1), 9, at_cosine(cosine, ratio))
        assert signal(same, "kappa") == [1.0] * 9  # relative to the first ratio, whatever it is
    assert grown(0.9, 2.0) == 1.0
    assert grown(0.9, 4.0) == pytest.approx(0.5, abs=1e-6)
    assert grown(0.9, 4.0, rho_max=4.0) == pytest.approx(1.0, abs=1e-6)
    assert grown(0.9, 40.0) == 0.25


def test_the_gate_is_averaged_over_measurements() -> None:
    history = run(ThreePhase(anchor=0.0, ramp=1.0, every=2), 6, lambda step: at_cosine(1.0 if step < 2 else -1.0)(step))
    averages = [1.0, 1.0, 0.8, 0.8, 0.62, 0.62]  # 0.9 of the old and 0.1 of the new, at every second step
    assert signal(history, "cosine") == pytest.approx(averages, abs=1e-6)
    assert signal(history, "kappa") == [1.0] * 6


def test_before_the_first_measurement_the_gate_is_open() -> None:
    history = run(ThreePhase(anchor=0.2, ramp=0.8, every=5), 10, at_cosine(-1.0))
    assert signal(history, "kappa") == pytest.approx([1.0] * 5 + [0.25] * 5, abs=1e-6)
    assert "cosine" not in history[4].signals and "cosine" in history[5].signals


def test_gradients_of_size_nothing_are_numbers() -> None:
    for first, second in (([0.0], [1.0]), ([1.0], [0.0]), ([0.0], [0.0])):
        history = run(ThreePhase(gate="both", every=1), 20, lambda step, pair=(first, second): pair)  # type: ignore[misc]
        assert all(math.isfinite(value) for item in history for value in (*item.state.values(), *item.signals.values()))


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_by_hand(shape: str) -> None:
    history = run(ThreePhase(anchor=0.0, ramp=1.0, alpha_target=0.4, gate="off", shape=shape), 4)
    quarters = {
        "linear": [0.0, 0.25, 0.5, 0.75],
        "cosine": [0.0, (1 - math.sqrt(0.5)) / 2, 0.5, (1 + math.sqrt(0.5)) / 2],
        "smoothstep": [0.0, 0.15625, 0.5, 0.84375],
    }
    assert signal(history, "alpha") == pytest.approx([0.4 * value for value in quarters[shape]], abs=1e-12)


def test_both_mixes() -> None:
    for mix, contrastive in (("convex", 0.7), ("additive", 1.0)):
        last = run(ThreePhase(alpha_target=0.3, mix=mix), 10)[-1]
        assert last.weights == {"contrastive": contrastive, **dict.fromkeys(ThreePhase.governs[1:], 0.3)}


@pytest.mark.parametrize("gate", ["normalize", "both"])
@pytest.mark.parametrize(("ratio", "balance"), [(0.25, 4.0), (50.0, 0.1), (0.001, 10.0)])
def test_normalize_gives_alignment_the_size_of_the_contrastive_gradient(
    gate: str, ratio: float, balance: float
) -> None:
    history = run(ThreePhase(alpha_target=0.5, anchor=0.0, ramp=0.5, gate=gate, every=1), 8, at_cosine(1.0, ratio))
    assert [item.weights["geometry"] for item in history] == pytest.approx(
        [balance * 0.5 * u for u in (0, 0.25, 0.5, 0.75, 1, 1, 1, 1)], rel=1e-5
    )
    assert history[-1].weights["contrastive"] == 0.5


def test_normalize_is_averaged_and_does_not_slow_the_ramp() -> None:
    gradients = lambda step: ([1.0, 0.0], [-0.5, 0.0] if step else [-1.0, 0.0])  # noqa: E731
    history = run(ThreePhase(alpha_target=1.0, anchor=0.0, ramp=1.0, gate="normalize", every=1), 3, gradients)
    assert signal(history, "balance") == pytest.approx([1.0, 1.1, 1.19], abs=1e-6)
    assert signal(history, "kappa") == [1.0] * 3
    held = run(ThreePhase(alpha_target=1.0, anchor=0.0, ramp=1.0, gate="both", every=1), 3, gradients)
    assert signal(held, "kappa") == [0.25] * 3


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("shape", SHAPES)
def test_check_27_saved_at_any_step_it_goes_on_alike(gate: str, shape: str) -> None:
    schedule = ThreePhase(anchor=0.1, ramp=0.6, gate=gate, shape=shape, every=4)
    history = run(schedule, 40, wild)
    for stop in range(1, 40):
        state = json.loads(json.dumps(history[stop - 1].state))
        for step in range(stop, 40):
            found = weighed(schedule, step, 40, state, wild)
            assert found == history[step]
            state = json.loads(json.dumps(found.state))


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"anchor": -0.1}, "anchor is -0.1"),
        ({"ramp": 0.0}, "ramp is 0, and"),
        ({"ramp": -0.2}, "ramp is -0.2"),
        ({"anchor": 0.7, "ramp": 0.5}, r"0.7 \+ 0.5 = 1.2, more than the whole training"),  # T2 > T
        ({"alpha_target": 1.5}, "alpha_target is 1.5, and with `mix: convex` .* `mix: additive`"),
        ({"alpha_target": -0.1, "mix": "additive"}, "alpha_target is -0.1"),
        ({"alpha_target": math.nan}, "alpha_target is nan"),
    ],
)
def test_check_29_phases_and_targets_that_do_not_fit_are_told(knobs: dict[str, Any], told: str) -> None:
    with pytest.raises(TrainingError, match=f"three_phase`: .*{told}"):
        weighed(ThreePhase(**knobs), 0, 10, {})


@pytest.mark.parametrize(
    "knobs",
    [{}, {"anchor": 0.0, "ramp": 1.0}, {"anchor": 0.7, "ramp": 0.3}, {"alpha_target": 3.0, "mix": "additive"}],
)
def test_what_fits_is_not_told(knobs: dict[str, Any]) -> None:
    schedule = ThreePhase(**knobs)
    assert schedule.problem() is None
    assert schedule.phases(90)[1] <= 90
    assert schedule.settled() == pytest.approx(schedule.phases(1000)[1] / 1000)


def test_a_ramp_shorter_than_a_step_is_one_jump() -> None:
    history = run(ThreePhase(alpha_target=0.2, anchor=0.5, ramp=1e-6), 10)
    assert signal(history, "alpha") == [0.0] * 5 + [0.2] * 5
    assert signal(history, "jump") == [0.0] * 5 + [1.0] * 5
