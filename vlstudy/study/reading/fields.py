"""Values of a dataclass's fields, read strictly: no 64 from "64", no 1 from true, no unknown name."""

import json
import math
import re
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from vlstudy.errors import suggest
from vlstudy.knobs import knobs
from vlstudy.study.reading.place import Place
from vlstudy.study.reading.text import resolves_to_number
from vlstudy.study.space import plain

_NEEDS: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    NoneType: "null",
}


def checked(owner: type, places: Mapping[str, Place]) -> dict[str, Any]:
    """Field -> value, in the types that the dataclass `owner` declares, for the places that hold such a value.

    The others are told what is wrong: an unknown field, a wrong type, a word that is no choice, a value out of range.
    """
    text = json.dumps({name: place.value() for name, place in places.items()})
    try:
        found = _adapter(owner).validate_json(text, strict=True)
    except ValidationError as error:
        faulty = _tell(owner, places, error)
        rest = {name: place for name, place in places.items() if name not in faulty}
        return checked(owner, rest) if faulty and rest else {}
    return {name: getattr(found, name) for name, place in places.items() if _in_range(owner, name, place, found)}


def takes(owner: type, name: str) -> tuple[Any, ...]:
    """The types that a field may have, such as (int, tuple[int, ...])."""
    hint = _hints(owner)[name]
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def outside(owner: type, name: str, value: Any) -> str | None:
    """What is wrong with the size of a number, or of any number in a list; None if it may be."""
    knob = knobs(owner).get(name)
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, bool) or not isinstance(number, int | float):
            continue
        if not math.isfinite(number):
            return f"needs a finite number, got `{plain(number)}`."
        low, high = (knob.low, knob.high) if knob else (None, None)
        if (low is not None and number < low) or (high is not None and number > high):
            return f"must be {_span(low, high)}, got `{plain(number)}`."
    return None


@cache
def _adapter(owner: type) -> TypeAdapter[Any]:
    """Reads `owner` strictly, through a subclass: the tables' dataclasses know nothing of pydantic."""
    body = {"__pydantic_config__": ConfigDict(extra="forbid"), "__module__": owner.__module__}
    return TypeAdapter(type(owner.__name__, (owner,), body))


@cache
def _hints(owner: type) -> dict[str, Any]:
    return get_type_hints(owner)


def _tell(owner: type, places: Mapping[str, Place], error: ValidationError) -> set[str]:
    """Pydantic's verdicts in our words, each at its place; gives the names of the faulty fields."""
    faulty: set[str] = set()
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(item["loc"][0]) if item["loc"] else ""
        if name not in places:
            continue  # a field that is not there and has no default: the caller knows what to say
        faulty.add(name)
        place = places[name]
        if item["type"] == "unexpected_keyword_argument":
            place.wrong_key(f"unknown key `{name}`. {suggest(name, knobs(owner))}")
        else:
            _wrong_type(place, name, takes(owner, name))
    return faulty


def _wrong_type(place: Place, name: str, types: tuple[Any, ...]) -> None:
    """One sentence: a word that is no choice, an item of a list, or the whole value."""
    words = tuple(str(word) for kind in types if get_origin(kind) is Literal for word in get_args(kind))
    value = place.value()
    if words and isinstance(value, str) and not _way_out(place, types):
        place.wrong(unknown(name, place, value, words) + _or(types))
        return
    element = next((get_args(kind)[0] for kind in types if get_origin(kind) is tuple), None)
    items = [item for item in place.items() if element and not _is(item.value(), element)]
    for item in items:
        item.wrong(f"needs {_NEEDS[element]}, got {item.got()}. {_way_out(item, (element,))}".rstrip())
    if not items:
        need = " or ".join(_need(kind) for kind in types)
        place.wrong(f"needs {need}, got {place.got()}. {_way_out(place, types)}".rstrip())


def unknown(what: str, place: Place, value: str, known: tuple[str, ...]) -> str:
    """The sentence about a word that is not in its table."""
    what = place.where.split(".")[0] if what == "name" else what
    return f"unknown {what} `{value}`. {suggest(value, known)}"


def _or(types: tuple[Any, ...]) -> str:
    others = [_need(kind) for kind in types if get_origin(kind) is not Literal]
    return f" Or {' or '.join(others)}." if others else ""


def _is(value: Any, kind: Any) -> bool:
    return type(value) is kind or (kind is float and type(value) is int)


def _need(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return f"a list of {_NEEDS[get_args(kind)[0]].removeprefix('a ')}s"
    if get_origin(kind) is Literal:
        return " or ".join(f"`{word}`" for word in get_args(kind))
    return _NEEDS[kind]


def _way_out(place: Place, types: tuple[Any, ...]) -> str:
    value = place.value()
    numeric = int in types or float in types
    if value is None:
        return "Write a value, or leave the key out."
    if isinstance(value, str) and numeric and resolves_to_number(value):
        return f"Write {value} without quotes."
    if isinstance(value, str) and numeric and re.fullmatch(r"[-+]?[0-9][0-9_]*", value):
        return f"Write {value.replace('_', '')}."
    if isinstance(value, float) and int in types and value.is_integer():
        return f"Write {int(value)}."
    if isinstance(value, str) and bool in types and value.lower() in ("yes", "no", "on", "off"):
        return f"Write {'true' if value.lower() in ('yes', 'on') else 'false'}."
    if isinstance(value, bool | int | float) and str in types:
        return f'Write "{plain(value)}", with quotes.'
    return ""


def _in_range(owner: type, name: str, place: Place, found: Any) -> bool:
    """Whether a value of the right type may be; tells its place if not."""
    value, knob = getattr(found, name), knobs(owner).get(name)
    if knob and knob.choices and value not in knob.choices:
        place.wrong(unknown(name, place, str(value), knob.choices))
        return False
    if value == ():
        place.wrong(f"needs at least one value, got {place.got()}.")
        return False
    items = place.items() if isinstance(value, tuple) else [place]
    told = [message for item in items if (message := _size(owner, name, item)) is not None]
    return not told


def _size(owner: type, name: str, place: Place) -> str | None:
    message = outside(owner, name, place.value())
    if message:
        place.wrong(message)
    return message


def _span(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"at least {plain(low)}" if high is None else f"at most {plain(high)}"
    return f"in {plain(low)} .. {plain(high)}"
