"""The loss schedule that leaves every term the same weight from the first step to the last."""

from dataclasses import dataclass
from typing import ClassVar

from vlstudy.knobs import knob
from vlstudy.schedules.protocol import DIRECTIONS, Moment, Schedule, Weighed, even


@dataclass(frozen=True, kw_only=True)
class Fixed(Schedule):
    """Weight 1 for every loss term; the two directions of a contrastive loss share it.

    convex:     L = (L_i2t + L_t2i) / 2
    base_plus:  L = (L_i2t + L_t2i) / 2 + (L_i2t + L_t2i) / 2
    """

    summary: ClassVar[str] = "every loss term has the same weight throughout"
    baseline: ClassVar[bool] = True

    total: str = knob(
        "convex",
        "of the two directions: convex is their mean; base_plus adds the plain mean, twice the gradient",
        choices=("convex", "base_plus"),
    )

    def weigh(self, moment: Moment) -> Weighed:
        """The same weights at every step."""
        weights = even(list(moment.terms))
        if self.total == "base_plus":
            weights |= {term: 1.0 for term in DIRECTIONS if term in weights}
        return Weighed(weights=weights)
