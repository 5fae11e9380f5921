"""How an arm looks: one colour and marker in every figure and condition, and a label that fits."""

from dataclasses import dataclass

from vlstudy.journal import StudyRecord
from vlstudy.report.formatting import setting
from vlstudy.report.reading import families, family
from vlstudy.report.style import PALETTE

MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")


@dataclass(frozen=True)
class Mark:
    """Colour and marker of a family of arms."""

    colour: str
    marker: str


def mark(record: StudyRecord, arm: str) -> Mark:
    """The look of an arm, or of a family of arms: by the place of its name in the study file."""
    known = {item.name: family(item) for item in record.header.arms}
    place = families(record).index(known.get(arm, arm))
    return Mark(PALETTE[place % len(PALETTE)], MARKERS[(place + place // len(PALETTE)) % len(MARKERS)])


def label(record: StudyRecord, arm: str, longest: int = 18) -> str:
    """The arm's family with the values of its condition behind a comma, of which none is cut before the family is."""
    item = next(item for item in record.header.arms if item.name == arm)
    values = ", ".join(setting(value) for value in item.condition.values())
    if not values:
        return short(arm, longest)
    end = short(values, max(4, longest - 6))
    return f"{short(family(item), longest - len(end) - 2)}, {end}"


def short(name: str, longest: int = 18) -> str:
    r"""The name on one line; where it is too long it loses its middle, for variants of an arm differ at the end.

    >>> short("clip_adapter", 8), short("a\nb")
    ('clip_…er', 'a b')
    """
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    end = longest // 3
    return line if len(line) <= longest else f"{line[: longest - end - 1]}…{line[-end:]}"
