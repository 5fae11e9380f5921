"""A searched schedule: each one a block with knobs of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vlstudy.knobs import knobs
from vlstudy.schedules import SCHEDULES
from vlstudy.study.reading.distribution import distribution, one_value
from vlstudy.study.reading.place import Place
from vlstudy.study.reading.tie import check_tie
from vlstudy.study.reading.words import word
from vlstudy.study.space import Choice, Dimension, Tied

SCHEDULE = "schedule"


@dataclass(frozen=True)
class Block:
    """One of the schedules that an arm chooses from, and where it stands."""

    name: str
    place: Place
    dimensions: tuple[Dimension, ...]


def blocks(place: Place) -> tuple[Block, ...]:
    """What stands under `space.schedule`; what is wrong with it is told."""
    listed = place.mapping(("choice",), required=("choice",)).get("choice")
    if listed is None:
        return ()
    if len(listed.items()) < 2:
        listed.wrong("needs a list of two schedules or more, each a name or a mapping with `name` and its knobs.")
        return ()
    found = [block for item in listed.items() if (block := _block(item)) is not None]
    for index, block in enumerate(found):
        if block.name in [other.name for other in found[:index]]:
            block.place.wrong(f"schedule `{block.name}` stands in the list twice. Keep one.")
    return tuple(found)


def dimensions(found: tuple[Block, ...]) -> list[Dimension]:
    """The choice itself and the knobs of all blocks, each under the condition of its own."""
    if not found:
        return []
    choice = Dimension(name=SCHEDULE, distribution=Choice(tuple(block.name for block in found)))
    return [choice, *(dimension for block in found for dimension in block.dimensions)]


def check_blocks(found: tuple[Block, ...], space: Sequence[Dimension]) -> None:
    """Tells a knob of a block with a condition of its own, and ties that lead nowhere."""
    for block in found:
        for dimension in block.dimensions:
            inner = block.place.children()[dimension.name]
            if "when" in inner.children():
                why = f"`{dimension.name}` matters when the schedule is {block.name}, because it stands in its block"
                inner.children()["when"].wrong_key(f"{why}. Remove `when`.")
            if isinstance(dimension.distribution, Tied):
                check_tie(inner, dimension, space, SCHEDULES[block.name])


def _block(place: Place) -> Block | None:
    keys = place.children()
    if place.is_mapping() and "name" not in keys:
        place.missing("name", "A schedule with knobs is written {name: three_phase, schedule.alpha_target: {...}}.")
        return None
    name = word(keys.get("name", place), SCHEDULES, "schedule")
    if name is None:
        return None
    owner, found = SCHEDULES[name], []
    known = {f"{SCHEDULE}.{knob}": knob for knob in knobs(owner)}
    for dotted, inner in place.mapping(("name", *known)).items() if keys else ():
        if dotted != "name" and (drawn := _drawn(inner, owner, known[dotted])) is not None:
            found.append(Dimension(name=dotted, distribution=drawn, when={SCHEDULE: name}))
    return Block(name, place, tuple(sorted(found, key=lambda dimension: dimension.name)))


def _drawn(place: Place, owner: type, knob: str) -> Any:
    """A distribution, or a value as a choice of one."""
    if place.is_mapping():
        return distribution(place, owner, knob)
    value = one_value(place, owner, knobs(owner)[knob])
    return None if value is None else Choice((value,))
