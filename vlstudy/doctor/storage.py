"""Whether the folders that a launch writes to keep what is written."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from vlstudy.doctor.finding import Finding, ok, warning, wrong

LITTLE, SOME = 200 * 2**20, 2 * 2**30  # bytes: a study does not fit, a large one may not
SLOW = 0.5  # seconds of one fsync; the journal makes one for every measurement


def look(name: str, folder: Path, option: str) -> Iterator[Finding]:
    """Whether a folder can be written, synced and locked, and has room; a file is made there and removed.

    Args:
        name: of the folder, for people.
        folder: which need not exist yet; then the nearest one above it is tried.
        option: with which another one is chosen.
    """
    place = standing(folder)
    try:
        seconds = _tried(place)
    except OSError as error:
        yield wrong(name, f"{folder}: {error.strerror or error}", f"another folder: {option}.")
        return
    free = shutil.disk_usage(place).free
    told = f"{folder} can be written, synced ({1000 * seconds:.0f} ms) and locked; {free / 2**30:.1f} GiB are free"
    if free < LITTLE:
        yield wrong(name, told, f"make room, or another folder: {option}.")
    elif free < SOME:
        yield warning(name, told, f"a larger disk: {option}. `vlstudy plan STUDY --measure` says what is needed.")
    elif seconds > SLOW:
        yield warning(name, told, f"a faster disk: {option}. Every measurement waits for one sync.")
    else:
        yield ok(name, told)


def standing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    path = Path(os.path.abspath(folder.expanduser()))
    return next(place for place in (path, *path.parents) if place.exists())


def _tried(place: Path) -> float:
    """Seconds of one fsync of a small file, after it was written and locked.

    Raises:
        OSError: one of the three does not work there.
    """
    with tempfile.NamedTemporaryFile(dir=place, prefix=".vlstudy-doctor-") as file:
        file.write(b"0" * 4096)
        file.flush()
        began = time.perf_counter()
        os.fsync(file.fileno())
        seconds = time.perf_counter() - began
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    return seconds
