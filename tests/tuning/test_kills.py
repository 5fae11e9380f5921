"""SIGKILL at random times loses no finished trial, repeats none, and changes no result."""

from pathlib import Path

import pytest

from tests.tuning.kills import suffer

pytestmark = pytest.mark.usefixtures("ray_here")

MANY = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.parametrize(
    ("kills", "trials", "workers", "slots"),
    [
        pytest.param(5, 20, False, 1, marks=pytest.mark.ray, id="the driver"),
        pytest.param(5, 20, True, 1, marks=pytest.mark.ray, id="its workers"),
        pytest.param(20, 40, False, 1, marks=MANY, id="the driver, many"),
        pytest.param(20, 60, False, 2, marks=MANY, id="the driver of two trials at once, many"),
        pytest.param(20, 40, True, 1, marks=MANY, id="its workers, many"),
    ],
)
def test_nothing_is_lost_and_nothing_repeated(
    tmp_path: Path, kills: int, trials: int, workers: bool, slots: int
) -> None:
    toll = suffer(tmp_path, kills, seed=kills, trials=trials, workers=workers, slots=slots)
    assert toll.kills == kills, "the study was over too soon"
    assert 0 < toll.finished <= 2 * trials
    assert (toll.lost, toll.repeated, toll.steps, toll.different) == (0, 0, 0, [])
