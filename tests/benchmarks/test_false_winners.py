"""Seeds that are raced crown fewer false winners than single seeds that may train as many steps."""

import pytest

from tests.benchmarks.false_winners import REPLICATES, SETTINGS_ASKED, Row, compare, height, paired, search, wilson


def rate(row: Row) -> float:
    """The share of false winners."""
    return sum(outcome.false for outcome in row.outcomes) / len(row.outcomes)


def test_a_search_is_the_same_each_time() -> None:
    assert search(REPLICATES, 1.0, 3) == search(REPLICATES, 1.0, 3)
    assert search(1, 1.0, 3, steps=100) == search(1, 1.0, 3, steps=100)


def test_without_noise_the_best_setting_tried_wins() -> None:
    outcome = search(REPLICATES, 0.0, 0)
    assert (outcome.winner, outcome.tried, outcome.false) == (outcome.best, SETTINGS_ASKED, False)


def test_both_searches_have_the_same_budget_and_plausible_winners() -> None:
    """Thirty repetitions; the rates themselves need more of them."""
    raced, single = compare(1.0, 30)
    for one, other in zip(raced.outcomes, single.outcomes, strict=True):
        assert 0 <= other.steps - one.steps < 9  # the last single trial is trained to its end: never fewer steps
        assert one.tried == SETTINGS_ASKED < other.tried
        assert height(0.4) >= one.best >= one.winner >= height(1.0)
    assert 0.15 < rate(raced) < 0.7
    assert 0.25 < rate(single) < 0.85
    assert paired(raced, single).spared > 0


def test_wilson_s_interval_is_that_of_the_textbook() -> None:
    """Ten of twenty: 0.5 -+ 1.96 sqrt(0.0125 + 0.0024) / 1.192, which is 0.299 to 0.701."""
    assert wilson(10, 20) == pytest.approx((0.2993, 0.7007), abs=1e-4)
    assert wilson(0, 20)[0] == pytest.approx(0.0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("noise", [0.5, 1.0, 2.0])
def test_the_race_crowns_fewer_false_winners_in_two_hundred_repetitions(noise: float) -> None:
    """At an equal budget of steps; repetitions are paired, so that both see the same draws of settings and seeds."""
    raced, single = compare(noise, 200)
    pairs = paired(raced, single)
    assert rate(raced) < rate(single)
    assert pairs.p < 0.05
    assert pairs.gain > 0
