"""A study's journal as Optuna's storage: opened, mended, with a study for each arm's search and confirmation."""

from pathlib import Path
from typing import Any, cast

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, JournalStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from vlstudy.errors import JournalError
from vlstudy.journal.entries import SITTINGS, confirm_study, search_study
from vlstudy.journal.folder import JOURNAL
from vlstudy.journal.records import Header
from vlstudy.journal.storage import BatchedFile, Rehearsal, View
from vlstudy.journal.tail import cut_torn_tail


class Book:
    """The trials of a study as they stand, and for samplers and pruners to look at.

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
        self,
        arm: str,
        *,
        sampler: BaseSampler | None = None,
        pruner: BasePruner | None = None,
        view: View = list,
    ) -> tuple[optuna.Study, dict[str, Any]]:
        """The arm's study for a sampler or pruner to look at, with the notes that these would have written.

        Args:
            arm: the arm's name.
            sampler: who looks, or
            pruner: who looks.
            view: what they see instead of all trials.
        """
        notes: dict[str, Any] = {}
        storage = cast(BaseStorage, Rehearsal(self._storage, notes, view))
        study = optuna.load_study(study_name=search_study(arm), storage=storage, sampler=sampler, pruner=pruner)
        return study, notes

    def _id(self, arm: str, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._ids[search_study(arm)], number)

    def _studies(self) -> dict[str, int]:
        """Name -> id of Optuna's studies; those that the journal lacks are made."""
        arms = [arm.name for arm in self.header.arms]
        known = {study.study_name: study._study_id for study in self._storage.get_all_studies()}
        directions = [StudyDirection[direction.upper()] for direction in self.header.directions]
        wanted = {
            SITTINGS: directions[:1],
            **dict.fromkeys(map(search_study, arms), directions),
            **dict.fromkeys(map(confirm_study, arms), directions[:1]),
        }
        return {
            name: known[name] if name in known else self._storage.create_new_study(ways, name)
            for name, ways in wanted.items()
        }
