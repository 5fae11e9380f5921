"""The loss schedule that leaves every term its full weight."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """Weight 1 for every loss term, from the first step to the last."""

    summary: ClassVar[str] = "every loss term has weight 1 throughout"
    governs: ClassVar[tuple[str, ...]] = ()

    def weights(self, terms: Sequence[str], progress: float) -> dict[str, float]:
        """1 for each term, whatever the progress in [0, 1].

        >>> Fixed().weights(["image_to_text"], 0.3)
        {'image_to_text': 1.0}
        """
        return dict.fromkeys(terms, 1.0)
