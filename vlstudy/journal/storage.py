"""Optuna's storage, with the two things that a ledger needs of it: batches and rehearsals."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from optuna.storages import BaseStorage
from optuna.storages.journal import JournalFileBackend


class Rehearsal:
    """A storage whose trial notes go into a dictionary and nowhere else."""

    def __init__(self, storage: BaseStorage, notes: dict[str, Any]) -> None:
        self._storage, self._notes = storage, notes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Samplers and pruners note here what they did."""
        self._notes[key] = value


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
