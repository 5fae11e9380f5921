"""Each image beside one caption of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vlstudy.metrics.metric import Pairs


def matched(pairs: Pairs) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n d"]]:
    """The images and the first caption of each, row by row, in double precision.

    Differs from the paper: how images with several captions enter its gaps is unknown; the first one is our choice.
    """
    import torch

    images = torch.arange(len(pairs.image_features), device=pairs.image_of.device)
    first = torch.searchsorted(pairs.image_of, images)
    return pairs.image_features.double(), pairs.text_features[first].double()
