"""What a check found."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the table.

    Attributes:
        check: what was looked at.
        state: `warning` if a launch may work, `wrong` if it cannot or would lose something.
        found: what is there.
        way_out: what to do about it; "" where nothing is to be done.
    """

    check: str
    state: State
    found: str
    way_out: str = ""


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(check=check, state="ok", found=found)


def warning(check: str, found: str, way_out: str) -> Finding:
    """A launch may work."""
    return Finding(check=check, state="warning", found=found, way_out=way_out)


def wrong(check: str, found: str, way_out: str = "") -> Finding:
    """A launch cannot work; the way out may stand in what was found."""
    return Finding(check=check, state="wrong", found=found, way_out=way_out)
