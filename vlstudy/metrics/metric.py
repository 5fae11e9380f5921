"""A metric as a value: the number it gives and how to read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float, Int
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """n images and their m captions as a model sees them.

    Attributes:
        image_features, text_features: unit rows.
        image_of: which image each caption belongs to, ascending.
        labels: class of each image; -1 where nobody knows.
    """

    image_features: Float[Tensor, "n d"]
    text_features: Float[Tensor, "m d"]
    image_of: Int[Tensor, " m"]
    labels: Int[Tensor, " n"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number of a set of images, and how to read it.

    Attributes:
        direction: whether more or less is better.
        unit: `fraction` (shown as a percentage by the report alone) or the unit's name.
        low, high: its bounds; None where it has none.
        meaning: one sentence.
        source: where it was defined.
        compute: (logits [n c], labels [n]) -> the number; None if it is made of other numbers.
        compare: images with their captions -> the number, or None where it is not defined; None for other metrics.
        combine: accuracy of each group of test images -> the number, or None where those groups are not there.
        split: `both`, or `test` if validation has no such number, so that nothing can be chosen by it.
    """

    name: str
    direction: Literal["maximize", "minimize"]
    unit: str
    low: float | None
    high: float | None
    meaning: str
    source: str
    compute: Callable[[Float[Tensor, "n c"], Int[Tensor, " n"]], float] | None = None
    compare: Callable[[Pairs], float | None] | None = None
    combine: Callable[[Mapping[str, float]], float | None] | None = None
    split: Literal["both", "test"] = "both"
