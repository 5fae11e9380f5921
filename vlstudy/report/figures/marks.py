"""How an arm looks: one colour, marker and dash in every figure, and a label that fits."""

from dataclasses import dataclass

from vlstudy.journal import StudyRecord
from vlstudy.report.style import PALETTE

MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))


@dataclass(frozen=True)
class Mark:
    """Colour, marker and line style of one arm."""

    colour: str
    marker: str
    dash: str | tuple[int, tuple[float, ...]]


def mark(record: StudyRecord, arm: str) -> Mark:
    """The arm's look, by its place in the study file."""
    place = [item.name for item in record.header.arms].index(arm)
    return Mark(PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)], DASHES[place % len(DASHES)])


def short(name: str, longest: int = 18) -> str:
    """The name on one line, cut with an ellipsis if it is too long for a figure.

    >>> short("clip_adapter", 8), short("a\\nb")
    ('clip_ad…', 'a b')
    """
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
