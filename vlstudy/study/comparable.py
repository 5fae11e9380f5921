"""Whether finished trials still answer a study after it was changed."""

from vlstudy.study.space import Axis, Choice, Distribution, Grid, Int, LogInt, LogUniform, Tied, Uniform, describe
from vlstudy.study.spec import Arm, StudySpec


def objections(old: StudySpec, new: StudySpec, *, dropped: str = "") -> list[str]:
    """Why the trials of `old` would not be trials of `new`, a sentence each; [] if they are.

    More trials, seeds and time, wider ranges, further values of a choice, further points and further arms are no
    objection: every finished trial could have been one of the new study's.

    Args:
        old: what is asked now.
        new: what would be asked.
        dropped: the family of an arm that may be missing.
    """
    told = [f"{name} differs" for name, same in _shared(old, new).items() if not same]
    after = {arm.name: arm for arm in new.arms}
    for arm in old.arms:
        if arm.name in after:
            told += [f"arm {arm.name}: {why}" for why in _changes(arm, after[arm.name])]
        elif arm.family != dropped:
            told.append(f"arm {arm.name} is gone (`vlstudy drop` takes an arm out and keeps what it measured)")
    return told


def wider(before: Distribution, after: Distribution) -> bool:
    """Whether every value of `before` is one of `after`, drawn in the same way.

    >>> wider(LogUniform(1e-4, 1e-2), LogUniform(1e-5, 1e-2)), wider(Uniform(0, 1), Uniform(0.5, 2))
    (True, False)
    """
    if type(before) is not type(after):
        return False
    match before:
        case Uniform(low, high) | LogUniform(low, high) | Int(low, high) | LogInt(low, high):
            assert isinstance(after, Uniform | LogUniform | Int | LogInt)
            return after.low <= low and high <= after.high
        case Choice(values):
            assert isinstance(after, Choice)
            return set(map(repr, values)) <= set(map(repr, after.values))
        case Grid() | Axis() | Tied():
            return before == after


def _shared(old: StudySpec, new: StudySpec) -> dict[str, bool]:
    """Part of the file that all trials share -> whether it is the same."""
    return {
        "study": old.study == new.study,
        "data": old.data == new.data,
        "backbone": old.backbone == new.backbone,
        "objective": old.objectives == new.objectives,
        "constraints": old.constraints == new.constraints,
        "search.seed": old.search.seed == new.search.seed,
        "pruner": old.pruner == new.pruner,
    }


def _changes(old: Arm, new: Arm) -> list[str]:
    """What makes an arm another arm."""
    told = [
        f"{name} differs" for name in ("method", "schedule", "on", "data") if getattr(old, name) != getattr(new, name)
    ]
    told += [f"fixed {name} differs" for name in _unequal(old, new)]
    before, after = _dimensions(old), _dimensions(new)
    was, is_now = {name for name, _ in before}, {name for name, _ in after}
    told += [f"{name} is searched now and was not" for name in sorted(is_now - was)]
    told += [f"{name} is searched no more" for name in sorted(was - is_now)]
    told += [
        f"{name} has another `when`" for name in sorted({name for name, _ in before.keys() - after.keys()} & is_now)
    ]
    for key in before.keys() & after.keys():
        if not wider(before[key], after[key]):
            told.append(f"{key[0]}: {describe(before[key])} is not within {describe(after[key])}")
    if new.points[: len(old.points)] != old.points:
        told.append("points were changed; only further ones can follow those that stand there")
    return told


def _unequal(old: Arm, new: Arm) -> list[str]:
    names = sorted(old.fixed.keys() | new.fixed.keys())
    return [name for name in names if old.fixed.get(name, ...) != new.fixed.get(name, ...)]


def _dimensions(arm: Arm) -> dict[tuple[str, str], Distribution]:
    """(knob, its condition) -> distribution: blocks of a choice may have knobs of one name."""
    return {(item.name, repr(sorted(item.when.items()))): item.distribution for item in arm.space}
