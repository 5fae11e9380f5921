"""Times, sizes and counts in words."""

_SECOND = ((1e-3, 1e-6, "us"), (1.0, 1e-3, "ms"), (90.0, 1.0, "s"), (90 * 60.0, 60.0, "min"))


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them, with two or three digits.

    >>> duration(0), duration(0.0124), duration(75), duration(600), duration(9000), duration(4e5)
    ('0 s', '12 ms', '75 s', '10 min', '2.5 h', '111 h')
    """
    if not seconds:
        return "0 s"
    for end, unit, name in _SECOND:
        if seconds < end:
            return f"{_digits(seconds / unit)} {name}"
    return f"{_digits(seconds / 3600)} h"


def size(count: float) -> str:
    """Bytes in the unit that suits them.

    >>> size(0), size(1645), size(3.4e6), size(26e9)
    ('0 KiB', '2 KiB', '3.2 MiB', '24 GiB')
    """
    for unit, name in ((2**10, "KiB"), (2**20, "MiB")):
        if count < 1000 * unit:
            return f"{_digits(count / unit) if unit > 2**10 else round(count / unit)} {name}"
    return f"{_digits(count / 2**30)} GiB"


def number(count: float) -> str:
    """A count that may be an expectation.

    >>> number(24.0), number(8.16), number(0.25)
    ('24', '8.2', '0.25')
    """
    return _digits(count)


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.2g}"
