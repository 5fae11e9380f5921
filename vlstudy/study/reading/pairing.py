"""Whether arms and data agree about captions, and loss schedules with the training that they plan."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from vlstudy.data import SOURCES
from vlstudy.methods import METHODS
from vlstudy.metrics import METRICS
from vlstudy.schedules import SCHEDULES
from vlstudy.schedules.protocol import DIRECTIONS
from vlstudy.study.reading.place import Place
from vlstudy.study.space import Choice, Dimension, Grid, Int, LogInt, LogUniform, Tied, Uniform, fits
from vlstudy.study.spec import Arm, PrunerSpec


def captioned(source: Any) -> bool:
    """True if the source's images have captions to learn from, and not only classes."""
    return getattr(source, "task", "") == "captions"


def check_pairs(places: Sequence[Place], arms: Sequence[Arm], sources: Sequence[Any]) -> None:
    """Tells the arms whose method learns from what the data has not: labels, captions or pictures."""
    wanted = {"captions" if captioned(source) else "labels" for source in sources}
    for place, arm in zip(places, arms, strict=True):
        method = METHODS.get(arm.method)
        lacks = sorted(wanted - set(method.trains_on)) if method else []
        if method and lacks:
            fitting = ", ".join(name for name, other in METHODS.items() if wanted <= set(other.trains_on))
            where = "the data asks for task `captions`" if lacks == ["captions"] else "the data has no captions"
            place.children()["method"].wrong(
                f"`{arm.method}` learns from {' and '.join(method.trains_on)}, and {where}. "
                f"Methods that fit: {fitting or 'none'}."
            )
        _check_pictures(place, arm, sources)


def _check_pictures(place: Place, arm: Arm, sources: Sequence[Any]) -> None:
    blind = [
        name for name, kind in SOURCES.items() if not kind.has_pixels and any(type(one) is kind for one in sources)
    ]
    if not blind or "method.trains" not in _knobs(arm) or METHODS[arm.method].pixels or METHODS[arm.method].towers:
        return  # a method that always takes pictures is told by its name
    trained = [value for value in _values(arm, "method.trains") if value != "heads"]
    if trained:
        _at(place, "method.trains").wrong(
            f"`{trained[0]}` trains on pictures, and source `{blind[0]}` has features only. Take `heads`."
        )


def check_schedules(places: Sequence[Place], arms: Sequence[Arm], pruner: PrunerSpec) -> None:
    """Tells what is wrong with an arm's loss schedule: knobs that contradict each other, or trials pruned too early."""
    single = [(place, one) for place, arm in zip(places, arms, strict=True) for one in _each_schedule(arm)]
    for place, arm in single:
        if arm.method not in METHODS or arm.schedule not in SCHEDULES:
            continue
        last = SCHEDULES[arm.schedule](**_latest(arm))
        named = place.children().get("schedule", place)
        problem = last.problem()
        if problem:
            named.wrong(problem)
        elif pruner.name != "none" and pruner.grace < round(last.settled(), 4):
            named.wrong(
                f"`{arm.schedule}` reaches its last weights at {last.settled():.0%} of the training, but trials may be "
                f"pruned from {pruner.grace:.0%} on, before they saw them. Set pruner.grace to {last.settled():g} or "
                "more, or `pruner: none`."
            )
        elif "schedule.total" in _knobs(arm) and not set(DIRECTIONS) <= set(METHODS[arm.method].terms):
            _at(place, "schedule.total").wrong_key(
                f"`schedule.total` changes nothing: `{arm.method}` has no loss of two directions. Remove it."
            )


def _each_schedule(arm: Arm) -> list[Arm]:
    """The arm once for each schedule that it may have, with that one's knobs."""
    others = {
        name: [item for item in arm.space if fits(name, item.when.get("schedule", name))] for name in arm.schedules
    }
    return [replace(arm, schedule=name, space=tuple(space)) for name, space in others.items()]


def check_objective(place: Place, objective: str, sources: Sequence[Any]) -> None:
    """Tells an objective that the data cannot measure."""
    metric = METRICS[objective.removeprefix("val/")]
    kinds = {name: kind for name, kind in SOURCES.items() if any(type(one) is kind for one in sources)}
    if metric.compare and not all(map(captioned, sources)):
        place.wrong(f"`{objective}` compares images with captions, and the data has none. {_known('compute')}")
    elif metric.compute and any(map(captioned, sources)):
        unclassed = [name for name, kind in kinds.items() if not kind.has_classes]
        if unclassed:
            place.wrong(f"`{objective}` needs classes, and source `{unclassed[0]}` has none. {_known('compare')}")


def _known(kind: str) -> str:
    fitting = [f"val/{name}" for name, one in METRICS.items() if getattr(one, kind) and one.split == "both"]
    return f"Metrics that fit: {', '.join(fitting)}."


def _knobs(arm: Arm) -> Mapping[str, Any]:
    return {**arm.fixed, **{dimension.name: dimension for dimension in arm.space}}


def _values(arm: Arm, name: str) -> tuple[Any, ...]:
    """The values that a knob of the arm is given, or the ends between which it is searched."""
    value = _knobs(arm)[name]
    if not isinstance(value, Dimension):
        return (value,)
    match value.distribution:
        case Choice(values) | Grid(values):
            return values
        case Uniform(low, high) | LogUniform(low, high) | Int(low, high) | LogInt(low, high):
            return (low, high)
        case Tied(to, times) if _ranged(arm, to):
            return tuple(times * end for end in _values(arm, to))
        case _:
            return ()


def _ranged(arm: Arm, name: str) -> bool:
    """Whether a knob is searched in a range of numbers; a tie to anything else is told where it stands."""
    found = _knobs(arm).get(name)
    return isinstance(found, Dimension) and isinstance(found.distribution, Uniform | LogUniform | Int | LogInt)


def _latest(arm: Arm) -> dict[str, Any]:
    """The schedule's knobs, numbers at the largest value that the arm may give them."""
    found = dict[str, Any]()
    for name in _knobs(arm):
        if name.startswith("schedule.") and (values := _values(arm, name)):
            numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
            found[name.removeprefix("schedule.")] = max(values) if numbers else values[0]
    return found


def _at(place: Place, dotted: str) -> Place:
    """Where a knob stands, under `fixed` or `space`."""
    inner = [part.children() for name, part in place.children().items() if name in ("fixed", "space")]
    return next((knobs[dotted] for knobs in inner if dotted in knobs), place)
