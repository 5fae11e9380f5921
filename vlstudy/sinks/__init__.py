"""Other programs that are shown the measurements: first version, the owner replaces this."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vlstudy.journal import Header
from vlstudy.measurement import Measurement


class Sinks:
    """None."""

    def began(self, arm: str, number: int, settings: Mapping[str, Any]) -> None:
        """A trial is handed out."""

    def measured(self, arm: str, number: int, measurement: Measurement) -> None:
        """A trial was measured."""

    def ended(self, arm: str, number: int, verdict: str, reason: str) -> None:
        """A trial has its verdict."""

    def close(self) -> None:
        """The sitting is over."""


def open_sinks(spec: Any, folder: Path, header: Header, tell: Callable[[str], None]) -> Sinks:
    """None."""
    return Sinks()
