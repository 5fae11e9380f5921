"""What the verbs that change a study print."""

from collections.abc import Sequence
from pathlib import Path

from vlstudy.errors import VlstudyError
from vlstudy.terminal import console


def show(folder: Path, lines: Sequence[str]) -> None:
    """Prints what became of a change, and how to go on."""
    out = console()
    for line in lines:
        out.print(line, soft_wrap=True, markup=False)
    out.print(f"in {folder}. Go on with: vlstudy launch {folder}", soft_wrap=True, markup=False)


def pairs(what: str, given: Sequence[str]) -> dict[str, str]:
    """Knob -> value of words such as `train.lr=1e-3`.

    Raises:
        VlstudyError: a word has no `=`, or a knob comes twice.
    """
    found: dict[str, str] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name or not value:
            raise VlstudyError(f"{what}: `{word}` is no KNOB=VALUE, such as train.lr=1e-3.")
        if name in found:
            raise VlstudyError(f"{what}: `{name}` is given twice. Keep one.")
        found[name] = value
    return found
