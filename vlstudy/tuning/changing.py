"""What a user changes in a study after its first launch, applied at once or by the driver that is running it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from vlstudy.errors import JournalError, StudyBusy, VlstudyError, suggest
from vlstudy.journal import inbox
from vlstudy.journal.folder import read_header
from vlstudy.journal.ledger import Ledger
from vlstudy.journal.lock import driver_lock
from vlstudy.study.comparable import objections
from vlstudy.study.reading.amending import Amendment, amended
from vlstudy.study.reading.differences import differences
from vlstudy.study.spec import StudySpec
from vlstudy.tuning.begun import of_folder, renew
from vlstudy.tuning.work import Training, Work

STOP = {"kind": "stop"}


def change(folder: Path, amendment: Amendment, *, work: Work | None = None) -> list[str]:
    """What became of a change of the study's text, in words: made, or handed to the driver that is running.

    Raises:
        VlstudyError: it cannot be made, or its trials would not be comparable.
    """
    return _ask(folder, {"kind": "amend", "amendment": asdict(amendment)}, work or Training())


def retry(folder: Path, *, arm: str = "", trials: Sequence[int] = (), work: Work | None = None) -> list[str]:
    """What became of repeating failed trials: all, those of an arm, or some numbers of it."""
    return _ask(folder, {"kind": "retry", "arm": arm, "trials": list(trials)}, work or Training())


def stop(folder: Path) -> bool:
    """Whether a driver is running, which then stops at its next look and keeps every trial where it is."""
    try:
        with driver_lock(folder):
            return False
    except StudyBusy:
        inbox.post(folder, STOP)
        return True


def drain(folder: Path, work: Work, tell: Callable[[str], None]) -> bool:
    """Carries out what was asked of the driver; True if it shall stop. The caller holds the folder's lock."""
    stopping = False
    for path in inbox.waiting(folder):
        request = inbox.read_request(path)
        try:
            for line in () if request == STOP else _apply(folder, request, work):
                tell(line)
        except VlstudyError as error:
            tell(str(error))
        stopping = stopping or request == STOP
        inbox.done(path)
    return stopping


def _ask(folder: Path, request: Mapping[str, Any], work: Work) -> list[str]:
    try:
        with driver_lock(folder):
            earlier: list[str] = []
            drain(folder, work, earlier.append)
            return [*earlier, *_apply(folder, request, work)]
    except StudyBusy as busy:
        inbox.post(folder, request)
        return [f"handed on: {str(busy).split('. ')[0]}, which takes it up at its next look"]


def _apply(folder: Path, request: Mapping[str, Any], work: Work) -> list[str]:
    if request["kind"] == "retry":
        return _retry(folder, request["arm"], request["trials"])
    return _amend(folder, Amendment(**request["amendment"]), work)


def _amend(folder: Path, amendment: Amendment, work: Work) -> list[str]:
    header, old = read_header(folder), of_folder(folder, work)
    new = amended(old.text, Path(old.path), amendment)
    if why := objections(old, new, dropped=amendment.drop):
        raise JournalError("\n".join(["finished trials would not be comparable:", *(f"  {line}" for line in why)]))
    header = _dropped(header, old, new, amendment)
    said = differences(old.text, new.text)
    renew(folder, header, new, work, said)
    return said


def _dropped(header: Any, old: StudySpec, new: StudySpec, amendment: Amendment) -> Any:
    """The header that remembers what a dropped arm was: under its name nothing else may come back.

    Raises:
        JournalError: a new arm has the name of a dropped one, and is another.
    """
    for arm in new.arms:
        if header.dropped.get(arm.name, repr(arm)) != repr(arm):
            raise JournalError(
                f"an arm called {arm.name} was dropped from this study, and it was another one, whose trials the "
                "journal keeps under that name. Give the new arm another name."
            )
    gone = {arm.name: repr(arm) for arm in old.arms if amendment.drop and arm.family == amendment.drop}
    return replace(header, dropped={**header.dropped, **gone})


def _retry(folder: Path, arm: str, numbers: Sequence[int]) -> list[str]:
    ledger = Ledger(folder, read_header(folder))
    names = [each.name for each in ledger.header.arms]
    if arm and arm not in names:
        raise VlstudyError(f"unknown arm `{arm}`. {suggest(arm, names)}")
    asked = [(name, trial) for name in ([arm] if arm else names) for trial in _repeatable(ledger, name)]
    if numbers:
        asked = [(name, trial) for name, trial in asked if trial.number in numbers]
        _check(ledger, names if not arm else [arm], numbers, asked)
    for name, trial in asked:
        ledger.enqueue(name, trial.number, "retry")
    return [f"{name} {trial.number} comes next once more" for name, trial in asked] or ["no trial has failed"]


def _check(
    ledger: Ledger, arms: Sequence[str], numbers: Sequence[int], asked: Sequence[tuple[str, FrozenTrial]]
) -> None:
    """Each number is a failed trial of exactly one arm."""
    for number in numbers:
        owners = [name for name, trial in asked if trial.number == number]
        if len(owners) > 1:
            raise VlstudyError(f"trial {number} failed in several arms: {', '.join(owners)}. Add --arm NAME.")
        if not owners:
            states = [f"{name} {number} is {_state(ledger, name, number)}" for name in arms]
            raise VlstudyError(f"trial {number} cannot be tried again: {', '.join(states)}.")


def _state(ledger: Ledger, arm: str, number: int) -> str:
    trials = ledger.trials(arm)
    return trials[number].state.name.lower() if number < len(trials) else "not there"


def _repeatable(ledger: Ledger, arm: str) -> list[FrozenTrial]:
    """Failed trials that were not tried again since."""
    again = {entry["trial"] for entry in ledger.queued(arm).values()}
    return [trial for trial in ledger.trials(arm) if trial.state == TrialState.FAIL and trial.number not in again]
