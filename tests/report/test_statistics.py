"""Intervals and tests: what they cover at five seeds, and what they do where there is nothing to resample."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import t

from vlstudy.report.statistics import differences, holm, interval, paired, percentiles, signed_rank, smallest_p

SAMPLES = 2000


def samples(n: int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=(SAMPLES, n))


@pytest.mark.parametrize("n", [3, 5, 7])
def test_the_interval_covers_a_normal_mean_as_often_as_it_says(n: int) -> None:
    found = [interval(list(values)) for values in samples(n)]
    covered = np.mean([item.low <= 0 <= item.high for item in found])  # type: ignore[operator]
    assert 0.92 <= covered <= 0.97


def test_the_plain_percentile_interval_does_not_at_five_seeds() -> None:
    ends = [percentiles(list(values)) for values in samples(5)]
    assert np.mean([low <= 0 <= high for low, high in ends]) < 0.90


def test_it_is_as_wide_as_students() -> None:
    ratios = []
    for values in samples(5):
        found = interval(list(values))
        student = 2 * t.ppf(0.975, 4) * values.std(ddof=1) / np.sqrt(5)
        ratios.append((found.high - found.low) / student)  # type: ignore[operator]
    assert 0.95 < np.median(ratios) < 1.05
    assert max(ratios) < 1.3


def test_ties_do_not_widen_it() -> None:
    found = interval([0.71, 0.71, 0.71, 0.71, 0.72])
    assert found.high is not None and found.low is not None
    assert 0.70 < found.low < found.mean < found.high < 0.73


def test_it_is_lopsided_where_the_values_are() -> None:
    found = interval([0.0, 0.0, 0.1, 0.1, 2.0])
    assert found.high - found.mean > 1.5 * (found.mean - found.low)  # type: ignore[operator]


def test_the_exact_resamples_weigh_as_drawn_ones() -> None:
    values = [0.3, 1.0, 1.2, 4.0, 5.5]
    drawn = np.random.default_rng(0).choice(values, size=(200_000, 5)).mean(axis=1)
    assert percentiles(values) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.05)


def test_many_seeds_are_drawn_repeatably() -> None:
    values = list(np.random.default_rng(3).normal(size=30))
    assert interval(values) == interval(values)


def test_one_value_has_no_interval_and_none_has_no_mean() -> None:
    one = interval([0.5])
    assert (one.mean, one.low, one.high, one.n) == (0.5, None, None, 1)
    with pytest.raises(ValueError, match="no values"):
        interval([])


def test_equal_values_have_the_point_even_where_their_mean_rounds() -> None:
    found = interval([0.1] * 3)
    assert found.low == found.mean == found.high == pytest.approx(0.1)


def test_a_pair_is_by_seed_and_not_by_place() -> None:
    found = paired({3: 0.9, 1: 0.5}, {1: 0.4, 2: 0.0, 3: 0.8})
    assert found is not None and found.n == 2
    assert found.low == found.high == pytest.approx(0.1)
    assert paired({1: 0.5}, {2: 0.5}) is None


def counted(found: list[float]) -> float:
    """The signed-rank p by going through every choice of signs; no two of the differences are equally large."""
    ranks = np.argsort(np.argsort(np.abs(found))) + 1
    middle = ranks.sum() / 2
    sums = np.array([np.dot(ranks, signs) for signs in product([0, 1], repeat=len(found))])
    return float(np.mean(np.abs(sums - middle) >= abs(ranks[np.array(found) > 0].sum() - middle)))


@pytest.mark.parametrize("n", [1, 4, 6, 10])
def test_the_signed_rank_p_is_the_share_of_signs_that_lie_as_far_out(n: int) -> None:
    for seed in range(4):
        found = list(np.random.default_rng(seed).normal(0.4, size=n))
        assert signed_rank(found) == pytest.approx(counted(found))


@pytest.mark.parametrize("n", [5, 6, 9])
def test_differences_of_one_sign_give_the_smallest_p(n: int) -> None:
    assert signed_rank([0.1 + 0.01 * place for place in range(n)]) == smallest_p(n) == 2 / 2**n


def test_differences_that_are_equal_but_for_rounding_are_ties() -> None:
    noisy = [0.4 - 0.3, 0.9 - 0.8, 0.2 - 0.1, 0.3 - 0.4, 0.7 - 0.7]
    assert len({abs(one) for one in noisy}) > 2
    assert signed_rank(noisy) == signed_rank([1, 1, 1, -1, 0])


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # x 3, kept up, x 2, x 4
    assert holm([0.04, 0.03, 0.02]) == pytest.approx([0.06, 0.06, 0.06])  # the least leads: 0.06, 0.06, 0.04 kept up
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([0.2]) == [0.2]


def test_differences_are_by_seed_in_the_order_of_the_seeds() -> None:
    assert differences({3: 1.0, 1: 2.0, 7: 0.0}, {1: 0.5, 3: 4.0}) == [1.5, -3.0]
