"""A real study that is searched in this process, without Ray and without confirmation."""

from pathlib import Path

from tests.tuning.here import train
from vlstudy.journal import read
from vlstudy.journal.ledger import Ledger
from vlstudy.journal.records import TrialRecord
from vlstudy.study.spec import StudySpec
from vlstudy.tuning.begun import in_effect, where
from vlstudy.tuning.errand import Errand
from vlstudy.tuning.launch import _begin
from vlstudy.tuning.search import Search
from vlstudy.tuning.work import Training, Work


def searched(
    spec: StudySpec, reports: Path, *, most: int = 1000, work: Work | None = None, extend: bool = False
) -> tuple[Path, list[str]]:
    """The folder after at most so many trainings of a launch of the spec, and what was told."""
    folder, told, work = where(spec, reports, anew=False), list[str](), work or Training()
    folder.mkdir(parents=True, exist_ok=True)
    spec = in_effect(spec, folder, work, extend=extend)
    errand = Errand(spec=spec, folder=folder, work=work)
    ledger = Ledger(folder, _begin(errand))
    search = Search(spec, ledger, told.append)
    for _ in range(most):
        if not (handout := search.next()):
            break
        train(search, errand, handout)
    ledger.end(search.ended or "") if search.finished else None
    return folder, told


def trials_of(folder: Path, arm: str) -> list[TrialRecord]:
    """An arm's trials as the journal has them."""
    return [trial for trial in read(folder).trials if trial.arm == arm]
