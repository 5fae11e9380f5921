"""A knob: a dataclass field that says what it means and in which range it makes sense."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Knob:
    """What a study file may set: one field of a method, schedule, source or of the training settings.

    Attributes:
        name: the field's name.
        meaning: one sentence with the unit; where a value is our choice and not the paper's it says so.
        default: the default, or `dataclasses.MISSING` for a knob that must be given.
        low, high: the sensible range, inclusive, or None.
        choices: the allowed words, or ().
        axis: True if the knob matters only at inference, so that one trial measures many values of it.
        type: the annotation as text.
    """

    name: str
    meaning: str
    default: Any
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    axis: bool
    type: str


def knob(
    default: Any,
    meaning: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    axis: bool = False,
) -> Any:
    """A dataclass field with a default and a description that `vlstudy methods` prints and the reader checks."""
    about: Mapping[str, Any] = {"meaning": meaning, "low": low, "high": high, "choices": choices, "axis": axis}
    return field(default=default, metadata=about)


def knobs(owner: type) -> dict[str, Knob]:
    """Name -> knob for every described field of a dataclass, in order."""
    return {
        item.name: Knob(
            name=item.name,
            default=None if item.default is MISSING else item.default,
            type=item.type if isinstance(item.type, str) else getattr(item.type, "__name__", str(item.type)),
            **item.metadata,
        )
        for item in fields(owner)
        if "meaning" in item.metadata
    }
