"""The schedules by similarities: checks 2 and 4 to 15 of the variance-aware specification."""

import math

import pytest
import torch
from torch import Tensor

from tests.schedules.moments import SIMILARITY, both, embedded, followed, moment, normal, scored, signals, weighed
from vlstudy.errors import TrainingError
from vlstudy.schedules.directional import Directional
from vlstudy.schedules.entropy_out import EntropyOut
from vlstudy.schedules.fixed import Fixed
from vlstudy.schedules.protocol import Moment
from vlstudy.schedules.spread_sim import SpreadSim
from vlstudy.schedules.variance_sim import VarianceSim

each = pytest.mark.parametrize("name", list(SIMILARITY))
HAND = torch.tensor([[1.0, 0.0], [1.0, 0.0]])


def lopsided(seed: int, b: int = 8) -> Tensor:
    """Similarities whose rows vary less than their columns: some images are everyone's neighbour."""
    return (0.3 * normal(b, b, seed=seed) + 0.4 * normal(b, 1, seed=seed + 100)).clamp(-1, 1)


@each
@pytest.mark.parametrize("a_min", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("gamma", [-2.0, 1.0, 8.0])
def test_check_02_weights_sum_to_one_and_none_is_below_the_least(name: str, a_min: float, gamma: float) -> None:
    for found in followed(SIMILARITY[name](a_min=a_min, gamma=gamma), [scored(lopsided(seed)) for seed in range(5)]):
        assert sum(both(found)) == pytest.approx(1, abs=1e-12)
        assert a_min - 1e-12 <= min(both(found)) and max(both(found)) <= 1 - a_min + 1e-12


@each
@pytest.mark.parametrize("total", ["convex", "base_plus"])
def test_check_04_exponent_0_is_fixed(name: str, total: str) -> None:
    batches = [scored(lopsided(seed)) for seed in range(3)]
    found = [one.weights for one in followed(SIMILARITY[name](gamma=0.0, total=total), batches)]
    assert found == [one.weights for one in followed(Fixed(total=total), batches)]


@each
def test_check_05_symmetric_similarities_give_exactly_one_half(name: str) -> None:
    for seed in range(5):
        similarities = normal(7, 7, seed=seed)
        found = weighed(SIMILARITY[name](), scored((similarities + similarities.T) / 2))
        assert both(found) == [0.5, 0.5]


@each
def test_check_06_transposed_similarities_swap_the_weights_and_the_state(name: str) -> None:
    schedule = SIMILARITY[name](a_min=0.0)
    straight = followed(schedule, [scored(lopsided(seed)) for seed in range(4)])
    turned = followed(schedule, [scored(lopsided(seed).T) for seed in range(4)])
    for one, other in zip(straight, turned, strict=True):
        assert both(one) == pytest.approx(both(other)[::-1], abs=1e-6)
        assert list(one.state.values()) == pytest.approx(list(other.state.values())[::-1], abs=1e-6)
        assert abs(both(one)[0] - 0.5) > 1e-4  # there was something to swap


@each
def test_check_07_the_order_of_the_pairs_does_not_matter(name: str) -> None:
    similarities, order = lopsided(0), torch.randperm(8, generator=torch.Generator().manual_seed(0))
    one, other = (
        weighed(SIMILARITY[name](), scored(similarities)),
        weighed(SIMILARITY[name](), scored(similarities[order][:, order])),
    )
    assert both(one) == pytest.approx(both(other), abs=1e-6)


def test_check_08_variance_splits_into_within_and_between() -> None:
    similarities = lopsided(3)
    rows, columns = signals(weighed(VarianceSim(), scored(similarities)))
    whole = similarities.var(correction=0).item()
    assert rows + similarities.mean(dim=1).var(correction=0).item() == pytest.approx(whole, abs=1e-6)
    assert columns + similarities.mean(dim=0).var(correction=0).item() == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 3.0])
