"""What two study files ask differently, in words."""

from collections.abc import Mapping
from typing import Any

from vlstudy.study.reading.place import Faults, Place
from vlstudy.study.reading.text import compose
from vlstudy.study.space import plain


def differences(before: str, after: str) -> list[str]:
    """One sentence for each value that differs; comments and the order of keys do not count.

    Args:
        before: text of a study file.
        after: text of another.

    >>> differences("search: {trials: 24}", "search: {trials: 74, seed: 1}")
    ['search.trials: 24 -> 74', 'search.seed: added 1']
    """
    old, new = _flat(_value(before)), _flat(_value(after))
    return [_said(name, old, new) for name in dict.fromkeys([*old, *new]) if name not in old or _differ(name, old, new)]


def _differ(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return name not in new or old[name] != new[name] or type(old[name]) is not type(new[name])


def _said(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if name not in new:
        return f"{name}: removed {plain(old[name])}"
    return f"{name}: {plain(old[name])} -> {plain(new[name])}" if name in old else f"{name}: added {plain(new[name])}"


def _value(text: str) -> Any:
    return Place(compose(text, "study"), "", Faults()).value()


def _flat(value: Any, where: str = "") -> dict[str, Any]:
    """Dotted place -> value; an arm's place is its name, so that a new arm does not look like changes of all others."""
    if isinstance(value, Mapping) and value:
        inner = [
            _flat(item, f"{where}.{name}".lstrip(".")) for name, item in reversed(list(value.items()))
        ]  # `children` turns them
    elif where == "arms" and isinstance(value, list):
        inner = [_flat(item, f"arms[{_name(item, index)}]") for index, item in enumerate(value)]
    else:
        return {where: value}
    return {name: item for part in inner for name, item in part.items()}


def _name(arm: Any, index: int) -> str:
    return str(arm.get("name", index)) if isinstance(arm, Mapping) else str(index)
