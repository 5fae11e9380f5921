"""What the record says about arms and trials, in the words that answer and figures share."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlstudy.journal import ArmHeader, ConfirmRecord, StudyRecord, TrialRecord, Verdict
from vlstudy.report import formatting

VERDICTS: tuple[Verdict, ...] = ("complete", "pruned", "failed", "running")  # in the order in which they are told


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Arms that were searched and confirmed on the same data: only they are compared with each other.

    Attributes:
        label: its knobs with their values, such as `shots = 4`; "" where the study has one condition.
        values: knob of the data -> value.
    """

    label: str
    values: Mapping[str, Any]
    arms: tuple[ArmHeader, ...]


def conditions(record: StudyRecord) -> tuple[Condition, ...]:
    """The conditions in the order in which the arms have them."""
    return grouped(record.header.arms)


def grouped(arms: Iterable[ArmHeader], *, without: Sequence[str] = ()) -> tuple[Condition, ...]:
    """These arms by their condition, as if the knobs in `without` had not been varied."""
    found: dict[str, list[ArmHeader]] = {}
    for arm in arms:
        found.setdefault(formatting.settings(_values(arm, without)), []).append(arm)
    return tuple(
        Condition(label=label, values=_values(own[0], without), arms=tuple(own)) for label, own in found.items()
    )


def family(arm: ArmHeader) -> str:
    """The arm's name in the study file, which all its conditions share."""
    return arm.family or arm.name


def families(record: StudyRecord) -> tuple[str, ...]:
    """The names in the study file, in its order."""
    return tuple(dict.fromkeys(family(arm) for arm in record.header.arms))


def test_metric(record: StudyRecord) -> str:
    """The name of the metric that was confirmed, such as `test/accuracy`."""
    return record.header.tested or record.header.objective.replace("val/", "test/", 1)


def confirmed(record: StudyRecord, arm: str) -> dict[int, ConfirmRecord]:
    """Seed -> the measurement on test of the arm's best setting, in the order of the seeds.

    A study that was resumed with a larger budget may have found a better setting since: only the last one counts.
    """
    best = [item for item in record.confirms if item.arm == arm and item.rank == 0]
    return {item.seed: item for item in sorted(best, key=lambda item: item.seed) if item.trial == best[-1].trial}


def measured(record: StudyRecord, arm: str, metric: str) -> dict[int, float]:
    """Seed -> the metric on test at the point of the axes that validation chose, where it was measured."""
    return {seed: item.metrics[metric] for seed, item in confirmed(record, arm).items() if metric in item.metrics}


def tested(record: StudyRecord, arm: str) -> dict[int, float]:
    """Seed -> the confirmed metric at the point of the axes that validation chose, as stored."""
    return measured(record, arm, test_metric(record))


def strongest_baseline(record: StudyRecord, condition: Condition) -> ArmHeader | None:
    """The condition's baseline with the best mean on test, the first of equals; None if none was confirmed."""
    sign = 1 if record.header.direction == "maximize" else -1
    values = [(arm, list(tested(record, arm.name).values())) for arm in condition.arms if arm.baseline]
    means = [(sign * sum(found) / len(found), arm) for arm, found in values if found]
    return max(means, key=lambda mean: mean[0])[1] if means else None


def validated(record: StudyRecord, trial: TrialRecord) -> float | None:
    """The trial's last value of the objective, as stored; None if it never got so far."""
    return trial.measurements[-1].metrics.get(record.header.objective) if trial.measurements else None


def state(record: StudyRecord, arm: str) -> str:
    """How far the arm's search is, in words, with the reason that its failed trials share most."""
    trials = [trial for trial in record.trials if trial.arm == arm]
    counts = Counter(trial.verdict for trial in trials)
    spoken = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
    reasons = Counter(trial.reason for trial in trials if trial.verdict == "failed" and trial.reason)
    why = f" ({reasons.most_common(1)[0][0].rstrip('.')})" if reasons and not counts["complete"] else ""
    return f"{spoken}{why}" if spoken else "no trial yet"


def data_of(record: StudyRecord, arm: ArmHeader) -> Mapping[str, Any]:
    """Every knob of the data that the arm was trained and tested on."""
    return {**record.header.data, **arm.data}


def tasks(record: StudyRecord) -> tuple[str, ...]:
    """What is asked of the data, such as `base_to_new`, each task of the study's conditions once."""
    return tuple(dict.fromkeys(str(data_of(record, arm).get("task", "")) for arm in record.header.arms))


def _values(arm: ArmHeader, without: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in arm.condition.items() if name not in without}
