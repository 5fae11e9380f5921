"""The schedules of the released code: checks 16 to 21 of the variance-aware specification."""

import math

import pytest
import torch
from torch import Tensor, nn

from tests.schedules.moments import (
    EVERY,
    RELEASED,
    both,
    embedded,
    followed,
    moment,
    normal,
    scored,
    signals,
    weighed,
)
from vlstudy.errors import TrainingError
from vlstudy.schedules.entropy_emb import EntropyEmb
from vlstudy.schedules.protocol import Embeddings, Schedule
from vlstudy.schedules.spread_intra import SpreadIntra
from vlstudy.schedules.variance_emb import VarianceEmb
from vlstudy.weighing import weighted

each = pytest.mark.parametrize("name", list(RELEASED))


def images(seed: int = 0, b: int = 8) -> Tensor:
    return normal(b, 5, seed=seed) * torch.tensor([1.0, 0.5, 2.0, 1.0, 0.1])


def texts(seed: int = 0, b: int = 8) -> Tensor:
    return normal(b, 5, seed=seed + 50) * 0.7 + 0.4


def loss(schedule: Schedule, pairs: Embeddings) -> Tensor:
    now = moment(pairs)
    return weighted(schedule.weigh(now), {}, now.terms)


def w(schedule: Schedule, first: Tensor, second: Tensor) -> float:
    """The released code's w, the weight of text to image."""
    return 1 - weighed(schedule, embedded(first, second)).signals["weight_image_to_text"]


@pytest.mark.parametrize("name", list(EVERY))
def test_check_16_detached_weights_are_plain_numbers(name: str) -> None:
    schedule = EVERY[name]()
    first, second, size = images().requires_grad_(), texts().requires_grad_(), torch.ones((), requires_grad=True)
    pairs = embedded(first, size * second)
    found = torch.autograd.grad(loss(schedule, pairs), [first, second, size])
    plain = moment(embedded(first, size * second))
    numbers = both(weighed(schedule, pairs))
    by_hand = sum(number * term for number, term in zip(numbers, plain.terms.values(), strict=True))
    assert isinstance(by_hand, Tensor)
    for one, other in zip(found, torch.autograd.grad(by_hand, [first, second, size]), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
    assert abs(numbers[0] - numbers[1]) > 1e-3 and float(found[2].abs()) < 1e-6


@pytest.mark.parametrize("total", ["base_plus", "convex"])
def test_check_17_weights_with_gradient_move_towards_the_easier_direction(total: str) -> None:
    first, second = images(), texts()
    second = second * (first.var(dim=0).mean() / second.var(dim=0).mean()).sqrt()  # so the variances are equal
    size = torch.ones((), requires_grad=True)
    now = moment(embedded(first, size * second))
    found = VarianceEmb(detach_weights=False, total=total).weigh(now)
    assert all(isinstance(weight, Tensor) for weight in found.weights.values())
    (slope,) = torch.autograd.grad(weighted(found, {}, now.terms), size)
    difference = (now.terms["text_to_image"] - now.terms["image_to_text"]).item()
    assert slope.item() == pytest.approx(difference / 2, abs=1e-5) and abs(difference) > 1e-2


@each
@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_weights_with_gradient_have_the_same_values(name: str, beta: float) -> None:
    batches = [embedded(images(seed).requires_grad_(), texts(seed).requires_grad_()) for seed in range(3)]
    with_graph, without = (
        followed(RELEASED[name](detach_weights=detach, ema_beta=beta), batches) for detach in (False, True)
    )
    for one, other in zip(with_graph, without, strict=True):
        assert both(one) == pytest.approx(both(other), abs=1e-6)
        assert one.state == pytest.approx(other.state) and one.signals == pytest.approx(other.signals)
        assert all(type(value) is float for value in (*one.state.values(), *one.signals.values()))


@pytest.mark.parametrize(("first", "second"), [(1.0, 1.0), (10.0, 0.1), (0.5, 30.0)])
def test_check_18_batch_normalisation_makes_the_variances_equal(first: float, second: float) -> None:
    heads = nn.ModuleList(nn.BatchNorm1d(5, momentum=0.01) for _ in range(2)).train()
    scaled = heads[0](first * images(b=32)), heads[1](second * texts(b=32))
    assert w(VarianceEmb(), *scaled) == pytest.approx(0.5, abs=1e-3)
    if first != second:
        assert abs(w(VarianceEmb(), first * images(b=32), second * texts(b=32)) - 0.5) > 0.1


def test_check_19_the_size_of_the_texts_counts_for_variance_and_not_for_cosines() -> None:
    by_images, by_texts = (rows.numpy().var(axis=0, ddof=1).mean() for rows in (images(), texts()))
    assert w(VarianceEmb(), images(), texts()) == pytest.approx(by_texts / (by_texts + by_images), abs=1e-6)
    assert w(VarianceEmb(), images(), 3 * texts()) == pytest.approx(9 * by_texts / (9 * by_texts + by_images), abs=1e-6)
    alike = w(SpreadIntra(), images(), texts())
    assert alike == pytest.approx(w(SpreadIntra(), images(), 3 * texts()), abs=1e-6)


def test_the_cosines_inside_each_modality_by_hand() -> None:
    first = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])  # |cosines| 0, r, r with r = sqrt(1/2)
    second = torch.tensor([[1.0, 0.0], [-5.0, 0.0], [0.0, 1.0]])  # 1, 0, 0
    found = weighed(SpreadIntra(), embedded(first, second))
    root = math.sqrt(0.5)
    assert signals(found) == pytest.approx([2 * root / 3, 1 / 3], abs=1e-6)
    assert both(found) == pytest.approx([1.5 - 1 / (1 + 2 * root), 0.5 + 1 / (1 + 2 * root)], abs=1e-6)


