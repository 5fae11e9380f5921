"""The loss schedule by the spread of the similarities in each direction."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from vlstudy.knobs import knob
from vlstudy.schedules.directional import Directional


@dataclass(frozen=True, kw_only=True)
class SpreadSim(Directional):
    """The direction whose cosines lie further apart weighs more.

        range   q_i2t = mean_i (max_j S_ij - min_j S_ij),   q_t2i = mean_j (max_i S_ij - min_i S_ij)
        margin  q_i2t = mean_i max(0, S_ii - max_{j != i} S_ij),   likewise over the columns
        iqr     the mean distance between the quartiles of a row, or of a column

    Matched less mismatched mean cosine is no candidate: it is the same number in both directions.

    Differs from the paper: it names the spread of cosine similarities as a comparison; the formulas are our choice.
    Source: variance-aware loss scheduling (arXiv 2503.03202), abstract.
    """

    summary: ClassVar[str] = "the direction whose similarities have the larger spread weighs more"
    choices: ClassVar[tuple[str, ...]] = (
        *Directional.choices,
        "`spread_sim` takes the largest less the smallest cosine: which spread the paper takes is not known.",
    )

    on: str = knob(
        "range",
        "range: largest less smallest cosine; margin: the true match less the hardest other, at least 0; iqr: the "
        "distance between the quartiles (our choice)",
        choices=("range", "margin", "iqr"),
    )

    def signal(self, similarities: Float[Tensor, "b b"], logit_scale: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """The mean spread of the rows."""
        if self.on == "margin":
            others = similarities.clone().fill_diagonal_(-float("inf"))
            return (similarities.diagonal() - others.amax(dim=1)).clamp(min=0).mean()
        if self.on == "iqr":
            ordered = similarities.sort(dim=1).values  # torch.quantile refuses batches of 4096
            return (_quantile(ordered, 0.75) - _quantile(ordered, 0.25)).mean()
        return (similarities.amax(dim=1) - similarities.amin(dim=1)).mean()


def _quantile(ordered: Float[Tensor, "n k"], share: float) -> Float[Tensor, " n"]:
    """Between the two values of each row that are nearest, linearly."""
    place = share * (ordered.shape[1] - 1)
    low = int(place)
    high = min(low + 1, ordered.shape[1] - 1)
    return ordered[:, low].lerp(ordered[:, high], place - low)
