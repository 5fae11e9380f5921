"""What one trial is trained with: an arm's fixed values, its axes and the suggested parameters as dataclasses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlstudy.knobs import knobs
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


def meanings(arm: Arm) -> dict[str, str]:
    """Dotted knob -> what it means, for every knob that the arm may name."""
    owners: list[tuple[str, type]] = [("method", METHODS[arm.method]), ("train", TrainSettings)]
    owners += [("schedule", SCHEDULES[name]) for name in arm.schedules]
    found = {f"{part}.{name}": knob.meaning for part, owner in owners for name, knob in knobs(owner).items()}
    return {**found, "schedule": "which loss schedule weighs the terms"}


def resolve(arm: Arm, params: Mapping[str, Any]) -> Settings:
    """The settings of one trial; a knob that is neither fixed, measured nor suggested has its default.

    Args:
        arm: its values are taken as they are: `reading` has checked them.
        params: dotted knob -> suggested value, as in the journal (lists stand for tuples).
    """
    axes = {item.name: item.distribution.values for item in arm.space if isinstance(item.distribution, Axis)}
    values = {**axes, **arm.fixed, **params}

    def fields(part: str) -> dict[str, Any]:
        chosen = {name: value for name, value in values.items() if name.startswith(f"{part}.")}
        return {
            name.split(".", 1)[1]: tuple(value) if isinstance(value, list) else value for name, value in chosen.items()
        }

    return Settings(
        method=METHODS[arm.method](**fields("method")),
        schedule=SCHEDULES[params.get("schedule", arm.schedule)](**fields("schedule")),
        train=TrainSettings(**fields("train")),
    )
