"""Comparisons with a number, as constraints and forbidden values say them."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Self


@dataclass(frozen=True)
class Bound:
    """A comparison with a number, such as `>= 8`; `holds` answers it.

    >>> Bound(">=", 8.0).holds(8), Bound("<", 0.5).holds(0.5)
    (True, False)
    """

    sign: Literal["<", "<=", ">", ">="]
    limit: float

    def holds(self, value: float) -> bool:
        """Whether the value lies on the right side; NaN never does."""
        return bool(_COMPARE[self.sign](value, self.limit))

    def __str__(self) -> str:
        return f"{self.sign} {self.limit:.6g}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str`."""
        sign, limit = text.split()
        return cls(sign, float(limit))  # type: ignore[arg-type]


_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
