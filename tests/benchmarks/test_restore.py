"""The benchmark against Tune's own restoration runs, and finds nothing lost on our side."""

import pytest

from tests.benchmarks.restore import APPROACHES, TRIALS, measure

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.usefixtures("ray_here")
@pytest.mark.parametrize("approach", APPROACHES)
def test_a_row(approach: str) -> None:
    row = measure(approach, kills=2, seed=0)
    assert row.launches == 3 and row.undisturbed > 0 and approach in row.line()
    if approach == "vlstudy":
        assert (row.lost, row.trained_again, row.trials, row.errors) == (0, 0, TRIALS, "none")
