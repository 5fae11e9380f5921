"""What every loss schedule of the table must keep."""

import pytest

from vlstudy.schedules import SCHEDULES


@pytest.mark.parametrize("name", list(SCHEDULES))
@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_every_term_has_a_weight_that_is_no_less_than_zero(name: str, progress: float) -> None:
    schedule = SCHEDULES[name]()
    terms = schedule.governs or ("one", "two")
    weights = schedule.weights(terms, progress)
    assert set(weights) == set(terms)
    assert all(weight >= 0 for weight in weights.values())
    assert schedule.summary
