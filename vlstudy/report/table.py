"""Tables as the page shows them: text to read, and what a column is sorted by."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from vlstudy.journal import ArmHeader, ConfirmRecord, StudyRecord
from vlstudy.report import formatting
from vlstudy.report.reading import confirmed, family, test_metric, validated
from vlstudy.report.statistics import Interval, interval


@dataclass(frozen=True)
class Cell:
    """A text; `key` is the finite number that it is sorted by, None for words and for what has none."""

    text: str
    key: float | None = None


@dataclass(frozen=True)
class Table:
    """Named columns, `numeric` where numbers align to the right, and their rows."""

    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Cell, ...], ...]


def table(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> Table:
    """The rows, dictionaries of any values, under these columns; what a row lacks stays empty.

    >>> made = table(["knob", "value"], [{"knob": "lr", "value": 0.5}, {"knob": "noise"}])
    >>> made.numeric, made.rows[1][1].text
    ((False, True), '')
    """
    names, values = tuple(columns), list(rows)
    made = [_column([row.get(name, "") for row in values]) for name in names]
    numeric = tuple(any(cell.key is not None for cell in column) for column in made)
    return Table(names, numeric, tuple(zip(*made, strict=True)))


def twin(frame: pd.DataFrame) -> Table:
    """A figure's numbers."""
    values = frame.astype(object).where(frame.notna(), None)
    names = [str(name) for name in frame]
    rows = values.itertuples(index=False, name=None)
    return table(names, [dict(zip(names, row, strict=True)) for row in rows])


def trials(record: StudyRecord) -> Table:
    """Every trial of the search with a column for each knob, in the order of the arms."""
    header = record.header
    value = formatting.axis_label(header.objective.rpartition("/")[2], header.unit)
    knobs = sorted({name for trial in record.trials for name in trial.settings})
    arms = [arm.name for arm in header.arms]
    rows = []
    for trial in sorted(record.trials, key=lambda trial: (arms.index(trial.arm), trial.number)):
        last, reached = trial.measurements[-1] if trial.measurements else None, validated(record, trial)
        own = {
            "arm": trial.arm,
            "trial": trial.number,
            "verdict": trial.verdict,
            value: None if reached is None else formatting.scale(header.unit) * reached,
            "chosen at inference": formatting.settings(last.points[last.choice].axis) if last else "",
            "seconds": last.seconds if last else None,
            "reason": trial.reason,
        }
        rows.append({f"setting: {name}": _knob(item) for name, item in trial.settings.items()} | own)
    names = ("arm", "trial", "verdict", value, "chosen at inference", *(f"setting: {knob}" for knob in knobs))
    names = (*names, "seconds", "reason")
    made = table((name for name in names if any(row.get(name) not in (None, "") for row in rows)), rows)
    return Table(tuple(name.removeprefix("setting: ") for name in made.columns), made.numeric, made.rows)


def winners(record: StudyRecord) -> Table:
    """Every setting that was measured on test, in the order of the arms; an arm's first is the one that counts."""
    found: dict[tuple[str, int], list[ConfirmRecord]] = {}
    for arm in record.header.arms:
        own = [item for item in record.confirms if item.arm == arm.name]
        counts = {item.trial for item in confirmed(record, arm.name).values()}
        for item in sorted(own, key=lambda item: (item.trial not in counts, item.rank, item.trial)):
            found.setdefault((arm.name, item.trial), []).append(item)
    value, test = (f"{split} ({formatting.symbol(record.header.unit)})" for split in ("validation", "test"))
    knobs = tuple(dict.fromkeys(knob for arm in record.header.arms for knob in arm.condition))
    names = (
        "arm",
        *(f"data.{knob}" for knob in knobs),
        "trial",
        value,
        test,
        "low",
        "high",
        "n",
        "setting",
        "chosen at inference",
    )
    arms = {arm.name: arm for arm in record.header.arms}
    return table(names, [_winner(record, arms[arm], items, value, test) for (arm, _), items in found.items()])


def _winner(
    record: StudyRecord, arm: ArmHeader, items: Sequence[ConfirmRecord], value: str, test: str
) -> dict[str, Any]:
    """One setting: what it is, what the search saw of it, and the mean over its seeds with the 95 % interval."""
    first, factor = items[0], formatting.scale(record.header.unit)
    seen = [
        validated(record, trial) for trial in record.trials if (trial.arm, trial.number) == (first.arm, first.trial)
    ]
    measured = [item.metrics[test_metric(record)] for item in items if test_metric(record) in item.metrics]
    mean = interval(measured) if measured else Interval(mean=math.nan, low=None, high=None, n=0)
    ends = {value: next(iter(seen), None), test: mean.mean, "low": mean.low, "high": mean.high}
    return {
        "arm": family(arm) if arm.condition else arm.name,
        **{f"data.{knob}": _knob(item) for knob, item in arm.condition.items()},
        "trial": first.trial,
        "setting": formatting.settings(first.settings) or "nothing searched",
        "chosen at inference": formatting.settings(first.axis),
        **{name: None if end is None else factor * end for name, end in ends.items()},
        "n": mean.n,
    }


def _knob(value: Any) -> Any:
    """A knob's number keeps the spelling of the study file."""
    return Cell(formatting.setting(value), _key(value))


def _column(values: Sequence[Any]) -> tuple[Cell, ...]:
    numbers = [value for value in values if _is_number(value) and math.isfinite(value)]
    largest = max(map(abs, numbers), default=0.0)
    return tuple(_cell(value, largest) for value in values)


def _cell(value: Any, largest: float) -> Cell:
    if isinstance(value, Cell):
        return value
    if value is None or value != value:
        return Cell("–")
    if isinstance(value, bool):
        return Cell("yes" if value else "")
    return Cell(formatting.number(value, largest) if _is_number(value) else str(value), _key(value))


def _key(value: Any) -> float | None:
    return float(value) if _is_number(value) and math.isfinite(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
