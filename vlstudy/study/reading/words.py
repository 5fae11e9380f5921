"""Texts of a study file: a line for people, a name out of a table."""

from collections.abc import Iterable

from vlstudy.study.reading.fields import unknown
from vlstudy.study.reading.place import Place


def line(place: Place) -> str:
    """The text as one line, or "" if it is none, which is told."""
    value = place.value()
    if isinstance(value, str) and value.strip():
        return " ".join(value.split())
    quotes = f' Write "{place.got()[1:-1]}", with quotes.' if place.got().startswith("`") else ""
    got = "an empty one" if isinstance(value, str) else place.got()
    place.wrong(f"needs a text, got {got}.{quotes}")
    return ""


def word(place: Place, known: Iterable[str], what: str = "") -> str | None:
    """The text if it is one of `known`; None if it is not, which is told. `what` it names is by default its key."""
    names, value = tuple(known), place.value()
    if value in names:
        return str(value)
    what = what or place.where.split(".")[-1]
    if isinstance(value, str):
        place.wrong(unknown(what, place, value, names))
    else:
        place.wrong(f"needs the name of a {what}, got {place.got()}. Known: {', '.join(sorted(names))}.")
    return None
