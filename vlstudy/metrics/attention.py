"""Where an image tower's class token looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlstudy.metrics.metric import Metric

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor


def attention_on_object(attention: Float[Tensor, "l n g g"], masks: Bool[Tensor, "n s s"]) -> Float[Tensor, "l n"]:
    """Share of each layer's class-token attention that falls inside each object, in [0, 1].

    A patch counts as far as its area lies in the object. Images without an object in sight give NaN.

    Args:
        attention: of the class token over g x g patches; every image's rows sum to 1.
        masks: where the object is, in pixels.
    """
    from torch.nn import functional

    covered = functional.adaptive_avg_pool2d(masks.float()[:, None], attention.shape[-1])[:, 0]
    share = (attention * covered).sum(dim=(-2, -1))
    share[:, ~masks.flatten(1).any(dim=1)] = float("nan")
    return share


ATTENTION_ON_OBJECT = Metric(
    name="attention_on_object",
    direction="maximize",
    unit="fraction",
    low=0.0,
    high=1.0,
    meaning="share of the class token's attention inside the object's mask, mean over heads, layers and images",
    source="our choice; the papers show pictures",
    split="test",
)
