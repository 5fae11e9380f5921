"""The engine without Ray: trials one after the other in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.tuning.fakes import FakeWork
from vlstudy.journal import TrialRecord, folder_of, read
from vlstudy.journal.folder import write_header
from vlstudy.journal.ledger import Ledger
from vlstudy.study.spec import StudySpec
from vlstudy.tuning.errand import Errand, reason_of
from vlstudy.tuning.search import Search
from vlstudy.tuning.turns import Handout


@contextmanager
def sitting(spec: StudySpec, reports: Path) -> Iterator[tuple[Search, Errand, Ledger, list[str]]]:
    """A search on the study's folder, as a launch opens it, with the lines that it tells."""
    folder, work, told = folder_of(spec, reports), FakeWork(), list[str]()
    header = work.header(spec, work.prepare(spec))
    write_header(folder, header, spec.text)
    ledger = Ledger(folder, header)
    yield Search(spec, ledger, told.append), Errand(spec=spec, folder=folder, work=work), ledger, told


def train(search: Search, errand: Errand, handout: Handout, measurements: int | None = None) -> bool:
    """Trains a trial until it is over, or for some measurements; True if it is over."""
    training = errand.train(handout.arm, handout.settings, name=str(handout.number), seed=handout.seed, fresh=False)
    try:
        for count, (measurement, _) in enumerate(training, start=1):
            if search.heard(handout.arm, handout.number, measurement):
                return True
            if count == measurements:
                return False
    except Exception as error:
        search.failed(handout.arm, handout.number, reason_of(error))
    return True


def finish(spec: StudySpec, reports: Path) -> list[TrialRecord]:
    """All trials after a whole search, trials one after the other."""
    with sitting(spec, reports) as (search, errand, _, _):
        while handout := search.next():
            train(search, errand, handout)
    return list(read(folder_of(spec, reports)).trials)


def told(trials: list[TrialRecord]) -> list[tuple[object, ...]]:
    """What must be the same for the same study: everything but the clock."""
    return [
        (
            trial.arm,
            trial.number,
            trial.verdict,
            trial.reason,
            dict(trial.settings),
            [{**measurement.to_json(), "seconds": 0} for measurement in trial.measurements],
        )
        for trial in trials
    ]
