"""A knob that follows another one."""

from collections.abc import Iterable

from vlstudy.errors import suggest
from vlstudy.knobs import knobs
from vlstudy.study.reading.fields import outside, takes
from vlstudy.study.reading.place import Place
from vlstudy.study.space import Axis, Choice, Dimension, Grid, Int, LogInt, LogUniform, Tied, Uniform, plain


def tie(place: Place) -> Tied | None:
    """What the entry says: `tied` names a knob, `times` a factor; None if it is told to be wrong."""
    keys = place.mapping(("tied", "times", "when"))
    to, times = keys["tied"].value(), keys["times"].value() if "times" in keys else 1.0
    if not isinstance(to, str):
        keys["tied"].wrong(f"needs the name of a searched knob, got {keys['tied'].got()}.")
        return None
    if isinstance(times, bool) or not isinstance(times, int | float) or times <= 0:
        keys["times"].wrong(f"needs a number above 0, got {keys['times'].got()}.")
        return None
    return Tied(to, float(times))


def check_tie(place: Place, dimension: Dimension, space: Iterable[Dimension], owner: type) -> None:
    """Tells a tie to nothing, to a knob that has no one value, and one that leads out of the knob's range."""
    drawn, tied = list(space), dimension.distribution
    assert isinstance(tied, Tied)
    known = list(dict.fromkeys(item.name for item in drawn if not isinstance(item.distribution, Axis | Tied)))
    inner = place.children()["tied"]
    targets = [item for item in drawn if item.name == tied.to]
    target = next((item for item in targets if item.when.items() <= dimension.when.items()), None)
    if target is None and targets:
        needs = ", ".join(f"{name}: {plain(value)}" for name, value in targets[0].when.items())
        always = ", ".join(item.name for item in drawn if item.name in known and not item.when)
        inner.wrong(
            f"`{tied.to}` has a value only when {{{needs}}}. Give this knob the same `when`, or tie it to a knob that "
            f"is always drawn: {always}."
        )
    elif target is None:
        inner.wrong(f"`{tied.to}` is not searched in this arm. {suggest(tied.to, known)}")
    elif isinstance(target.distribution, Tied | Axis):
        why = "is tied itself" if isinstance(target.distribution, Tied) else "has all its values in every trial"
        inner.wrong(f"`{tied.to}` {why}. Tie to a knob that is drawn: {', '.join(known)}.")
    else:
        _check_values(inner, dimension, tied, target, owner)


def _check_values(place: Place, dimension: Dimension, tied: Tied, target: Dimension, owner: type) -> None:
    name = dimension.name.split(".", 1)[1]
    match target.distribution:
        case Choice(values) | Grid(values):
            ends = list(values)
        case Uniform(low, high) | LogUniform(low, high) | Int(low, high) | LogInt(low, high):
            ends = [low, high]
        case _:
            return
    types, words = takes(owner, name), knobs(owner)[name].choices
    for end in ends:
        number = isinstance(end, int | float) and not isinstance(end, bool)
        value = end if tied.times == 1 else tied.times * end if number else None
        if value is None:
            place.wrong(f"`{tied.to}` can be {plain(end)}, which has no multiple. Leave `times` out.")
        elif (type(value) not in types and not (type(value) is int and float in types)) or (
            words and value not in words
        ):
            place.wrong(f"`{tied.to}` can be {plain(end)}, which `{dimension.name}` cannot: it takes other values.")
        elif message := outside(owner, name, value):
            place.wrong(f"`{tied.to}` can be {plain(end)}, which makes {plain(value)}: {message}")
        else:
            continue
        return
