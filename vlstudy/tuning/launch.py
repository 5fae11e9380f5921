"""A study from its spec to confirmed results; launched again, it goes on where it was."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

from vlstudy.errors import JournalError
from vlstudy.journal import Header, exists, folder_of
from vlstudy.journal.folder import TRIALS, read_header, write_header
from vlstudy.journal.ledger import Ledger
from vlstudy.journal.lock import driver_lock
from vlstudy.study.spec import Arm, StudySpec, located
from vlstudy.tuning.cluster import connected
from vlstudy.tuning.confirm import confirm, outstanding
from vlstudy.tuning.errand import Errand
from vlstudy.tuning.interrupt import interruptible
from vlstudy.tuning.placing import place
from vlstudy.tuning.progress import Board, Row, attainable
from vlstudy.tuning.search import Search
from vlstudy.tuning.standing import best_trials
from vlstudy.tuning.work import Training, Work

_REPORTS = Path("reports")


def launch(spec: StudySpec, *, reports: Path = _REPORTS, address: str | None = None, work: Work | None = None) -> Path:
    """The study's folder, after search and confirmation; what an earlier launch has done is not done again.

    Args:
        spec: the study.
        reports: where the folder is made.
        address: of a running Ray cluster, which must see `reports` under the same path; None runs on this machine.
        work: what a worker trains; by default the real thing.

    Raises:
        JournalError: another process runs this study, its data changed since it began, or its journal is damaged.
        ClusterError: there is no cluster at `address`, or no node can hold a trial.
        KeyboardInterrupt: Ctrl-C; all is kept, and how to go on was printed.
    """
    folder = folder_of(spec, reports.resolve())
    errand = Errand(spec=_absolute(spec), folder=folder, work=work or Training())
    with driver_lock(folder):
        try:
            header = _begin(errand)
        except KeyboardInterrupt:
            print(f"stopped before the first trial. Go on with: {_again(spec, reports, address)}")
            raise
        ledger = Ledger(folder, header)
        board = Board(lambda: count(ledger), spec.objective, ledger.header.unit)
        if ledger.cut:
            board.say(f"the last launch died while it wrote: {ledger.cut} bytes of an unfinished line were cut off")
        search = Search(spec, ledger, board.say)
        if not search.finished or outstanding(ledger):
            try:
                _run(errand, search, ledger, board, address)
            except KeyboardInterrupt:
                board.say(_where(spec, ledger, reports, address))
                raise
        for leftover in (folder / TRIALS).iterdir():  # all trials have their verdicts
            leftover.unlink()
    return folder


def count(ledger: Ledger) -> tuple[Row, ...]:
    """The rows of the progress table, straight from the open journal."""
    header = ledger.header
    best = max if header.direction == "maximize" else min

    def row(name: str, wanted: int) -> Row:
        trials = ledger.trials(name)
        values = [trial.value for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
        return Row(
            name=name,
            wanted=wanted,
            complete=_in(trials, TrialState.COMPLETE),
            running=_in(trials, TrialState.RUNNING),
            pruned=_in(trials, TrialState.PRUNED),
            failed=_in(trials, TrialState.FAIL),
            best=best(values, default=None),
            confirmed=len(ledger.confirmed(name)),
            confirm=header.confirm_top * len(header.confirm_seeds),
        )

    return attainable(header, [row(arm.name, arm.trials) for arm in header.arms])


def _run(errand: Errand, search: Search, ledger: Ledger, board: Board, address: str | None) -> None:
    """Search, then confirm, on one connection to Ray."""
    with interruptible() as check, connected(errand.spec.resources, address, errand.folder) as slots, board:

        def beat(busy: int) -> None:
            check()
            board.beat(busy, slots)

        if not search.finished:
            place(errand, search, slots=slots, beat=beat)
        for arm in errand.spec.arms:
            if not best_trials(ledger, arm.name, 1):
                board.say(_nothing(errand.spec, ledger, arm))
        confirm(errand, ledger, slots=slots, beat=beat, tell=board.say)


def _nothing(spec: StudySpec, ledger: Ledger, arm: Arm) -> str:
    """Why an arm is not confirmed."""
    base = spec.base_of(arm)
    if base is not None and not ledger.trials(arm.name):
        why = "was not searched to its end" if best_trials(ledger, base.name, 1) else "has no complete trial"
        return f"{arm.name} has no trials, because {base.name}, on which it is trained, {why}"
    return f"{arm.name} has no complete trial, so there is nothing to confirm"


def _begin(errand: Errand) -> Header:
    """The header of the first launch, written now if this is it.

    Raises:
        JournalError: the folder is another study's, or the data is not what the study was begun with.
    """
    spec, folder = errand.spec, errand.folder
    facts = errand.work.prepare(spec)
    (folder / TRIALS).mkdir(parents=True, exist_ok=True)
    if not exists(folder):
        header = errand.work.header(spec, facts)
        write_header(folder, header, spec.text)
        return header
    first = read_header(folder)
    if first.digest != spec.digest:
        raise JournalError(f"{folder} holds another study ({first.study}, {first.digest[:16]}). Move it away.")
    for name, value in facts.items():
        if first.provenance.get(name) != value:
            raise JournalError(
                f"{folder} was begun with {name} = {first.provenance.get(name)}, which is now {value}: "
                "its trials would not be comparable. Bring the data back, or move the folder away to start anew."
            )
    return first


def _absolute(spec: StudySpec) -> StudySpec:
    """The spec with paths that mean the same to a worker in another directory."""
    arms = tuple(replace(arm, data=located(spec.data_of(arm), Path.cwd())) for arm in spec.arms)
    return replace(spec, data=located(spec.data, Path.cwd()), arms=arms)


def _again(spec: StudySpec, reports: Path, address: str | None) -> str:
    """The command that goes on."""
    options = [] if reports == _REPORTS else ["--reports", str(reports)]
    options += [] if address is None else ["--address", address]
    return shlex.join(["vlstudy", "launch", spec.path, *options])


def _where(spec: StudySpec, ledger: Ledger, reports: Path, address: str | None) -> str:
    counted = count(ledger)
    done, wanted = sum(row.done for row in counted), sum(row.wanted for row in counted)
    running = sum(row.running for row in counted)
    again = _again(spec, reports, address)
    return f"stopped: {done} of {wanted} trials are finished, {running} are kept where they are. Go on with: {again}"


def _in(trials: Sequence[FrozenTrial], state: TrialState) -> int:
    return sum(trial.state == state for trial in trials)
