"""The writing side of a journal: every suggestion, measurement and verdict is on disk before it is acted on."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, JournalStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from vlstudy.errors import JournalError
from vlstudy.journal.folder import JOURNAL
from vlstudy.journal.records import ConfirmRecord, Header
from vlstudy.journal.storage import BatchedFile, Rehearsal
from vlstudy.journal.tail import cut_torn_tail
from vlstudy.measurement import Measurement

SITTINGS = "sittings"
MEASUREMENT, JUDGED, REASON, SETTINGS, CONFIRM = "measurement/", "judged", "reason", "settings", "confirm"


def search_study(arm: str) -> str:
    """The Optuna study of an arm's search; the prefix keeps an arm called `sittings` or `confirm/x` apart."""
    return f"search/{arm}"


def confirm_study(arm: str) -> str:
    """The Optuna study of an arm's confirmations."""
    return f"confirm/{arm}"


class Ledger:
    """The journal of one study, open for writing; its holder holds the folder's driver lock.

    Attributes:
        cut: bytes of an unfinished last line that were cut off at opening.
    """

    def __init__(self, folder: Path, header: Header) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # it announces every study it creates
        self.folder, self.header = folder, header
        path = folder / JOURNAL
        Path(f"{path}.lock").unlink(missing_ok=True)  # Optuna's lock of a killed driver: we hold ours, so it is stale
        self._file = BatchedFile(str(path))
        self.cut = cut_torn_tail(path)
        try:
            self._storage = JournalStorage(self._file)
        except (ValueError, KeyError) as error:
            raise JournalError(f"{path} is damaged ({error}). Restore it from a backup, or move it away.") from error
        self._ids = self._studies()
        self._sitting = len(self._storage.get_study_user_attrs(self._ids[SITTINGS]))

    def trials(self, arm: str) -> list[FrozenTrial]:
        """The search trials of an arm, by number; not to be changed."""
        return self._storage.get_all_trials(self._ids[search_study(arm)], deepcopy=False)

    def trial(self, arm: str, number: int) -> FrozenTrial:
        """One search trial; not to be changed."""
        return self._storage.get_trial(self._id(arm, number))

    def rehearsal(
        self, arm: str, *, sampler: BaseSampler | None = None, pruner: BasePruner | None = None
    ) -> tuple[optuna.Study, dict[str, Any]]:
        """The arm's study for a sampler or pruner to look at, with the notes that these would have written."""
        notes: dict[str, Any] = {}
        storage = cast(BaseStorage, Rehearsal(self._storage, notes))
        study = optuna.load_study(study_name=search_study(arm), storage=storage, sampler=sampler, pruner=pruner)
        return study, notes

    def begin(
        self,
        arm: str,
        settings: Mapping[str, Any],
        params: Mapping[str, Any],
        distributions: Mapping[str, BaseDistribution],
    ) -> int:
        """The number of a new running trial; one line of the journal, so there is no half-made suggestion.

        Args:
            arm: the arm's name.
            settings: dotted knob -> value, as training will see it.
            params: the same as Optuna sees it.
            distributions: of `params`.
        """
        template = create_trial(
            state=TrialState.RUNNING,
            params=dict(params),
            distributions=dict(distributions),
            user_attrs={SETTINGS: dict(settings)},
        )
        key = self._storage.create_new_trial(self._ids[search_study(arm)], template)
        return self._storage.get_trial(key).number

    def record(self, arm: str, number: int, measurement: Measurement) -> bool:
        """True if the measurement is new and now durable; False if its step was known already.

        Raises:
            JournalError: the step is known with other numbers; the first ones stay.
        """
        trial, name = self.trial(arm, number), f"{MEASUREMENT}{measurement.step}"
        if name in trial.user_attrs:
            _same(arm, number, Measurement.from_json(trial.user_attrs[name]), measurement)
            return False
        with self._file.batch():
            self._storage.set_trial_user_attr(trial._trial_id, name, measurement.to_json())
            self._show(trial, measurement)
        return True

    def judge(self, arm: str, number: int, percent: int, *, reason: str, notes: Mapping[str, Any]) -> None:
        """Writes what the pruner decided at `percent`; a reason other than "" ends the trial as pruned.

        The decision goes first, so that a crash between the lines can be mended by writing the rest again.
        """
        trial = self.trial(arm, number)
        with self._file.batch():
            verdict = {"percent": percent, "reason": reason, "notes": dict(notes)}
            self._storage.set_trial_user_attr(trial._trial_id, JUDGED, verdict)
            self._follow(trial, verdict)

    def mend(self, arm: str, number: int) -> list[Measurement]:
        """The measurements of a trial whose driver died, after what was left out between two lines is written."""
        trial = self.trial(arm, number)
        measurements = measurements_of(trial)
        with self._file.batch():
            for measurement in measurements[-1:]:
                self._show(trial, measurement)
            if JUDGED in trial.user_attrs:
                self._follow(trial, trial.user_attrs[JUDGED])
        return measurements

    def complete(self, arm: str, number: int, value: float) -> None:
        """Ends a trial with its objective's final value."""
        self._storage.set_trial_state_values(self._id(arm, number), TrialState.COMPLETE, [value])

    def fail(self, arm: str, number: int, reason: str) -> None:
        """Ends a trial without a value; it stays failed."""
        key = self._id(arm, number)
        with self._file.batch():
            self._storage.set_trial_user_attr(key, REASON, reason)
            self._storage.set_trial_state_values(key, TrialState.FAIL)

    def confirmed(self, arm: str) -> set[tuple[int, int]]:
        """(search trial, seed) of the arm's confirmations that are measured."""
        done = self._storage.get_all_trials(self._ids[confirm_study(arm)], False, (TrialState.COMPLETE,))
        return {(trial.user_attrs[CONFIRM]["trial"], trial.user_attrs[CONFIRM]["seed"]) for trial in done}

    def confirm(self, record: ConfirmRecord, value: float) -> None:
        """Writes one confirmation, in one line."""
        self._append(record.arm, create_trial(value=value, user_attrs={CONFIRM: asdict(record)}))

    def confirm_failed(self, arm: str, trial: int, seed: int, reason: str) -> None:
        """Writes that a confirmation could not be measured; a later launch tries it again."""
        attributes = {CONFIRM: {"trial": trial, "seed": seed}, REASON: reason}
        self._append(arm, create_trial(state=TrialState.FAIL, user_attrs=attributes))

    def clock(self, phase: str, seconds: float) -> None:
        """Writes how long this sitting has spent in a phase, `search` or `confirm`."""
        self._storage.set_study_user_attr(self._ids[SITTINGS], f"{phase}/{self._sitting}", seconds)

    def seconds(self, phase: str) -> float:
        """Time spent in a phase in all sittings, as far as it was written."""
        return phase_seconds(self._storage.get_study_user_attrs(self._ids[SITTINGS]), phase)

    def _show(self, trial: FrozenTrial, measurement: Measurement) -> None:
        """Lets Optuna see a measurement; of two at the same percentage the first."""
        if measurement.percent not in trial.intermediate_values:
            value = measurement.metrics[self.header.objective]
            self._storage.set_trial_intermediate_value(trial._trial_id, measurement.percent, value)

    def _follow(self, trial: FrozenTrial, verdict: Mapping[str, Any]) -> None:
        for key, value in verdict["notes"].items():
            if key not in trial.system_attrs:
                self._storage.set_trial_system_attr(trial._trial_id, key, value)
        if verdict["reason"]:
            self._storage.set_trial_user_attr(trial._trial_id, REASON, verdict["reason"])
            last = trial.intermediate_values[verdict["percent"]]
            self._storage.set_trial_state_values(trial._trial_id, TrialState.PRUNED, [last])

    def _append(self, arm: str, trial: FrozenTrial) -> None:
        self._storage.create_new_trial(self._ids[confirm_study(arm)], trial)

    def _id(self, arm: str, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._ids[search_study(arm)], number)

    def _studies(self) -> dict[str, int]:
        """Name -> id of Optuna's studies; those that the journal lacks are made."""
        arms = [arm.name for arm in self.header.arms]
        known = {study.study_name: study._study_id for study in self._storage.get_all_studies()}
        direction = StudyDirection[self.header.direction.upper()]
        return {
            name: known[name] if name in known else self._storage.create_new_study([direction], name)
            for name in (SITTINGS, *map(search_study, arms), *map(confirm_study, arms))
        }


def measurements_of(trial: FrozenTrial) -> list[Measurement]:
    """What a search trial measured, in the order of its steps."""
    found = [Measurement.from_json(value) for name, value in trial.user_attrs.items() if name.startswith(MEASUREMENT)]
    return sorted(found, key=lambda measurement: measurement.step)


def phase_seconds(sittings: Mapping[str, float], phase: str) -> float:
    """Sum over the sittings of the seconds spent in a phase."""
    return math.fsum(seconds for name, seconds in sittings.items() if name.startswith(f"{phase}/"))


def _same(arm: str, number: int, first: Measurement, again: Measurement) -> None:
    """Equal but for the clock."""
    if {**first.to_json(), "seconds": 0} != {**again.to_json(), "seconds": 0}:
        raise JournalError(
            f"{arm} {number} measured step {again.step} twice with different numbers; the first ones stay. "
            "A training that is not deterministic on this device does this after an interruption."
        )
