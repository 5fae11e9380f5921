"""One driver per study: a lock that the operating system releases when its holder dies, however it dies."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vlstudy.errors import StudyBusy
from vlstudy.journal.folder import LOCK


@contextmanager
def driver_lock(folder: Path) -> Iterator[None]:
    """Holds the study's folder for this process.

    Raises:
        StudyBusy: another living driver holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "a+", encoding="utf-8") as file:
        if not _locked(file.fileno()):
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise StudyBusy(
                f"{folder} is being written by {holder}. `vlstudy status` shows how far it is; "
                "`vlstudy stop` ends it, or Ctrl-C where it runs."
            )
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


def _locked(descriptor: int) -> bool:
    """True once the lock is ours; `status` holds it for an instant to see whether it is free, hence a second look."""
    for attempt in range(2):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if attempt == 0:
                time.sleep(0.2)
    return False