def test_check_09_what_changes_variances_and_what_does_not(gamma: float) -> None:
    schedule, similarities = VarianceSim(gamma=gamma, a_min=0.0), lopsided(4)
    before = weighed(schedule, scored(similarities))
    for same in (3 * similarities, 0.5 * similarities, similarities + 0.25):
        assert both(weighed(schedule, scored(same))) == pytest.approx(both(before), abs=1e-6)
    after = weighed(schedule, scored(similarities + torch.linspace(0, 2, 8)[:, None]))
    assert signals(after)[0] == pytest.approx(signals(before)[0], abs=1e-6)
    assert signals(after)[1] > signals(before)[1] + 0.1


@each
@pytest.mark.parametrize("gamma", [-2.0, 1.0, 8.0])
@pytest.mark.parametrize("value", [0.0, 0.3, -1.0])
def test_check_10_constant_similarities_have_no_signal(name: str, gamma: float, value: float) -> None:
    found = weighed(SIMILARITY[name](gamma=gamma), scored(torch.full((8, 8), value)))
    assert both(found) == [0.5, 0.5]
    assert signals(found) == pytest.approx([math.log(8) if name == "entropy_out" else 0.0] * 2, abs=1e-6)


def test_check_11_a_hand_case_of_the_variance() -> None:
    found = weighed(VarianceSim(a_min=0.0), scored(HAND))
    assert signals(found) == [0.25, 0.0]
    assert both(found) == pytest.approx([1.0, 0.0], abs=1e-6)
    assert both(weighed(VarianceSim(), scored(HAND))) == pytest.approx([0.9, 0.1], abs=1e-12)


def test_check_12_entropy_lies_between_0_and_the_logarithm_of_the_batch() -> None:
    assert signals(weighed(EntropyOut(), scored(torch.zeros(8, 8)))) == pytest.approx([math.log(8)] * 2, abs=1e-6)
    assert max(signals(weighed(EntropyOut(), scored(torch.eye(8), tau=0.01)))) < 1e-3
    for seed in range(5):
        for tau in (0.001, 0.07, 10.0):
            for value in signals(weighed(EntropyOut(), scored(normal(8, 8, seed=seed), tau=tau))):
                assert -1e-6 <= value <= math.log(8) + 1e-6
    rows = torch.tensor([[1.0, -1.0], [1.0, -1.0]])  # every row is sure, no column is
    found = weighed(EntropyOut(), scored(rows))
    assert signals(found) == pytest.approx([0.0, math.log(2)], abs=1e-6) and both(found)[0] == pytest.approx(0.1)


def test_check_13_a_difference_of_means_cannot_tell_the_directions_apart() -> None:
    similarities = lopsided(5)

    def difference(scores: Tensor) -> float:
        others = scores.clone().fill_diagonal_(float("nan"))
        return float((scores.diagonal() - others.nanmean(dim=1)).mean())

    assert difference(similarities) == pytest.approx(difference(similarities.T), abs=1e-6)
    assert signals(weighed(SpreadSim(), scored(HAND))) == [1.0, 0.0]


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_check_14_the_average_starts_at_its_first_input(beta: float) -> None:
    first, then = scored(lopsided(1)), scored(lopsided(2))
    found = followed(VarianceSim(beta=beta), [first] * 3 + [then] * 4)
    start, goal = signals(found[0]), signals(found[-1])
    assert signals(found[0], "average") == start == list(found[0].state.values())
    assert signals(found[2], "average") == pytest.approx(start, rel=1e-12)
    expected = [q + beta**4 * (m - q) for m, q in zip(start, goal, strict=True)]
    assert signals(found[-1], "average") == pytest.approx(expected, rel=1e-9)
    assert signals(found[-1]) == signals(weighed(VarianceSim(), then))  # the signal itself has no memory


