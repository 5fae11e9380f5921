"""The Beta moving average against the explicit weighted mean, and where half precision would lose it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from vlstudy.averaging import average_in, beta_weights, started

TOTAL = 60


def walk(total: int = TOTAL, shape: tuple[int, ...] = (5, 4)) -> list[Tensor]:
    """Weights after each step of a random walk, theta_0 first."""
    return list(torch.randn(total + 1, *shape, generator=torch.Generator().manual_seed(0)).cumsum(dim=0))


def averaged(steps: list[Tensor], beta: float) -> Tensor:
    average = started({"w": steps[0]})
    for step, values in enumerate(steps[1:], start=1):
        average_in(average, {"w": values}, step, len(steps) - 1, beta)
    return average["w"]


@pytest.mark.parametrize("beta", [0.1, 0.5, 1.0])
def test_check_18_the_running_form_equals_the_weighted_mean(beta: float) -> None:
    steps = walk()
    weights = torch.from_numpy(stats.beta(beta, beta).pdf((np.arange(TOTAL + 1) + 0.5) / (TOTAL + 1)))
    explicit = torch.einsum("i,ijk->jk", weights / weights.sum(), torch.stack(steps).double())
    assert (averaged(steps, beta).double() - explicit).norm() / explicit.norm() < 1e-6


@pytest.mark.parametrize("beta", [0.1, 0.5, 1.0, 2.0])
def test_check_18_weights_are_symmetric(beta: float) -> None:
    weights = beta_weights(TOTAL, beta)
    assert len(weights) == TOTAL + 1
    torch.testing.assert_close(weights, weights.flip(0))


@pytest.mark.parametrize(("beta", "share"), [(0.5, 0.061), (0.1, 0.222)])
def test_check_18_first_and_last_steps_weigh_as_the_specification_says(beta: float, share: float) -> None:
    weights = beta_weights(5000, beta)
    assert float(weights[:50].sum() / weights.sum()) == pytest.approx(share, abs=0.003)


def test_check_18_beta_one_is_the_plain_mean_with_the_weights_before_training() -> None:
    steps = walk()
    torch.testing.assert_close(averaged(steps, 1.0), torch.stack(steps).mean(dim=0))
    assert (averaged(steps, 1.0) - torch.stack(steps[1:]).mean(dim=0)).abs().max() > 1e-3


@pytest.mark.parametrize("beta", [0.1, 0.5, 1.0])
def test_check_18_weights_that_stay_are_left_exactly(beta: float) -> None:
    still = walk(0)[0]
    assert torch.equal(averaged([still] * (TOTAL + 1), beta), still)


def test_check_18_half_precision_weights_are_averaged_in_float32() -> None:
    """A linear drift moves the average half of the way; in half precision the small increments would vanish."""
    drift = [torch.full((1,), 1 + step / 1000).half() for step in range(1001)]
    average = averaged(drift, 0.5)
    assert average.dtype == torch.float32
    assert average.item() == pytest.approx(1.5, abs=2e-3)


def test_the_average_is_a_copy_without_a_graph() -> None:
    weights = {"w": torch.ones(2, requires_grad=True)}
    average = started(weights)
    average_in(average, {"w": 3 * weights["w"]}, step=1, total=1, beta=1.0)
    assert average["w"].tolist() == [2.0, 2.0] and weights["w"].tolist() == [1.0, 1.0]
    assert not average["w"].requires_grad


def test_an_average_that_was_put_away_goes_on_bit_for_bit(tmp_path: Path) -> None:
    steps = walk()
    average = started({"w": steps[0]})
    for step in range(1, TOTAL + 1):
        average_in(average, {"w": steps[step]}, step, TOTAL, 0.5)
        if step == TOTAL // 2:
            torch.save(average, tmp_path / "average.pt")
            average = torch.load(tmp_path / "average.pt", weights_only=True)
    assert torch.equal(average["w"], averaged(steps, 0.5))
