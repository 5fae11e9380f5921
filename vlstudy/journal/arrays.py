"""What an arm's first confirmation leaves beside its numbers: arrays for the report's pictures."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from vlstudy.errors import JournalError
from vlstudy.journal.folder import evidence_of, write
from vlstudy.journal.records import StudyRecord

Arrays = Mapping[str, NDArray[Any]]


def evidence(record: StudyRecord, arm: str) -> dict[str, NDArray[Any]]:
    """Name -> array of what the arm left; {} where there is nothing.

    Raises:
        JournalError: its file is broken.
    """
    path = evidence_of(Path(record.folder), arm)
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise JournalError(
            f"{path} cannot be read ({error}). Delete it: the report then has no such pictures."
        ) from error


def write_evidence(folder: Path, arm: str, arrays: Arrays) -> None:
    """Puts the arm's arrays into the study's folder, in place of earlier ones; durable on return.

    Raises:
        ValueError: an array holds Python objects, which nobody should have to unpickle.
    """
    packed = BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **arrays)
    path = evidence_of(folder, arm)
    path.parent.mkdir(exist_ok=True)
    write(path, packed.getvalue())
