"""Modules that methods train on frozen features, each with its equations."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

TIME_WIDTH = 256  # sinusoid before the time MLP, FMA's released code


def sinusoid(tau: Float[Tensor, "b 1"]) -> Float[Tensor, "b 256"]:
    """Cosines, then sines, of tau times 128 frequencies 10000^(-k/128), k = 0..127.

    >>> sinusoid(torch.zeros(1, 1)).sum().item()
    128.0

    Source: FMA (arXiv 2510.14543), released code.
    """
    half = TIME_WIDTH // 2
    exponents = torch.arange(half, device=tau.device, dtype=tau.dtype) / half
    angles = tau * torch.exp(-math.log(10_000.0) * exponents)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def linear(inputs: int, outputs: int, *, zero: bool = False) -> nn.Linear:
    """A linear layer with zero bias and a Xavier-uniform weight, or a zero one."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.bias)
    if zero:
        nn.init.zeros_(layer.weight)
    else:
        nn.init.xavier_uniform_(layer.weight)
    return layer


class TimeEmbedding(nn.Module):
    """Linear(256, d), SiLU, Linear(d, d) on the sinusoid of `time_scale * t`; weights start as N(0, 0.02^2)."""

    def __init__(self, width: int, time_scale: float) -> None:
        super().__init__()
        self.time_scale = time_scale
        enter, leave = linear(TIME_WIDTH, width), linear(width, width)
        for layer in (enter, leave):
            nn.init.normal_(layer.weight, std=0.02)
        self.layers = nn.Sequential(enter, nn.SiLU(), leave)

    def forward(self, t: Float[Tensor, "b 1"]) -> Float[Tensor, "b d"]:
        """The embedding of flow times t in [0, 1]."""
        embedded: Tensor = self.layers(sinusoid(self.time_scale * t))
        return embedded


class Block(nn.Module):
    """y + g * W_2 SiLU(W_1 (LN(y) * (1 + sc) + sh)), with (sh, sc, g) = W_mod SiLU(c); the identity at the start."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.modulation = linear(width, 3 * width, zero=True)
        self.layers = nn.Sequential(linear(width, width), nn.SiLU(), linear(width, width))

    def forward(self, y: Float[Tensor, "b d"], c: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """The next hidden state; `c` is SiLU of the time embedding."""
        shift, scale, gate = self.modulation(c).chunk(3, dim=-1)
        moved: Tensor = y + gate * self.layers(torch.addcmul(shift, self.norm(y), 1 + scale))
        return moved


class VelocityNet(nn.Module):
    """u(x, t): an MLP with adaptive layer norm, width d throughout, zero at the start.

        c = TimeEmbedding(t);  y = W_in x;  y = Block_l(y, c), l = 1..L;  u = W_out (LN0(y) * (1 + sc) + sh)

    It has L (5 d^2 + 7 d) + 5 d^2 + 262 d parameters.

    Args:
        width: d, the dimension of the features.
        blocks: L; the paper has 6, its released code 12.
        time_scale: what t is multiplied with before the sinusoid; 1000 in the released code since December 2025.

    Source: FMA (arXiv 2510.14543), released code; the architecture is the MLP head of MAR (arXiv 2406.11838).
    """

    def __init__(self, width: int, blocks: int, time_scale: float = 1000.0) -> None:
        super().__init__()
        self.time = TimeEmbedding(width, time_scale)
        self.enter = linear(width, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.modulation = linear(width, 2 * width, zero=True)
        self.leave = linear(width, width, zero=True)

    def forward(self, x: Float[Tensor, "b d"], t: Float[Tensor, "b 1"]) -> Float[Tensor, "b d"]:
        """The velocity at points x and flow times t."""
        c = functional.silu(self.time(t))
        y = self.enter(x)
        for block in self.blocks:
            y = block(y, c)
        shift, scale = self.modulation(c).chunk(2, dim=-1)
        velocity: Tensor = self.leave(torch.addcmul(shift, self.norm(y), 1 + scale))
        return velocity


class FeatureAdapter(nn.Module):
    """A(f) = ReLU(W_2 ReLU(W_1 f)), d -> d/reduction -> d, without biases.

    Source: CLIP-Adapter (arXiv 2110.04544), section 3.2.
    """

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        hidden = max(1, width // reduction)
        self.layers = nn.Sequential(
            nn.Linear(width, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, width, bias=False), nn.ReLU()
        )

    def forward(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """The adapted part, before it is mixed with the features."""
        adapted: Tensor = self.layers(features)
        return adapted
