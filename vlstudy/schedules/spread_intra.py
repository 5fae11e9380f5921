"""The loss schedule by the cosines inside each modality."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vlstudy.schedules.released import Released


@dataclass(frozen=True, kw_only=True)
class SpreadIntra(Released):
    """The direction that asks with the modality whose embeddings are more alike weighs more.

        q_i2t = C_v,  q_t2i = C_t,   C_m = mean |cosine| of the pairs of different embeddings inside modality m

    Source: the repository released with variance-aware loss scheduling (arXiv 2503.03202), strategy `cosine_spread`.
    """

    summary: ClassVar[str] = "by the cosines inside each modality, as in the released code"

    def signals(
        self, images: Float[Tensor, "b d"], texts: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """The mean absolute cosine of different images, and of different texts."""
        return _likeness(images), _likeness(texts)


def _likeness(rows: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    unit = normalize(rows, dim=-1)
    others = ~torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    return (unit @ unit.T)[others].abs().mean()
