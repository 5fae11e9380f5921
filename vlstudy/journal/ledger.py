"""The writing side of a journal: every suggestion, measurement and verdict is on disk before it is acted on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from vlstudy.errors import JournalError
from vlstudy.journal.book import Book
from vlstudy.journal.entries import (
    CHOSEN,
    CONFIRM,
    CONSTRAINT,
    ENDED,
    GROUP,
    JUDGED,
    MEASUREMENT,
    QUEUE,
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
from vlstudy.journal.records import ConfirmRecord
from vlstudy.measurement import Measurement


class Ledger(Book):
    """The journal of one study, open for writing; its holder holds the folder's driver lock."""

    def begin(
        self,
        arm: str,
        settings: Mapping[str, Any],
        params: Mapping[str, Any],
        distributions: Mapping[str, BaseDistribution],
        *,
        notes: Mapping[str, Any] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> int:
        """The number of a new running trial; one line of the journal, so there is no half-made suggestion.

        Args:
            arm: the arm's name.
            settings: dotted knob -> value, as training will see it.
            params: the same as Optuna sees it.
            distributions: of `params`.
            notes: what the sampler keeps of it.
            attributes: where the trial comes from: `GROUP` and `REPLICATE`, `QUEUED`.
        """
        template = create_trial(
            state=TrialState.RUNNING,
            params=dict(params),
            distributions=dict(distributions),
            user_attrs={SETTINGS: dict(settings), **(attributes or {})},
            system_attrs=dict(notes or {}),
        )
        return self._create(arm, template)

    def serve(self, arm: str, trial: FrozenTrial, *, notes: Mapping[str, Any], attributes: Mapping[str, Any]) -> int:
        """The number of a new trial with the measurements and the verdict of one with the same settings.

        One line of the journal. The pruner's notes stay with the first trial, so that no rung counts it twice.
        """
        kept = {name: value for name, value in trial.user_attrs.items() if name not in (GROUP, REPLICATE, QUEUED)}
        first = trial.user_attrs.get(SERVED, trial.number)
        constraints = {name: value for name, value in trial.system_attrs.items() if name.startswith(CONSTRAINT)}
        template = create_trial(
            state=trial.state,
            values=trial.values,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={**kept, SERVED: first, **attributes},
            system_attrs={**constraints, **notes},
            intermediate_values=trial.intermediate_values,
        )
        return self._create(arm, template)

    def enqueue(self, arm: str, number: int, why: str) -> None:
        """Writes that the setting of a trial comes next once more."""
        entry = {"trial": number, "why": why}
        self._storage.set_study_user_attr(self._ids[search_study(arm)], f"{QUEUE}{len(self.queued(arm))}", entry)

    def queued(self, arm: str) -> dict[str, Mapping[str, Any]]:
        """Id -> `trial` and `why` of all that was ever enqueued in an arm, in order."""
        attributes = self._storage.get_study_user_attrs(self._ids[search_study(arm)])
        return {name: entry for name, entry in attributes.items() if name.startswith(QUEUE)}

    def queue(self, arm: str) -> dict[str, Mapping[str, Any]]:
        """What was enqueued and has no trial yet."""
        return pending(self.queued(arm), self.trials(arm))

    def choose(self, arm: str, numbers: Sequence[int]) -> None:
        """Writes which trials' settings are confirmed, the best first; later choices replace earlier ones."""
        key = self._ids[confirm_study(arm)]
        if self._storage.get_study_user_attrs(key).get(CHOSEN) != list(numbers):
            self._storage.set_study_user_attr(key, CHOSEN, list(numbers))

    def end(self, why: str) -> None:
        """Writes that the search is over, for what is asked now, and why if settings are left."""
        entry = {"changes": len(self.header.changes), "why": why}
        if self._storage.get_study_user_attrs(self._ids[SITTINGS]).get(ENDED) != entry:
            self._storage.set_study_user_attr(self._ids[SITTINGS], ENDED, entry)

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

    def complete(
        self, arm: str, number: int, values: Sequence[float], *, constraints: Mapping[str, float] | None = None
    ) -> None:
        """Ends a trial with the final values of its objectives, and of its constraints, which hold if not positive."""
        key = self._id(arm, number)
        with self._file.batch():
            for name, value in (constraints or {}).items():
                self._storage.set_trial_system_attr(key, f"{CONSTRAINT}:{name}", value)
            self._storage.set_trial_state_values(key, TrialState.COMPLETE, list(values))

    def fail(self, arm: str, number: int, reason: str, trace: str = "") -> None:
        """Ends a trial without a value; it stays failed."""
        key = self._id(arm, number)
        with self._file.batch():
            self._storage.set_trial_user_attr(key, REASON, reason)
            if trace:
                self._storage.set_trial_user_attr(key, TRACE, trace)
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
            last = self._values_at(trial, verdict["percent"])
            self._storage.set_trial_state_values(trial._trial_id, TrialState.PRUNED, last)

    def _values_at(self, trial: FrozenTrial, percent: int) -> list[float]:
        """The objectives at the measurement that Optuna was shown at this percentage."""
        shown = next(measurement for measurement in measurements_of(trial) if measurement.percent == percent)
        return [shown.metrics[name] for name in self.header.objectives]

    def _create(self, arm: str, template: FrozenTrial) -> int:
        key = self._storage.create_new_trial(self._ids[search_study(arm)], template)
        return self._storage.get_trial(key).number

    def _append(self, arm: str, trial: FrozenTrial) -> None:
        self._storage.create_new_trial(self._ids[confirm_study(arm)], trial)


def _same(arm: str, number: int, first: Measurement, again: Measurement) -> None:
    """Equal but for the clock."""
    if {**first.to_json(), "seconds": 0} != {**again.to_json(), "seconds": 0}:
        raise JournalError(
            f"{arm} {number} measured step {again.step} twice with different numbers; the first ones stay. "
            "A training that is not deterministic on this device does this after an interruption."
        )
