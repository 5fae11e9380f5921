"""Losses of flow matching as pure functions, each with its equation."""

import torch
from jaxtyping import Float
from torch import Tensor

SINGULARITY_CUT = 1e-3  # our choice: t is drawn from [cut, 1 - cut] where the loss is singular at an end


def bridge_std(t: Float[Tensor, "b 1"]) -> Float[Tensor, "b 1"]:
    """sqrt(t (1 - t)): the shape of all noise on the path, zero at both ends.

    >>> bridge_std(torch.tensor([[0.5]])).item()
    0.5
    """
    return (t * (1 - t)).clamp_min(0).sqrt()


def noise_sigma(x_t: Float[Tensor, "b d"], kind: str) -> Tensor:
    """sigma(x_t), the scale of the bridge's noise.

    `feature_std`: standard deviation of each sample over its d coordinates, shape [b 1];
    `batch_std`: standard deviation of each coordinate over the batch, shape [d].

    Differs from the paper: its sigma^2(.) is not defined; both readings are our choice.
    """
    if kind == "feature_std":
        return x_t.std(dim=-1, keepdim=True, correction=0)
    return x_t.std(dim=0, correction=0)


def straight(
    x_0: Float[Tensor, "b d"], z: Float[Tensor, "b d"], t: Float[Tensor, "b 1"]
) -> tuple[Tensor, Tensor, Tensor]:
    """Point, target and weight without noise: ((1 - t) x_0 + t z, z - x_0, 1).

    Source: FMA (arXiv 2510.14543), released code, the default there.
    """
    return (1 - t) * x_0 + t * z, z - x_0, torch.ones_like(t)


def bridge(
    x_0: Float[Tensor, "b d"],
    z: Float[Tensor, "b d"],
    t: Float[Tensor, "b 1"],
    noise: Float[Tensor, "b d"],
    sigma: str,
    *,
    endpoint: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Point, target and weight of the Brownian bridge.

        x_hat = x_t + sqrt(t (1 - t)) sigma(x_t) noise;   target = (z - x_hat) / (1 - t);   weight = 1

    With `endpoint` the weight is (1 - t)^2, so that the loss is ||x_hat + (1 - t) u - z||^2 and needs no cut of t.
    `noise` is already multiplied with `noise_scale`; where it is zero the point and target are those of `straight`.

    Source: FMA (arXiv 2510.14543) as summarised; `endpoint` joins the first released loss with the paper's noise,
    which is our choice.
    """
    x_t, velocity, one = straight(x_0, z, t)
    scaled = noise_sigma(x_t, sigma) * noise
    # (z - x_hat) / (1 - t) written out, so that t = 1 costs no 0/0 where the noise is zero
    drift = torch.where(noise == 0, 0.0, (t / (1 - t)).sqrt() * scaled)
    point = x_t + bridge_std(t) * scaled
    return point, velocity - drift, (1 - t).square() if endpoint else one


def interpolant(
    x_0: Float[Tensor, "b d"], z: Float[Tensor, "b d"], t: Float[Tensor, "b 1"], noise: Float[Tensor, "b d"]
) -> tuple[Tensor, Tensor, Tensor]:
    """Point, target and weight of the noisy interpolant; `noise` is already multiplied with gamma.

        x_hat = x_t + sqrt(t (1 - t)) noise;   target = z - x_0 + (1 - 2t) / (2 sqrt(t (1 - t))) noise;   weight = 1

    Source: FMA (arXiv 2510.14543), released code, option gamma.
    """
    x_t, velocity, one = straight(x_0, z, t)
    slope = torch.where(noise == 0, 0.0, (1 - 2 * t) / (2 * bridge_std(t)) * noise)
    return x_t + bridge_std(t) * noise, velocity + slope, one


def flow_matching(
    velocity: Float[Tensor, "b d"], target: Float[Tensor, "b d"], weight: Float[Tensor, "b 1"]
) -> Float[Tensor, ""]:
    """Mean over the batch of weight * ||velocity - target||^2: a sum over dimensions, not their mean.

    >>> flow_matching(torch.zeros(2, 3), torch.ones(2, 3), torch.ones(2, 1)).item()
    3.0

    Source: FMA (arXiv 2510.14543), released code.
    """
    return (weight * (velocity - target).square().sum(dim=-1, keepdim=True)).mean()
