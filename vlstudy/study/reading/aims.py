"""What a study aims at: its objectives, and the constraints that a setting must hold."""

from collections.abc import Mapping

from vlstudy.bounds import Bound
from vlstudy.errors import suggest
from vlstudy.metrics import METRICS
from vlstudy.study.reading.combinations import bound
from vlstudy.study.reading.place import Place

_MOST = 3  # objectives; on more than three nearly every setting is on the front
_KNOWN = [f"val/{name}" for name, metric in METRICS.items() if metric.split == "both"]


def objectives(place: Place) -> tuple[str, ...]:
    """The metrics on validation, the first one first; ("",) if the first is told to be wrong."""
    items = place.items()
    if not items:
        return (metric(place),)
    if len(items) > _MOST:
        place.wrong(
            f"{len(items)} objectives; on more than {_MOST} nearly every setting is non-dominated. Leave some out."
        )
    found = [metric(item) for item in items]
    for index, name in enumerate(found):
        if name and name in found[:index]:
            items[index].wrong(f"`{name}` stands in the list twice. Keep one.")
    return tuple(found)


def constraints(place: Place | None) -> Mapping[str, Bound]:
    """Metric -> the comparison that its value must hold at the end of a trial."""
    if place is None:
        return {}
    if not place.children():
        place.wrong(f'needs a mapping such as {{val/effective_dimension: ">= 8"}}, got {place.got()}.')
    found: dict[str, Bound] = {}
    for name, inner in place.children().items():
        limit = bound(inner)
        if name not in _KNOWN:
            inner.wrong_key(_unknown(name))
        elif limit is not None:
            found[name] = limit
    return dict(sorted(found.items()))


def metric(place: Place) -> str:
    """A metric on validation; "" if it is told to be wrong."""
    value = place.value()
    if not isinstance(value, str):
        place.wrong(f"needs a metric on validation, got {place.got()}. Known: {', '.join(_KNOWN)}.")
    elif value in _KNOWN:
        return value
    else:
        place.wrong(_unknown(value))
    return ""


def _unknown(value: str) -> str:
    if value.startswith("test/"):
        way_out = suggest(f"val/{value[5:]}", _KNOWN)
        return f"nothing is chosen on the test split: it is measured once, at the end. {way_out}"
    if value.removeprefix("val/") in METRICS and f"val/{value}" not in _KNOWN:
        why = "is measured on test images only, on which nothing is chosen"
        return f"`{value}` {why}. The report shows it in any case. Known: {', '.join(_KNOWN)}."
    bare = value if value.startswith("val/") else f"val/{value.split('/')[-1]}"
    return f"unknown metric `{value}`. {suggest(bare, _KNOWN)}"
