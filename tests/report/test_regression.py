"""The line of quality on a gap: by hand, beside numpy's and scipy's, and when it is refused."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import linregress

from tests.test_imports import imports
from vlstudy.report import regression as module
from vlstudy.report.regression import Insufficient, regression

GAPS = [0.1, 0.3, 0.4, 0.6, 0.8, 0.9, 1.1]
QUALITIES = [0.95, 0.6, 0.72, 0.4, 0.45, 0.2, 0.1]


def test_a_line_by_hand() -> None:
    """Gaps -2 .. 2 and one more 0; qualities twice them, but for 3 too much at both zeros."""
    found = regression([-2, -1, 0, 0, 1, 2], [-4, -2, 3, -3, 2, 4])
    # mean 0 both; sum of x y = 8 + 2 + 2 + 8 = 20, of x^2 = 10, of y^2 = 16 + 4 + 9 + 9 + 4 + 16 = 58
    assert (found.slope, found.intercept, found.n) == pytest.approx((2, 0, 6))
    assert found.r2 == pytest.approx(1 - 18 / 58)
    assert found.at(3) == pytest.approx(6)


def test_it_is_least_squares() -> None:
    found, other = regression(GAPS, QUALITIES), linregress(GAPS, QUALITIES)
    assert (found.slope, found.intercept) == pytest.approx((other.slope, other.intercept))
    residuals = np.array(QUALITIES) - [found.at(gap) for gap in GAPS]
    assert found.r2 == pytest.approx(1 - np.square(residuals).sum() / (7 * np.var(QUALITIES)))
    assert found.slope < 0 and found.n == 7


def resampled(gaps: list[float], qualities: list[float]) -> tuple[float, float]:
    """The middle 95 % of R2 over resamples of at least three different models, each fitted on its own."""
    x, y, rng, found = np.array(gaps), np.array(qualities), np.random.default_rng(1), list[float]()
    while len(found) < 6000:
        rows = rng.integers(len(x), size=len(x))
        if len(set(rows.tolist())) >= 3 and np.ptp(x[rows]) > 0 and np.ptp(y[rows]) > 0:
            found.append(float(np.corrcoef(x[rows], y[rows])[0, 1] ** 2))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def test_the_interval_holds_the_middle_of_the_resamples() -> None:
    found = regression(GAPS, QUALITIES)
    assert (found.low, found.high) == pytest.approx(resampled(GAPS, QUALITIES), abs=0.02)
    assert 0 <= found.low < found.r2 < found.high <= 1
    assert regression(GAPS, QUALITIES) == found  # the same each time


def test_unrelated_numbers_have_a_wide_interval_that_lines_through_two_models_do_not_widen() -> None:
    gaps, qualities = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [0.9, 2.1, 0.3, 2.3, 0.3, 1.8]
    found = regression(gaps, qualities)
    assert found.r2 < 0.1 and found.high - found.low > 0.5
    assert (found.low, found.high) == pytest.approx(resampled(gaps, qualities), abs=0.02)


def test_a_line_without_rest_is_exact() -> None:
    found = regression(GAPS, [3 - 2 * gap for gap in GAPS])
    assert (found.r2, found.low, found.high) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize("n", [0, 1, 5])
def test_fewer_than_six_models_are_refused(n: int) -> None:
    with pytest.raises(Insufficient, match=rf"^insufficient: {n} models are measured, 6 are the least"):
        regression(GAPS[:n], QUALITIES[:n])
    assert regression(GAPS[:6], QUALITIES[:6]).n == 6


def test_models_without_a_number_do_not_count() -> None:
    assert regression([*GAPS, 0.5], [*QUALITIES, math.nan]) == regression(GAPS, QUALITIES)
    with pytest.raises(Insufficient, match="insufficient: 5 models"):
        regression([*GAPS[:5], math.nan], QUALITIES[:6])


def test_equal_gaps_or_qualities_are_refused() -> None:
    with pytest.raises(Insufficient, match=r"insufficient: all 7 models have the same gap, 0\.3\."):
        regression([0.3] * 7, QUALITIES)
    with pytest.raises(Insufficient, match="insufficient: all 7 models have the same quality"):
        regression(GAPS, [0.1 + 0.2] * 6 + [0.3])


def test_numbers_that_do_not_pair_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        regression(GAPS, QUALITIES[:6])


def test_it_needs_numpy_alone() -> None:
    names = imports(Path(module.__file__).read_text())
    assert {name.partition(".")[0] for name in names} == {"collections", "dataclasses", "numpy"}
