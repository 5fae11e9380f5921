"""The section `data:` as sources: one, or one for each condition that `{each: [...]}` asks for."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vlstudy.data import SOURCES
from vlstudy.errors import suggest
from vlstudy.knobs import knobs
from vlstudy.study.reading.fields import checked
from vlstudy.study.reading.place import Place
from vlstudy.study.reading.words import word
from vlstudy.study.spec import located

_NEEDED = ("path", "root")  # knobs without which a source that has them reads nothing
_MOST_CONDITIONS = 1_000  # every arm is searched and confirmed under each


@dataclass(frozen=True)
class Condition:
    """One setting of the data: the value of each varied knob, and the source that reads what the file means."""

    knobs: Mapping[str, Any]
    source: Any


@dataclass(frozen=True)
class Data:
    """What the section says: the source's name, the value of each knob, and the values of those that are varied."""

    name: str
    values: Mapping[str, Any]
    each: Mapping[str, tuple[Any, ...]]

    def written(self) -> dict[str, Any]:
        """For the digest: defaults written out, paths as in the file."""
        fields = asdict(SOURCES[self.name](**self.values))
        varied = {knob: {"each": values} for knob, values in self.each.items()}
        return {"source": self.name, **fields, **varied}

    def conditions(self, folder: Path) -> tuple[Condition, ...]:
        """Every combination of the varied knobs, the last one's values changing fastest; one if none is varied."""
        cells = (dict(zip(self.each, values, strict=True)) for values in itertools.product(*self.each.values()))
        kind = SOURCES[self.name]
        return tuple(Condition(cell, located(kind(**self.values, **cell), folder)) for cell in cells)


def data(place: Place) -> Data | None:
    """What the section says; None where too little of it can be read."""
    keys = place.children()
    if not place.is_mapping():
        place.wrong(f"needs a mapping such as {{source: {next(iter(SOURCES))}}}, got {place.got()}.")
        return None
    if "source" not in keys:
        place.missing("source", f"Known sources: {', '.join(SOURCES)}.")
        return None
    name = word(keys.pop("source"), SOURCES)
    if name is None:
        return None
    kind = SOURCES[name]
    for unknown in keys.keys() - knobs(kind).keys():
        keys.pop(unknown).wrong_key(f"unknown key `{unknown}`. {suggest(unknown, ['source', *knobs(kind)])}")
    for knob in _NEEDED:
        if knob in knobs(kind) and knob not in keys:
            place.missing(knob, f"Source `{name}` reads it; a relative path starts at this file's folder.")
    ordered = [knob for knob in knobs(kind) if knob in keys]  # the order of the file's keys changes no name
    varied = [knob for knob in ordered if keys[knob].is_mapping()]
    each = {knob: found for knob in varied if (found := _each(kind, knob, keys[knob]))}
    values = checked(kind, {knob: keys[knob] for knob in ordered if knob not in varied})
    for knob in _NEEDED:
        if values.get(knob) == "":
            keys[knob].wrong("needs the path of a file or folder, got an empty text.")
    if math.prod(map(len, each.values())) > _MOST_CONDITIONS:
        place.wrong(f"{' times '.join(each)} make more than {_MOST_CONDITIONS} conditions. Vary fewer knobs or values.")
        return None
    return Data(name, values, each)


def _each(kind: type, knob: str, place: Place) -> tuple[Any, ...]:
    """The values of a knob that is varied; () where they are told to be wrong."""
    keys = place.children()
    if list(keys) != ["each"]:
        place.wrong(f"needs a value, or {{each: [..]}} for one condition a value; got {place.got()}.")
        return ()
    items = keys["each"].items()
    if not items:
        keys["each"].wrong(f"needs a list of at least one value, got {keys['each'].got()}.")
    found = [checked(kind, {knob: item}) for item in items]
    values = [one[knob] for one in found if knob in one]
    if len(values) != len(items):
        return ()
    for index, item in enumerate(items):
        if values[index] in values[:index]:
            item.wrong(f"{item.got()} stands in the list twice. Keep one.")
        elif values[index] == "" and knob in _NEEDED:
            item.wrong("needs the path of a file or folder, got an empty text.")
    return tuple(dict.fromkeys(values))
