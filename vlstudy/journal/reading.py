"""The reading side of a journal."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from vlstudy.errors import JournalError
from vlstudy.journal.entries import (
    CHOSEN,
    CONFIRM,
    ENDED,
    GROUP,
    POINT,
    QUEUED,
    REASON,
    REPLICATE,
    SERVED,
    SETTINGS,
    SITTINGS,
    TRACE,
    confirm_study,
    measurements_of,
    pending,
    phase_seconds,
    search_study,
)
from vlstudy.journal.folder import JOURNAL, STUDY, read_header
from vlstudy.journal.records import ConfirmRecord, StudyRecord, TrialRecord, Verdict
from vlstudy.measurement import Measurement

VERDICTS: dict[TrialState, Verdict] = {
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


def read(folder: Path) -> StudyRecord:
    """Everything that the folder knows of its study.

    Raises:
        JournalError: the folder holds no study, or a file in it is broken.
    """
    header = read_header(folder)
    try:
        text = (folder / STUDY).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise JournalError(f"{folder} holds no {STUDY}. Copy the study file there again, under that name.") from error
    if not (folder / JOURNAL).is_file():  # opening would create it
        return StudyRecord(folder=str(folder), text=text, header=header)
    arms = [arm.name for arm in header.arms]
    try:
        storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
        trials = tuple(trial_record(arm, trial) for arm in arms for trial in _trials(storage, search_study(arm)))
        tested = [(arm, trial) for arm in arms for trial in _trials(storage, confirm_study(arm))]
        every = tuple(_confirm_record(trial) for _, trial in tested if trial.state == TrialState.COMPLETE)
        extra = _seconds(storage) | _failures(tested, every)
        confirms = _standing(every, {arm: _attributes(storage, confirm_study(arm)).get(CHOSEN) for arm in arms})
        ended = _attributes(storage, SITTINGS).get(ENDED, {})
        queued = sum(_queued(storage, arm.name, arm.points) for arm in header.arms)
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise JournalError(f"{folder / JOURNAL} is damaged ({error!r}). Restore it from a backup.") from error
    header = replace(header, provenance={**header.provenance, **extra})
    why = ended["why"] if ended.get("changes") == len(header.changes) and not queued else None
    if why:
        header = replace(header, provenance={**header.provenance, "search ended early": why})
    return StudyRecord(
        folder=str(folder), text=text, header=header, trials=trials, confirms=confirms, queued=queued, ended=why
    )


def trial_record(arm: str, trial: FrozenTrial) -> TrialRecord:
    """One trial of Optuna's as one of ours."""
    verdict = VERDICTS[trial.state]
    return TrialRecord(
        arm=arm,
        number=trial.number,
        verdict=verdict,
        reason=trial.user_attrs.get(REASON, "") if verdict in ("pruned", "failed") else "",
        settings=trial.user_attrs.get(SETTINGS, {}),
        measurements=tuple(measurements_of(trial)),
        started=trial.datetime_start.timestamp() if trial.datetime_start else None,
        finished=trial.datetime_complete.timestamp() if trial.datetime_complete else None,
        group=trial.user_attrs.get(GROUP, trial.number),
        replicate=trial.user_attrs.get(REPLICATE, 0),
        served=trial.user_attrs.get(SERVED),
        trace=trial.user_attrs.get(TRACE, "") if verdict == "failed" else "",
    )


def _confirm_record(trial: FrozenTrial) -> ConfirmRecord:
    value: Mapping[str, Any] = trial.user_attrs[CONFIRM]
    return ConfirmRecord(**{**value, "measurement": Measurement.from_json(value["measurement"])})


def _failures(tested: list[tuple[str, FrozenTrial]], confirms: tuple[ConfirmRecord, ...]) -> dict[str, str]:
    """Provenance of the confirmations that failed and were not made good since."""
    good = {(record.arm, record.trial, record.seed) for record in confirms}
    failed = {
        (arm, trial.user_attrs[CONFIRM]["trial"], trial.user_attrs[CONFIRM]["seed"]): trial.user_attrs[REASON]
        for arm, trial in tested
        if trial.state == TrialState.FAIL
    }
    lines = [f"{key[0]}, seed {key[2]}: {reason}" for key, reason in failed.items() if key not in good]
    return {"confirmations that failed": "; ".join(lines)} if lines else {}


def _standing(confirms: tuple[ConfirmRecord, ...], chosen: Mapping[str, list[int] | None]) -> tuple[ConfirmRecord, ...]:
    """The confirmations of the settings that are chosen now, each with its rank; all if no choice was written."""
    return tuple(
        replace(record, rank=numbers.index(record.trial)) if numbers else record
        for record in confirms
        if not (numbers := chosen[record.arm]) or record.trial in numbers
    )


def _queued(storage: JournalStorage, arm: str, points: int) -> int:
    """Points of the file and repetitions that have no trial yet."""
    trials, attributes = _trials(storage, search_study(arm)), _attributes(storage, search_study(arm))
    taken = {trial.user_attrs.get(QUEUED) for trial in trials}
    return len(pending(attributes, trials)) + sum(f"{POINT}{index}" not in taken for index in range(points))


def _seconds(storage: JournalStorage) -> dict[str, str]:
    sittings = _attributes(storage, SITTINGS)
    return {f"{phase} seconds": f"{phase_seconds(sittings, phase):.0f}" for phase in ("search", "confirm")}


def _attributes(storage: JournalStorage, name: str) -> Mapping[str, Any]:
    return next((study.user_attrs for study in storage.get_all_studies() if study.study_name == name), {})


def _trials(storage: JournalStorage, name: str) -> list[FrozenTrial]:
    known = {study.study_name: study._study_id for study in storage.get_all_studies()}
    return storage.get_all_trials(known[name], deepcopy=False) if name in known else []
