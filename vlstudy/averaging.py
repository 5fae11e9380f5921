"""The Beta moving average of weights: the first and the last steps of training count most."""

from collections.abc import Mapping

import torch
from jaxtyping import Float64
from torch import Tensor


def beta_weights(total: int, beta: float) -> Float64[Tensor, " total+1"]:
    """How much theta_0 .. theta_total count in their average, up to a common factor.

        w_i = BetaPDF((i + 0.5) / (total + 1); beta, beta)

    theta_0 are the weights before training, theta_i those after step i. beta = 1 is the plain mean.

    Source: CLIPood (ICML 2023), Beta moving average; AlignCLIP takes beta = 0.5, and 0.1 for open classes.

    >>> beta_weights(2, 1.0).tolist()
    [1.0, 1.0, 1.0]
    """
    place = (torch.arange(total + 1, dtype=torch.float64) + 0.5) / (total + 1)
    return (place * (1 - place)) ** (beta - 1)


def started(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The average before the first step: a copy of the weights in float32, whatever their precision."""
    return {name: values.detach().to(torch.float32, copy=True) for name, values in weights.items()}


@torch.no_grad()
def average_in(average: dict[str, Tensor], weights: Mapping[str, Tensor], step: int, total: int, beta: float) -> None:
    """Take the weights after `step` (1 .. total) into the average of those before it, in place.

        average <- (average + r theta_i) / (1 + r),   r = w_i / (w_0 + ... + w_{i-1})

    The average is all there is to keep: r follows from the step.

    Differs from the paper: the released code averages in half precision, where small steps vanish; here it is float32.
    Source: CLIPood (ICML 2023), released code.

    >>> average = started({"w": torch.zeros(1)})
    >>> average_in(average, {"w": torch.ones(1)}, step=1, total=1, beta=0.5)
    >>> average["w"].item()
    0.5
    """
    counts = beta_weights(total, beta)[: step + 1]
    share = float(counts[step] / counts.sum())  # r / (1 + r)
    for name, values in average.items():
        values.lerp_(weights[name].float(), share)
