"""What a journal's studies and trials keep beside Optuna's own fields: the names, and how they are read."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from optuna.trial import FrozenTrial

from vlstudy.measurement import Measurement

SITTINGS = "sittings"
MEASUREMENT, JUDGED, REASON, SETTINGS, CONFIRM = "measurement/", "judged", "reason", "settings", "confirm"
GROUP, REPLICATE, SERVED, QUEUED, TRACE = "group", "replicate", "served", "queued", "trace"
CONSTRAINT = "constraints"  # what the names of Optuna's attributes for constraints begin with
CHOSEN, ENDED = "chosen", "ended"
POINT = "point/"  # what the ids of points of the file begin with
QUEUE = "queue/"


def search_study(arm: str) -> str:
    """The Optuna study of an arm's search; the prefix keeps an arm called `sittings` or `confirm/x` apart."""
    return f"search/{arm}"


def confirm_study(arm: str) -> str:
    """The Optuna study of an arm's confirmations."""
    return f"confirm/{arm}"


def measurements_of(trial: FrozenTrial) -> list[Measurement]:
    """What a search trial measured, in the order of its steps."""
    found = [Measurement.from_json(value) for name, value in trial.user_attrs.items() if name.startswith(MEASUREMENT)]
    return sorted(found, key=lambda measurement: measurement.step)


def pending(queued: Mapping[str, Any], trials: Iterable[FrozenTrial]) -> dict[str, Mapping[str, Any]]:
    """The entries of an arm's queue that none of its trials came from."""
    taken = {trial.user_attrs.get(QUEUED) for trial in trials}
    return {name: entry for name, entry in queued.items() if name.startswith(QUEUE) and name not in taken}


def phase_seconds(sittings: Mapping[str, float], phase: str) -> float:
    """Sum over the sittings of the seconds spent in a phase."""
    return math.fsum(seconds for name, seconds in sittings.items() if name.startswith(f"{phase}/"))
