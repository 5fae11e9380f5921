"""What the record says about arms and trials, in the words that answer and figures share."""

from vlstudy.journal import ConfirmRecord, StudyRecord, TrialRecord, Verdict

VERDICTS: tuple[Verdict, ...] = ("complete", "pruned", "failed", "running")  # in the order in which they are told


def test_metric(record: StudyRecord) -> str:
    """The name of the objective on the test split, such as `test/accuracy`."""
    return record.header.objective.replace("val/", "test/", 1)


def confirmed(record: StudyRecord, arm: str) -> dict[int, ConfirmRecord]:
    """Seed -> the measurement on test of the arm's best setting, in the order of the seeds.

    A study that was resumed with a larger budget may have found a better setting since: only the last one counts.
    """
    best = [item for item in record.confirms if item.arm == arm and item.rank == 0]
    return {item.seed: item for item in sorted(best, key=lambda item: item.seed) if item.trial == best[-1].trial}


def tested(record: StudyRecord, arm: str) -> dict[int, float]:
    """Seed -> the objective on test at the point of the axes that validation chose, as stored."""
    metric = test_metric(record)
    return {seed: item.metrics[metric] for seed, item in confirmed(record, arm).items()}


def strongest_baseline(record: StudyRecord) -> str | None:
    """The baseline arm with the best mean on test, the first of equals; None if none was confirmed."""
    sign = 1 if record.header.direction == "maximize" else -1
    values = {arm.name: list(tested(record, arm.name).values()) for arm in record.header.arms if arm.baseline}
    means = {arm: sign * sum(found) / len(found) for arm, found in values.items() if found}
    return max(means, key=lambda arm: means[arm]) if means else None


def validated(record: StudyRecord, trial: TrialRecord) -> float | None:
    """The trial's last value of the objective, as stored; None if it never got so far."""
    return trial.measurements[-1].metrics.get(record.header.objective) if trial.measurements else None