def test_check_20_the_entropy_is_the_other_modalitys() -> None:
    constant = torch.full((8, 5), 0.3)
    peaked = 50 * torch.eye(5)[torch.arange(8) % 5]
    found = weighed(EntropyEmb(), embedded(peaked, constant))
    assert signals(found) == pytest.approx([math.log(5), 0.0], abs=1e-6)  # image to text has the texts'
    assert w(EntropyEmb(), peaked, constant) == pytest.approx(0.0, abs=1e-6)
    assert w(EntropyEmb(), constant, peaked) == pytest.approx(1.0, abs=1e-6)
    assert w(EntropyEmb(), images(), texts()) == pytest.approx(1 - w(EntropyEmb(), texts(), images()), abs=1e-6)


@each
def test_check_21_the_released_total_is_at_most_3_to_1(name: str) -> None:
    for size in (1e-3, 1.0, 1e3):
        pairs = embedded(images(), size * texts())
        share = 1 - weighed(RELEASED[name](), pairs).signals["weight_image_to_text"]
        image_to_text, text_to_image = both(weighed(RELEASED[name](), pairs))
        assert (image_to_text, text_to_image) == pytest.approx((1.5 - share, 0.5 + share), abs=1e-12)
        assert image_to_text + text_to_image == pytest.approx(2, abs=1e-12)
        assert min(image_to_text, text_to_image) >= 0.5 and max(image_to_text, text_to_image) <= 1.5
        convex = weighed(RELEASED[name](total="convex"), pairs)
        assert both(convex) == pytest.approx([1 - share, share], abs=1e-12)


def test_the_average_of_the_signals() -> None:
    first, then = (embedded(images(seed), (1 + seed) * texts(seed)) for seed in (0, 3))
    found = followed(VarianceEmb(ema_beta=0.75), [first, then])
    start, goal = signals(found[0]), signals(found[1])
    averages = [0.75 * m + 0.25 * q for m, q in zip(start, goal, strict=True)]
    assert signals(found[1], "average") == list(found[1].state.values()) == pytest.approx(averages)
    assert found[1].signals["weight_image_to_text"] == pytest.approx(averages[0] / sum(averages), abs=1e-6)
    assert followed(VarianceEmb(), [first, then])[1] == weighed(VarianceEmb(), then)  # no memory, as released


@each
def test_one_pair_has_no_variance(name: str) -> None:
    with pytest.raises(TrainingError, match="got 1"):
        weighed(RELEASED[name](), scored(torch.ones(1, 1)))
