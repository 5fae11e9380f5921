"""A study from its spec to confirmed results; launched again, it goes on where it was."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

from vlstudy.errors import JournalError, StudyPaused
from vlstudy.journal import Header, exists, inbox
from vlstudy.journal.folder import STUDY, TRIALS, read_header, text_digest, write_header
from vlstudy.journal.ledger import Ledger
from vlstudy.journal.lock import driver_lock
from vlstudy.sinks import open_sinks
from vlstudy.study.spec import Arm, StudySpec, located
from vlstudy.tuning.begun import in_effect, of_folder, where
from vlstudy.tuning.changing import drain
from vlstudy.tuning.cluster import connected
from vlstudy.tuning.confirm import confirm, outstanding
from vlstudy.tuning.errand import Errand
from vlstudy.tuning.interrupt import interruptible
from vlstudy.tuning.placing import place
from vlstudy.tuning.progress import Board, Row, attainable
from vlstudy.tuning.search import Search
from vlstudy.tuning.standing import best_trials
from vlstudy.tuning.watchdog import blocked
from vlstudy.tuning.work import Training, Work

_REPORTS = Path("reports")


class _Summoned(BaseException):
    """Something was asked of this driver; no Exception, so that it leaves Tune's loop as Ctrl-C does."""


def launch(
    spec: StudySpec,
    *,
    reports: Path = _REPORTS,
    address: str | None = None,
    work: Work | None = None,
    extend: bool = False,
    anew: bool = False,
) -> Path:
    """The study's folder, after search and confirmation; what an earlier launch has done is not done again.

    Args:
        spec: the study.
        reports: where the folder is made.
        address: of a running Ray cluster, which must see `reports` under the same path; None runs on this machine.
        work: what a worker trains; by default the real thing.
        extend: goes on with the study of this name although its file changed, if finished trials stay comparable.
        anew: begins another study beside one of this name whose file changed.

    Raises:
        StudyBusy: another process runs this study.
        StudyChanged: a study of this name was begun from a file that asked for something else.
        StudyPaused: trials fail one after the other with the same error.
        JournalError: its data changed since it began, or its journal is damaged.
        ClusterError: there is no cluster at `address`, or no node can hold a trial.
        KeyboardInterrupt: Ctrl-C, or `vlstudy stop`; all is kept, and how to go on was printed.
    """
    work = work or Training()
    folder = where(spec, reports.resolve(), anew=anew)
    with driver_lock(folder):
        if exists(folder):
            _drained(folder, work)  # what an earlier driver left; a request to stop was meant for that one
        spec, stopping = in_effect(spec, folder, work, extend=extend), False
        while not stopping:
            errand = Errand(spec=_absolute(spec), folder=folder, work=work)
            try:
                _sit(errand, _again(spec, reports, address), address)
            except _Summoned:
                stopping = _drained(folder, work)
                spec = of_folder(folder, work) if read_header(folder).changes else spec
            else:
                break
        if stopping:
            print(f"Go on with: {_again(spec, reports, address)}")
            raise KeyboardInterrupt
        for leftover in (folder / TRIALS).iterdir():  # all trials have their verdicts
            leftover.unlink()
    return folder


def _drained(folder: Path, work: Work) -> bool:
    return drain(folder, work, lambda line: print(line, flush=True))


def _sit(errand: Errand, again: str, address: str | None) -> None:
    """Search and confirmation, as far as this sitting comes."""
    spec = errand.spec
    try:
        header = _begin(errand)
    except KeyboardInterrupt:
        print(f"stopped before the first trial. Go on with: {again}")
        raise
    ledger = Ledger(errand.folder, header)
    board = Board(lambda: count(ledger), spec.objective, ledger.header.unit)
    if ledger.cut:
        board.say(f"the last launch died while it wrote: {ledger.cut} bytes of an unfinished line were cut off")
    sinks = open_sinks(spec.sinks, errand.folder, header, board.say)
    search = Search(spec, ledger, board.say, sinks)
    try:
        if not search.finished or outstanding(ledger):
            _run(errand, search, ledger, board, address)
        ledger.end(search.ended or "")
        if inbox.waiting(errand.folder):
            raise _Summoned
    except KeyboardInterrupt:
        board.say(f"{_where(ledger)}. Go on with: {again}")
        raise
    except _Summoned:
        board.say(_where(ledger))
        raise
    finally:
        sinks.close()


def count(ledger: Ledger) -> tuple[Row, ...]:
    """The rows of the progress table, straight from the open journal."""
    header = ledger.header
    best = max if header.direction == "maximize" else min

    def row(name: str, wanted: int) -> Row:
        trials = ledger.trials(name)
        values = [trial.values[0] for trial in trials if trial.state == TrialState.COMPLETE]
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
    limit = 60 * errand.spec.failures.stall_minutes
    with (
        interruptible() as check,
        connected(errand.spec.resources, address, errand.folder) as slots,
        board,
        blocked(limit, board.say) as alive,
    ):

        def beat(busy: int) -> None:
            check()
            alive()
            if inbox.waiting(errand.folder):
                raise _Summoned
            board.beat(busy, slots)

        if not search.finished:
            errand, slots = place(errand, search, slots=slots, beat=beat, tell=board.say)
        if search.paused:
            raise StudyPaused(_paused(search.paused, errand.spec))
        if search.ended:
            board.say(f"the search ends before all settings were tried: {search.ended}")
        for arm in errand.spec.arms:
            if not best_trials(ledger, arm.name, 1):
                board.say(_nothing(errand.spec, ledger, arm))
        confirm(errand, ledger, slots=slots, beat=beat, tell=board.say)


def _paused(why: str, spec: StudySpec) -> str:
    return (
        f"the study pauses: {why.rstrip()}\nAll that is finished is kept. When the cause is mended, "
        f"`vlstudy launch {spec.path}` goes on, and `vlstudy retry {spec.path} --failed` tries the failed trials again."
    )


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
        header = replace(
            errand.work.header(spec, facts),
            digests=(spec.digest,),
            texts=(text_digest(spec.text),),
            origin=os.path.abspath(spec.path),
        )
        write_header(folder, header, spec.text)
        return header
    first = read_header(folder)
    for name, value in facts.items():
        if first.provenance.get(name, value) != value:
            raise JournalError(
                f"{folder} was begun with {name} = {first.provenance.get(name)}, which is now {value}: "
                "its trials would not be comparable. Bring the data back, or move the folder away to start anew."
            )
    fresh = {name: value for name, value in facts.items() if name not in first.provenance}
    if fresh:  # of arms that joined later
        first = replace(first, provenance={**first.provenance, **fresh})
        write_header(folder, first, (folder / STUDY).read_text(encoding="utf-8"))
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


def _where(ledger: Ledger) -> str:
    counted = count(ledger)
    done, wanted = sum(row.done for row in counted), sum(row.wanted for row in counted)
    running = sum(row.running for row in counted)
    return f"stopped: {done} of {wanted} trials are finished, {running} are kept where they are"


def _in(trials: Sequence[FrozenTrial], state: TrialState) -> int:
    return sum(trial.state == state for trial in trials)
