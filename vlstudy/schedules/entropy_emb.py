"""The loss schedule by the entropy of each modality's embeddings."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from vlstudy.schedules.directional import mean_entropy
from vlstudy.schedules.released import Released


@dataclass(frozen=True, kw_only=True)
class EntropyEmb(Released):
    """The direction that asks with the modality whose embeddings have less entropy weighs more.

        q_i2t = H_t,  q_t2i = H_v,   H_m = mean over the batch of the entropy of the softmax over the coordinates

    The other modality's entropy is on top, as released.

    Source: the repository released with variance-aware loss scheduling (arXiv 2503.03202), strategy `entropy`.
    """

    summary: ClassVar[str] = "by the entropy of the other modality's embeddings, as in the released code"

    def signals(
        self, images: Float[Tensor, "b d"], texts: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """The mean entropy of the texts in nats, and of the images: each direction has the other modality's."""
        return mean_entropy(texts), mean_entropy(images)
