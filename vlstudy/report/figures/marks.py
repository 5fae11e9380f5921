"""How an arm looks: one colour and marker in every figure, and a label that fits."""

from dataclasses import dataclass

from vlstudy.journal import StudyRecord
from vlstudy.report.style import PALETTE

MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")


@dataclass(frozen=True)
class Mark:
    """Colour and marker of one arm."""

    colour: str
    marker: str


def mark(record: StudyRecord, arm: str) -> Mark:
    """The arm's look, by its place in the study file."""
    place = [item.name for item in record.header.arms].index(arm)
    return Mark(PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)])


def short(name: str, longest: int = 18) -> str:
    r"""The name on one line, cut with an ellipsis if it is too long for a figure.

    >>> short("clip_adapter", 8), short("a\nb")
    ('clip_ad…', 'a b')
    """
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
