"""The loss schedule by the variance of each modality's embeddings."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from vlstudy.schedules.released import Released


@dataclass(frozen=True, kw_only=True)
class VarianceEmb(Released):
    """The direction that asks with the modality whose embeddings vary more weighs more.

        q_i2t = V_v,  q_t2i = V_t,   V_m = mean over coordinates of the variance over the batch, which divides by b - 1

    Behind a batch normalisation with unit scales it is 1/2 by construction: where the weight never leaves 0.49 to
    0.51, this is `fixed` with `total: base_plus`.

    Source: the repository released with variance-aware loss scheduling (arXiv 2503.03202), strategy `variance`.
    """

    summary: ClassVar[str] = "by the variance of each modality's embeddings, as in the released code"

    def signals(
        self, images: Float[Tensor, "b d"], texts: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """The mean variance of the images' coordinates, and of the texts'."""
        return images.var(dim=0).mean(), texts.var(dim=0).mean()
