"""The table of loss schedules: how a method's loss terms are weighed during training."""

from vlstudy.schedules.fixed import Fixed
from vlstudy.schedules.protocol import Schedule

SCHEDULES: dict[str, type[Schedule]] = {"fixed": Fixed}

__all__ = ["SCHEDULES", "Schedule"]
