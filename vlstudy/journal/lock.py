"""One driver per study: a lock that the operating system releases when its holder dies, however it dies."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vlstudy.errors import JournalError
from vlstudy.journal.folder import LOCK


@contextmanager
def driver_lock(folder: Path) -> Iterator[None]:
    """Holds the study's folder for this process.

    Raises:
        JournalError: another living driver holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise JournalError(
                f"{folder} is being written by {holder}. `vlstudy status` shows how far it is; "
                "stop it with Ctrl-C before launching the study again."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
