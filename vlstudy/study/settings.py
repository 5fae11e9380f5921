"""What one trial is trained with: an arm's fixed values, its axes and the suggested parameters as dataclasses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlstudy.methods import METHODS, Method
from vlstudy.schedules import SCHEDULES, Schedule
from vlstudy.study.space import Axis
from vlstudy.study.spec import Arm
from vlstudy.training import TrainSettings


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that `training.fit` wants to know beside data, seed and objective."""

    method: Method
    schedule: Schedule
    train: TrainSettings


def resolve(arm: Arm, params: Mapping[str, Any]) -> Settings:
    """The settings of one trial; a knob that is neither fixed, measured nor suggested has its default.

    Args:
        arm: its values are taken as they are: `reading` has checked them.
        params: dotted knob -> suggested value, as in the journal (lists stand for tuples).
    """
    axes = {item.name: item.distribution.values for item in arm.space if isinstance(item.distribution, Axis)}
    values = {**axes, **arm.fixed, **params}

    def fields(part: str) -> dict[str, Any]:
        chosen = {name: value for name, value in values.items() if name.split(".", 1)[0] == part}
        return {
            name.split(".", 1)[1]: tuple(value) if isinstance(value, list) else value for name, value in chosen.items()
        }

    return Settings(
        method=METHODS[arm.method](**fields("method")),
        schedule=SCHEDULES[arm.schedule](**fields("schedule")),
        train=TrainSettings(**fields("train")),
    )
