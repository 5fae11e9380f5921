"""Records of studies with several objectives or constraints."""

from dataclasses import replace

from tests.report.records import full
from vlstudy.journal import StudyRecord
from vlstudy.journal.records import Objective
from vlstudy.measurement import Measurement, Point

OTHER, LIMIT = "val/cross_entropy", {"val/effective_dimension": ">= 8"}


def pareto(*, others: bool = True, constraints: dict[str, str] = LIMIT) -> StudyRecord:
    """The full study, whose cross entropy is worst where its accuracy is best, and whose dimension falls with it."""
    record = full()
    header = replace(record.header, constraints=constraints)
    if others:
        header = replace(header, others=(Objective(name=OTHER, direction="minimize", unit="number"),))
    trials = tuple(replace(trial, measurements=tuple(map(_measured, trial.measurements))) for trial in record.trials)
    confirms = tuple(
        replace(one, metrics={**one.metrics, "test/cross_entropy": 0.9, "test/effective_dimension": 9.0})
        for one in record.confirms
    )
    return replace(record, header=header, trials=trials, confirms=confirms)


def _measured(measurement: Measurement) -> Measurement:
    points = tuple(Point(axis=point.axis, metrics=_metrics(dict(point.metrics))) for point in measurement.points)
    return replace(measurement, points=points)


def _metrics(metrics: dict[str, float]) -> dict[str, float]:
    accuracy = metrics["val/accuracy"]
    return {**metrics, OTHER: accuracy**2 + 0.1, "val/effective_dimension": 20 * (1 - accuracy) + 2}
