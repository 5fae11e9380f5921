"""Published values beside ours, where data set, task and backbone are the same."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report import formatting
from vlstudy.report.citing import plain, references
from vlstudy.report.figures.domains import by_domain, over_domains
from vlstudy.report.reading import data_of, families, family, measured, tasks
from vlstudy.report.references import SHIFT_SETS, Published
from vlstudy.report.statistics import interval
from vlstudy.report.table import Cell, Table, table

MODELS = ("ViT-B-16", "ViT-B-16-quickgelu")
NAMES = (
    *("data set", "method", "domain", "published (%)", "±"),  # theirs
    *("here (%)", "low", "high", "n", "arm here"),  # ours
    *("shots", "what", "mean over", "note"),
)
PERCENT = formatting.scale("fraction")


@dataclass(frozen=True, kw_only=True)
class Section:
    """A sentence, the table, and what to know of its values."""

    text: str
    table: Table
    reservations: tuple[str, ...]


def published(record: StudyRecord) -> Section | None:
    """The section; None where nothing that is known was published on this data set, task and backbone."""
    found = _found(record)
    if not found:
        return None
    notes = {note: place for place, note in enumerate(dict.fromkeys(_note(one) for _, one in found))}
    rows = [{"data set": dataset} | _row(one, notes) | _here(record, dataset, one) for dataset, one in found]
    filled = [name for name in NAMES if any(row.get(name, "") != "" for row in rows)]
    several = len({dataset for dataset, _ in found}) > 1
    made = table([name for name in filled if several or name != "data set"], rows)
    text = (
        f"Published for {', '.join(dict.fromkeys(dataset for dataset, _ in found))} with CLIP ViT-B/16 in OpenAI's "
        "weights: not measured here. Our own values stand in the same row where an arm has the same method, data and "
        "shots; they were chosen on validation and tested on other draws than the published ones, so that a difference "
        "between the two is no result. A mean over several sets or domains has no value of ours beside it unless this "
        "study has them all."
    )
    reservations = tuple(f"{_letter(place)}: {note}" for note, place in notes.items())
    return Section(text=text, table=made, reservations=reservations)


def _found(record: StudyRecord) -> list[tuple[str, Published]]:
    """Data set -> what was published on it."""
    header = record.header
    if header.backbone.get("model") not in MODELS or header.backbone.get("pretrained") != "openai":
        return []
    every = [data_of(record, arm) for arm in header.arms]
    shots = frozenset(value for data in every if isinstance(value := data.get("shots"), int))
    tested = {plain(str(data["held_out"])) for data in every if data.get("held_out")}
    return [
        (dataset, one)
        for dataset in dict.fromkeys(str(data.get("dataset", "")) for data in every)
        for asked in tasks(record)
        for one in references(str(header.data.get("source", "")), dataset, asked, shots)
        if not one.domain or not tested or plain(one.domain) in tested
    ]


def _row(one: Published, notes: Mapping[str, int]) -> dict[str, Any]:
    return {
        "method": one.method,
        "what": one.what,
        "domain": one.domain,
        "shots": "" if one.shots is None else one.shots,
        "mean over": one.over,
        "published (%)": _printed(one.value),
        "±": "" if one.spread is None else _printed(one.spread),
        "note": _letter(notes[_note(one)]),
    }


def _here(record: StudyRecord, dataset: str, one: Published) -> dict[str, Any]:
    """The first family of arms with the same method that was measured on the same; nothing where there is none."""
    for name in families(record):
        mine = [
            arm for arm in record.header.arms if family(arm) == name and data_of(record, arm).get("dataset") == dataset
        ]
        arms = tuple(arm for arm in mine if _alike(record, arm, one))
        values = _values(record, arms, one)
        if values:
            mean = interval(list(values))
            ends = {"here (%)": mean.mean, "low": mean.low, "high": mean.high}
            scaled = {end: "" if value is None else PERCENT * value for end, value in ends.items()}
            return {"arm here": name, **scaled, "n": mean.n}
    return {}


def _alike(record: StudyRecord, arm: ArmHeader, one: Published) -> bool:
    below = next((other.method for other in record.header.arms if arm.on and family(other) == arm.on), "")
    shots = one.shots is None or data_of(record, arm).get("shots") == one.shots
    return bool(one.ours) and arm.method == one.ours and below == one.on and shots


def _values(record: StudyRecord, arms: tuple[ArmHeader, ...], one: Published) -> Iterable[float]:
    """Accuracy of each seed: on the set, on the domain, or over all domains where the study left each out once."""
    if not arms:
        return ()
    if not one.domain and not one.over:
        return measured(record, arms[0].name, "test/accuracy").values()
    if any(data_of(record, arm).get("train_on") for arm in arms):
        return ()
    found = by_domain(record, arms)
    if one.domain:
        return next((list(values.values()) for name, values in found.items() if plain(name) == plain(one.domain)), ())
    whole = SHIFT_SETS.get(plain(str(data_of(record, arms[0]).get("dataset", ""))))
    return over_domains(found).values() if len(found) == whole else ()


def _note(one: Published) -> str:
    """Where the number was published, and what to know of it."""
    source = one.source[0].upper() + one.source[1:]
    return f"{source}. {one.reservation}".strip()


def _printed(value: float) -> Cell:
    """The number with the decimals that it was published with: one, in some tables two."""
    return Cell(f"{value:.1f}" if round(value, 1) == value else f"{value:.2f}", value)


def _letter(place: int) -> str:
    return chr(ord("a") + place)
