"""The loss schedule by the variance of the similarities in each direction."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vlstudy.knobs import knob
from vlstudy.schedules.directional import Directional


@dataclass(frozen=True, kw_only=True)
class VarianceSim(Directional):
    """The direction whose scores are spread wider weighs more.

        cosine   q_i2t = mean_i Var_j(S_ij),   q_t2i = mean_j Var_i(S_ij)
        logit    the same of S / tau
        offdiag  the same without the diagonal
        prob     q_d = Var_i(P_d[i, i]), P_d the softmax of S / tau over the rows or the columns

    Var divides by the count. The variance of all of S, or of its diagonal, is one number for both directions and
    cannot tell them apart:

        q_i2t + Var_i(mean_j S_ij) = q_t2i + Var_j(mean_i S_ij) = Var(S)

    Differs from the paper: which variance of which scores it takes is not known; rows and columns are our choice.
    Source: variance-aware loss scheduling (arXiv 2503.03202), abstract and summaries.
    """

    summary: ClassVar[str] = "the direction whose similarities have the larger variance weighs more"
    choices: ClassVar[tuple[str, ...]] = (
        *Directional.choices,
        "`variance_sim` takes the variance of each image's cosines with the texts and of each text's with the images: "
        "which variance of which scores the paper takes is not known.",
    )

    on: str = knob(
        "cosine",
        "whose variance: cosine: all cosines; logit: cosines / tau; prob: probabilities of the true match; offdiag: "
        "cosines without the true match (our choice)",
        choices=("cosine", "logit", "prob", "offdiag"),
    )

    def signal(self, similarities: Float[Tensor, "b b"], logit_scale: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """The mean variance of the rows, or that of the probabilities of the true matches."""
        if self.on == "prob":
            return (logit_scale * similarities).softmax(dim=1).diagonal().var(correction=0)
        if self.on == "offdiag":
            count = len(similarities)
            others = ~torch.eye(count, dtype=torch.bool, device=similarities.device)
            similarities = similarities[others].view(count, count - 1)
        scores = logit_scale * similarities if self.on == "logit" else similarities
        return scores.var(dim=1, correction=0).mean()
