"""The loss schedule by the entropy of the matching probabilities in each direction."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from vlstudy.schedules.directional import Directional, mean_entropy


@dataclass(frozen=True, kw_only=True)
class EntropyOut(Directional):
    """The direction that is less certain of its matches weighs more.

        q_i2t = mean_i H(softmax_j(S_ij / tau)),   q_t2i = mean_j H(softmax_i(S_ij / tau)),   0 <= q <= ln b nats

    It depends on tau and on the batch size b, so that its values compare only where both are equal.

    Differs from the paper: it names output entropy as a comparison; the formula is our choice.
    Source: variance-aware loss scheduling (arXiv 2503.03202), abstract.
    """

    summary: ClassVar[str] = "the direction whose matching probabilities have the larger entropy weighs more"

    def signal(self, similarities: Float[Tensor, "b b"], logit_scale: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """The mean entropy of the rows' softmax, in nats."""
        return mean_entropy(logit_scale * similarities)
