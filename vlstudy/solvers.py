"""Fixed-step solvers of dx/dt = u(x, t), as trajectories."""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

Field = Callable[[Float[Tensor, "n d"], Float[Tensor, "n 1"]], Float[Tensor, "n d"]]


def euler(field: Field, x: Float[Tensor, "n d"], t: Tensor, h: float) -> Float[Tensor, "n d"]:
    """X + h u(x, t): order 1. Source: FMA (arXiv 2510.14543)."""
    return x + h * field(x, t)


def heun(field: Field, x: Float[Tensor, "n d"], t: Tensor, h: float) -> Float[Tensor, "n d"]:
    """X + h/2 (u(x, t) + u(x + h u(x, t), t + h)): order 2. Our choice, not in the paper."""
    first = field(x, t)
    return x + h / 2 * (first + field(x + h * first, t + h))


def rk4(field: Field, x: Float[Tensor, "n d"], t: Tensor, h: float) -> Float[Tensor, "n d"]:
    """The classical Runge-Kutta step: order 4. Our choice, not in the paper."""
    first = field(x, t)
    second = field(x + h / 2 * first, t + h / 2)
    third = field(x + h / 2 * second, t + h / 2)
    fourth = field(x + h * third, t + h)
    return x + h / 6 * (first + 2 * second + 2 * third + fourth)


SOLVERS = {"euler": euler, "heun": heun, "rk4": rk4}


def trajectory(
    field: Field, x_0: Float[Tensor, "n d"], *, h: float, steps: int, solver: str = "euler"
) -> Iterator[Float[Tensor, "n d"]]:
    """The points after 0, 1, .., `steps` steps of size h from t = 0; they are not renormalised in between.

    >>> [point.item() for point in trajectory(lambda x, t: torch.ones_like(x), torch.zeros(1, 1), h=0.5, steps=2)]
    [0.0, 0.5, 1.0]
    """
    step = SOLVERS[solver]
    x = x_0
    yield x
    for k in range(steps):
        t = torch.full((len(x), 1), k * h, dtype=x.dtype, device=x.device)
        x = step(field, x, t, h)
        yield x
