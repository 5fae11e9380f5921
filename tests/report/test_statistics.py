"""Intervals: what they cover at five seeds, and what they do where there is nothing to resample."""

import numpy as np
import pytest
from scipy.stats import t

from vlstudy.report.statistics import interval, paired, percentiles

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
