"""An interval as the columns of a figure's table."""

from vlstudy.report.statistics import Interval


def columns(found: Interval | None, factor: float, prefix: str = "") -> dict[str, float | int | None]:
    """`mean`, `low` and `high` times `factor`, and `n`; all None where there is no interval.

    >>> columns(Interval(mean=0.5, low=None, high=None, n=1), 100.0, "gap: ")
    {'gap: mean': 50.0, 'gap: low': None, 'gap: high': None, 'gap: n': 1}
    """
    mean, low, high = (found.mean, found.low, found.high) if found else (None, None, None)
    ends = {"mean": mean, "low": low, "high": high}
    scaled: dict[str, float | int | None] = {
        f"{prefix}{name}": None if value is None else factor * value for name, value in ends.items()
    }
    return scaled | {f"{prefix}n": found.n if found else None}
