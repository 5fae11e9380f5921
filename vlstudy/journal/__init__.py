"""The ledger of a study: an Optuna journal with what is kept beside it in the study's folder.

Folder layout:
    study.yaml        the study file as it was read
    study.json        what was resolved from it at the first launch (`Header`)
    journal.log       Optuna's journal: every suggestion, measurement and verdict
    driver.lock       held by the process that writes
    trials/           one checkpoint per unfinished trial
    evidence/         arrays of each arm's first confirmation, which the report draws
    report.html
"""

from pathlib import Path

from vlstudy.journal.arrays import evidence
from vlstudy.journal.folder import exists, folder_of
from vlstudy.journal.records import ArmHeader, ConfirmRecord, Header, StudyRecord, TrialRecord, Verdict


def read(folder: Path) -> StudyRecord:
    """Everything that the folder knows of its study, while a driver writes or long after.

    Raises:
        JournalError: the folder holds no study, or a file in it is broken.
    """
    from vlstudy.journal.reading import read as read_with_optuna  # Optuna takes half a second; the records need none

    return read_with_optuna(folder)


__all__ = [
    "ArmHeader",
    "ConfirmRecord",
    "Header",
    "StudyRecord",
    "TrialRecord",
    "Verdict",
    "evidence",
    "exists",
    "folder_of",
    "read",
]
