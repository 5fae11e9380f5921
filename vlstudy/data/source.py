"""What every data source offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from vlstudy.data.pair_pool import PairPool
    from vlstudy.data.pool import Pool
    from vlstudy.data.store import Key


class Source(Protocol):
    """A frozen dataclass whose fields are what a study file's `data:` may set.

    Class attributes:
        summary: one line for `vlstudy methods`.
        uses_backbone: False if its features were made elsewhere, so that the study's `backbone` is only a label.
        has_classes: False if its images have no classes, so that nothing is measured against labels.
        has_pixels: False if it has features alone, so that nothing that trains on pictures can use it.
    """

    summary: ClassVar[str]
    uses_backbone: ClassVar[bool]
    has_classes: ClassVar[bool] = True
    has_pixels: ClassVar[bool]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def load(self, model: str, pretrained: str | None) -> Pool | PairPool:
        """All features of the source under one backbone."""

    def keys(self, model: str, pretrained: str | None) -> tuple[Key, ...]:
        """What the store holds for it, without encoding anything."""

    def training_images(self) -> int:
        """How many images one few-shot draw trains on, without encoding anything."""
