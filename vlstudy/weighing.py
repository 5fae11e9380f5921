"""The loss of a step: a method's terms with the weights that a schedule gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vlstudy.schedules.protocol import Weighed


def weighted(
    weighed: Weighed, scales: Mapping[str, float], terms: Mapping[str, Float[Tensor, ""]]
) -> Float[Tensor, ""]:
    """The sum of weight x scale x term; terms of weight 0 do not enter the graph at all.

    So a curriculum whose weight is 0 trains bit for bit as if its terms did not exist.

    >>> weighed = Weighed(weights={"a": 0.5, "b": 0.0})
    >>> float(weighted(weighed, {"a": 4.0}, {"a": torch.tensor(3.0), "b": torch.tensor(float("nan"))}))
    6.0
    """
    parts = []
    for name, term in terms.items():
        weight, scale = weighed.weights[name], scales.get(name, 1.0)
        if isinstance(weight, Tensor) or weight * scale:
            parts.append(weight * scale * term if scale != 1 else weight * term)
    return torch.stack(parts).sum()


def frozen(weighed: Weighed) -> Weighed:
    """The same weights as plain numbers, without the graph that they may have had."""
    weights = {
        name: float(weight.detach()) if isinstance(weight, Tensor) else weight
        for name, weight in weighed.weights.items()
    }
    return replace(weighed, weights=weights)


def flat_gradient(loss: Float[Tensor, ""], shared: Sequence[nn.Parameter]) -> Float[Tensor, " p"]:
    """The gradient of a loss with respect to some parameters, as one row; nothing but the row is changed.

    Parameters that the loss does not depend on count as 0.

    >>> a = nn.Parameter(torch.tensor([1.0, 2.0]))
    >>> flat_gradient((a**2).sum(), [a]).tolist(), a.grad
    ([2.0, 4.0], None)
    """
    found = torch.autograd.grad(loss, list(shared), retain_graph=True, allow_unused=True)
    rows = [torch.zeros_like(p) if g is None else g for p, g in zip(shared, found, strict=True)]
    return torch.cat([row.detach().float().reshape(-1) for row in rows])
