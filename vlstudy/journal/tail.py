"""The end of a journal whose writer was killed in the middle of a line."""

import json
import os
from pathlib import Path

from vlstudy.errors import JournalError

_BLOCK = 1 << 16


def cut_torn_tail(path: Path) -> int:
    """Bytes cut off so that the file ends with a whole record; 0 for a sound journal.

    A writer that died, or a disk that lost power, can leave the last line unfinished. Optuna's reader skips it, but
    the next append would be glued to it and make the journal unreadable. Only that one line is ever cut.

    Raises:
        JournalError: the line before the last is broken too, which no interrupted write can do.
    """
    size = path.stat().st_size
    with open(path, "rb+") as file:
        start = _whole_until(file.fileno(), size)
        if start == size:
            return 0
        if _whole_until(file.fileno(), start) != start:
            raise JournalError(f"{path} is damaged before its last line. Restore it from a backup, or move it away.")
        file.truncate(start)
        os.fsync(file.fileno())
    return size - start


def _whole_until(descriptor: int, end: int) -> int:
    """`end` if the line that ends there is a record (or there is none), else where that line begins."""
    start = _line_start(descriptor, end) if end else 0
    line = os.pread(descriptor, end - start, start)
    return end if not line or (line.endswith(b"\n") and _is_record(line)) else start


def _line_start(descriptor: int, end: int) -> int:
    """Where the line that ends at `end` begins."""
    stop = end - 1  # the line's own newline does not count
    while stop > 0:
        begin = max(0, stop - _BLOCK)
        found = os.pread(descriptor, stop - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        stop = begin
    return 0


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
