"""Large tables of cosines, some rows at a time."""

from collections.abc import Iterator

AT_ONCE = 2**22  # numbers held at once: 32 MiB in double precision


def parts(rows: int, columns: int) -> Iterator[slice]:
    """Slices that cover the rows in order, each of at most 4,194,304 numbers, or of one row.

    >>> list(parts(5, 2**21))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    size = max(1, AT_ONCE // max(1, columns))
    for start in range(0, rows, size):
        yield slice(start, min(rows, start + size))
