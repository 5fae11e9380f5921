"""What every loss schedule offers to the training loop."""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol


class Schedule(Protocol):
    """A frozen dataclass whose fields are the schedule's hyperparameters.

    Class attributes:
        summary: one line for `vlstudy methods`.
        governs: the names of the loss terms it needs; () if it takes any.
    """

    summary: ClassVar[str]
    governs: ClassVar[tuple[str, ...]]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def weights(self, terms: Sequence[str], progress: float) -> dict[str, float]:
        """Weight of each loss term when `progress` in [0, 1] of the training is done."""
