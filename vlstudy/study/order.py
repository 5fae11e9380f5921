"""In which order the knobs of an arm are decided, and when each of them matters."""

from collections.abc import Mapping
from typing import Any

from vlstudy.study.space import Axis, Dimension, Tied
from vlstudy.study.spec import Arm


def searched(arm: Arm) -> list[Dimension]:
    """The dimensions that are drawn or enumerated: no axes, which are measured, and no ties, which are computed."""
    return [dimension for dimension in arm.space if not isinstance(dimension.distribution, Axis | Tied)]


def ordered(arm: Arm) -> list[Dimension]:
    """The searched dimensions, each after those that its condition names."""
    found: list[Dimension] = []
    pending = searched(arm)
    while pending:
        waiting = {dimension.name for dimension in pending}
        ready = [dimension for dimension in pending if not waiting & (set(dimension.when) - {dimension.name})]
        if not ready:  # a circle of conditions: none of them can hold
            return found
        found += ready
        pending = [dimension for dimension in pending if dimension not in ready]
    return found


def matters(dimension: Dimension, settings: Mapping[str, Any], arm: Arm) -> bool:
    """Whether a knob's condition holds in a setting."""
    return dimension.matters({**facts(arm), **settings})


def facts(arm: Arm) -> dict[str, Any]:
    """What is known of every setting of the arm: its method, what it fixes, and its schedule if it has one only."""
    alone = {"schedule": arm.schedule} if len(arm.schedules) == 1 else {}
    return {"method": arm.method, **alone, **arm.fixed}


def tied(arm: Arm, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the knobs that follow others; one whose knob is not drawn is not set either."""
    found = dict(settings)
    for dimension in arm.space:
        tie = dimension.distribution
        if isinstance(tie, Tied) and tie.to in settings and matters(dimension, settings, arm):
            found[dimension.name] = settings[tie.to] if tie.times == 1 else tie.times * settings[tie.to]
    return found
