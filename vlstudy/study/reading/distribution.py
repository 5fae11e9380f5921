"""One knob's entry under `space:` as a dimension."""

from collections.abc import Mapping
from typing import Any

from vlstudy.knobs import Knob, knobs
from vlstudy.study.reading.fields import checked, outside, takes
from vlstudy.study.reading.place import Place
from vlstudy.study.reading.tie import tie
from vlstudy.study.space import Axis, Choice, Distribution, Grid, Int, LogInt, LogUniform, Uniform, plain

RANGES: Mapping[str, type[Uniform] | type[LogUniform] | type[Int] | type[LogInt]] = {
    "uniform": Uniform,
    "log_uniform": LogUniform,
    "int": Int,
    "log_int": LogInt,
}
LISTS: Mapping[str, type[Choice] | type[Grid] | type[Axis]] = {"choice": Choice, "grid": Grid, "axis": Axis}
KINDS = (*RANGES, *LISTS)


def distribution(place: Place, owner: type, name: str) -> Distribution | None:
    """What the entry at `place` says about the field `name` of `owner`; None if that is told to be wrong."""
    if not place.children():
        place.wrong(f"needs a distribution, one of {', '.join(KINDS)}; got {place.got()}. {_way_out(place)}")
        return None
    if "tied" in place.children():
        return tie(place)
    told = len(place.faults.problems)
    found = [kind for kind in place.mapping((*KINDS, "when")) if kind != "when"]
    if len(found) != 1:
        if found:
            place.wrong(f"has {' and '.join(found)}; keep one of them.")
        elif len(place.faults.problems) == told:  # else the misspelt one was told already
            place.wrong(f"needs a distribution beside `when`: one of {', '.join(KINDS)}.")
        return None
    kind, knob = found[0], knobs(owner)[name]
    inner = place.children()[kind]
    return _range(kind, inner, owner, name) if kind in RANGES else _list(kind, inner, owner, knob)


def _way_out(place: Place) -> str:
    if place.items():
        return f"Write {{choice: {plain(place.value())}}}."
    return "A value for all trials stands under `fixed`." if place.value() is not None else "Write {choice: [..]}."


def _range(kind: str, place: Place, owner: type, name: str) -> Distribution | None:
    """A range of numbers that the knob can have, from two ordered ends."""
    if not _fits(kind, place, owner, name):
        return None
    if len(place.items()) != 2:
        got = f"{len(place.items())} values" if place.items() else place.got()
        place.wrong(f"needs two numbers, [low, high]; got {got}.")
        return None
    ends = checked(RANGES[kind], dict(zip(("low", "high"), place.items(), strict=True)))
    if len(ends) != 2:
        return None
    if not ends["low"] < ends["high"]:
        got, turned = plain((ends["low"], ends["high"])), plain((ends["high"], ends["low"]))
        way_out = "For one value use `fixed`." if ends["low"] == ends["high"] else f"Write {turned}."
        place.wrong(f"needs low < high, got {got}. {way_out}")
        return None
    if kind.startswith("log_") and ends["low"] <= 0:
        place.items()[0].wrong(f"{kind} needs low > 0, got `{plain(ends['low'])}`. Use `{kind[4:]}` to reach it.")
        return None
    messages = [outside(owner, name, end) for end in ends.values()]
    for item, message in zip(place.items(), messages, strict=True):
        if message:
            item.wrong(message)
    return None if any(messages) else RANGES[kind](**ends)


def _fits(kind: str, place: Place, owner: type, name: str) -> bool:
    """Whether the knob takes what this kind of range draws."""
    types = takes(owner, name)
    if float in types or (int in types and kind in ("int", "log_int")):
        return True
    whole = "log_int" if kind == "log_uniform" else "int"
    way_out = f"takes whole numbers. Use `{whole}`." if int in types else "takes no numbers. Use `choice`."
    place.wrong_key(f"`{kind}` draws numbers, but `{name}` {way_out}")
    return False


def _list(kind: str, place: Place, owner: type, knob: Knob) -> Distribution | None:
    """A list of values that the knob can have, each once."""
    if not place.items():
        place.wrong(f"needs a list of at least one value, got {place.got()}.")
        return None
    if kind == "axis" and not knob.axis:
        place.wrong_key(
            f"`{knob.name}` matters during training, so that one trial cannot measure many values of it. "
            "Use `grid` to try each, or `choice` to search."
        )
        return None
    values = [value for item in place.items() if (value := one_value(item, owner, knob)) is not None]
    if len(values) != len(place.items()):
        return None
    repeated = [index for index, value in enumerate(values) if value in values[:index]]
    for index in repeated:
        place.items()[index].wrong(f"`{plain(values[index])}` stands in the list twice. Keep one.")
    return None if repeated else LISTS[kind](tuple(values))


def one_value(place: Place, owner: type, knob: Knob) -> Any:
    """A value for one trial; None if it is told to be wrong."""
    if knob.axis and place.items():
        place.wrong(f"a list is no value of one trial. Under `space`, write {{axis: {plain(place.value())}}}.")
        return None
    return checked(owner, {knob.name: place}).get(knob.name)