@each
def test_check_15_the_opposite_exponent_swaps_the_weights(name: str) -> None:
    pairs = scored(lopsided(6))
    one, other = (weighed(SIMILARITY[name](gamma=gamma, a_min=0.0), pairs) for gamma in (1.5, -1.5))
    assert both(one) == pytest.approx(both(other)[::-1], abs=1e-6) and both(one)[0] != pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (VarianceSim(on="logit"), [25.0, 0.0]),  # (1 / 0.1)^2 / 4
        (VarianceSim(on="offdiag"), [0.0, 0.0]),  # one value a row
        (VarianceSim(on="prob"), [0.25, 0.0]),  # rows: sure of column 0, right once; columns: 1/2 each
        (SpreadSim(on="margin"), [0.5, 0.0]),  # rows: 1 and below 0
        (SpreadSim(on="iqr"), [0.5, 0.0]),
    ],
)
def test_the_variants_on_the_hand_case(schedule: Directional, expected: list[float]) -> None:
    assert signals(weighed(schedule, scored(HAND, tau=0.1))) == pytest.approx(expected, abs=1e-4)


def test_the_variants_on_three_pairs() -> None:
    pairs = scored(torch.tensor([[0.9, 0.1, 0.3], [0.5, 0.8, 0.2], [0.4, 0.6, 0.1]]))
    # rows without the diagonal: (0.1, 0.3), (0.5, 0.2), (0.4, 0.6); columns: (0.5, 0.4), (0.1, 0.6), (0.3, 0.2)
    offdiag = [(0.01 + 0.0225 + 0.01) / 3, (0.0025 + 0.0625 + 0.0025) / 3]
    assert signals(weighed(VarianceSim(on="offdiag"), pairs)) == pytest.approx(offdiag, abs=1e-6)
    assert signals(weighed(SpreadSim(on="margin"), pairs)) == pytest.approx([0.9 / 3, 0.6 / 3], abs=1e-6)
    # quartiles of three values are halfway to the middle one
    assert signals(weighed(SpreadSim(on="iqr"), pairs)) == pytest.approx([1.9 / 6, 1.4 / 6], abs=1e-6)


def test_weights_are_even_while_the_average_warms_up() -> None:
    batches = [scored(lopsided(seed)) for seed in range(5)]
    warmed, plain = followed(VarianceSim(warmup_steps=3), batches), followed(VarianceSim(), batches)
    assert [both(one) for one in warmed[:3]] == [[0.5, 0.5]] * 3
    assert [one.state for one in warmed] == [one.state for one in plain]
    assert [both(one) for one in warmed[3:]] == [both(one) for one in plain[3:]] != [[0.5, 0.5]] * 2


def test_the_totals_and_the_factor() -> None:
    pairs = scored(HAND)
    assert both(weighed(VarianceSim(scale=2.0), pairs)) == pytest.approx([1.8, 0.2])
    found = weighed(VarianceSim(total="base_plus"), pairs)
    assert both(found) == pytest.approx([1.4, 0.6])
    assert found.signals["weight_image_to_text"] == pytest.approx(0.9)  # of 1, whatever the total


@each
def test_the_weights_have_no_graph_even_where_the_embeddings_have(name: str) -> None:
    images, texts = normal(6, 4).requires_grad_(), normal(6, 4, seed=1).requires_grad_()
    assert all(
        type(weight) is float for weight in weighed(SIMILARITY[name](), embedded(images, texts)).weights.values()
    )


def test_what_cannot_be_weighed_says_the_way_out() -> None:
    pairs = moment(scored(HAND))
    without = Moment(**{**vars(pairs), "embeddings": None})
    with pytest.raises(TrainingError, match=r"no.* pairs|has none; take a method that trains on captions"):
        VarianceSim().weigh(without)
    with pytest.raises(TrainingError, match=r"got 1; set train\.batch to 2 or more"):
        weighed(VarianceSim(), scored(torch.ones(1, 1)))
