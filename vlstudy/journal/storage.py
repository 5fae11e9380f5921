"""Optuna's storage, with the two things that a ledger needs of it: batches and rehearsals."""

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from typing import Any

from optuna.storages import BaseStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

View = Callable[[list[FrozenTrial]], list[FrozenTrial]]


class Rehearsal:
    """A storage whose notes go into dictionaries and nowhere else, and whose trials are seen through a view.

    Args:
        storage: what is looked at.
        notes: what a sampler or pruner notes of the trial in question.
        view: what it sees instead of all trials.
    """

    def __init__(self, storage: BaseStorage, notes: dict[str, Any], view: View) -> None:
        self._storage, self._notes, self._view = storage, notes, view
        self._of_study: dict[str, Any] = {}  # NSGA-II's parents, which follow from the trials

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Samplers and pruners note here what they did."""
        self._notes[key] = value

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """What was noted of the study in this rehearsal."""
        return self._of_study

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Forgotten with the rehearsal."""
        self._of_study[key] = value

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The trials through the view."""
        shown = self._view(self._storage.get_all_trials(study_id, deepcopy=deepcopy))
        return shown if states is None else [trial for trial in shown if trial.state in states]


class BatchedFile(JournalFileBackend):
    """Optuna's file, where records that belong together share one write and one fsync."""

    _held: list[dict[str, Any]] | None = None

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Durable on return, unless a batch is open."""
        if self._held is not None:
            self._held.extend(logs)
        else:
            super().append_logs(logs)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Writes all records of the block at its end; nothing if the block raises."""
        self._held = []
        try:
            yield
            held = self._held
        finally:
            self._held = None
        if held:  # Optuna would write an empty line, which it cannot read
            super().append_logs(held)
