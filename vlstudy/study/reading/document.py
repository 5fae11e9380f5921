"""The whole file as a study."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from vlstudy.data import SOURCES
from vlstudy.errors import suggest
from vlstudy.knobs import knobs
from vlstudy.metrics import METRICS
from vlstudy.study.reading.arm import arms
from vlstudy.study.reading.fields import checked
from vlstudy.study.reading.place import Place
from vlstudy.study.reading.words import line, word
from vlstudy.study.spec import (
    BackboneSpec,
    BudgetSpec,
    ConfirmSpec,
    PrunerSpec,
    ResourceSpec,
    SearchSpec,
    StudySpec,
)

Section = TypeVar("Section", BackboneSpec, BudgetSpec, ConfirmSpec, PrunerSpec, ResourceSpec, SearchSpec)
_REQUIRED = ("study", "question", "data", "objective", "arms")
_KEYS = (*_REQUIRED, "backbone", "search", "pruner", "confirm", "resources", "budget")


def document(root: Place, *, path: Path, text: str) -> StudySpec:
    """The study; only worth something if `root.faults` has no problems after it."""
    keys = root.mapping(_KEYS, required=_REQUIRED)
    search = _section(SearchSpec, keys.get("search"))
    written = _data(keys["data"]) if "data" in keys else {}
    content: dict[str, Any] = {
        "study": line(keys["study"]) if "study" in keys else "",
        "question": line(keys["question"]) if "question" in keys else "",
        "backbone": _section(BackboneSpec, keys.get("backbone")),
        "objective": _objective(keys["objective"]) if "objective" in keys else "",
        "arms": arms(keys["arms"], search.trials) if "arms" in keys else (),
        "search": search,
        "pruner": _pruner(keys.get("pruner")),
        "confirm": _confirm(keys.get("confirm"), search.seed),
    }
    return StudySpec(
        **content,
        resources=_resources(keys.get("resources")),
        budget=_budget(keys.get("budget")),
        data=_source(written, path.parent),
        text=text,
        path=str(path),
        digest=_digest({**content, "data": written}),
    )


def _section(kind: type[Section], place: Place | None) -> Section:
    """A section with its defaults; the fields that are wrong are told and left at theirs."""
    if place is None:
        return kind()
    if not place.is_mapping():
        place.wrong(f"needs a mapping with keys from {', '.join(knobs(kind))}; got {place.got()}.")
    return kind(**checked(kind, place.children()))


def _data(place: Place) -> dict[str, Any]:
    """`source` and the source's fields as they are written, defaults included."""
    keys = place.children()
    if not place.is_mapping():
        place.wrong(f"needs a mapping such as {{source: {next(iter(SOURCES))}}}, got {place.got()}.")
        return {}
    if "source" not in keys:
        place.missing("source", f"Known sources: {', '.join(SOURCES)}.")
        return {}
    name = word(keys.pop("source"), SOURCES)
    if name is None:
        return {}
    kind = SOURCES[name]
    for unknown in keys.keys() - knobs(kind).keys():
        keys.pop(unknown).wrong_key(f"unknown key `{unknown}`. {suggest(unknown, ['source', *knobs(kind)])}")
    if "path" in knobs(kind) and "path" not in keys:
        place.missing("path", f"Source `{name}` reads it; a relative path starts at this file's folder.")
    fields = checked(kind, keys)
    if fields.get("path") == "":
        keys["path"].wrong("needs the path of a file, got an empty text.")
    return {"source": name, **asdict(kind(**fields))}


def _source(written: Mapping[str, Any], folder: Path) -> Any:
    """The source that reads what the file means: a relative path starts at the file's folder."""
    if not written:
        return None
    fields = {name: value for name, value in written.items() if name != "source"}
    if "path" in fields:
        fields["path"] = os.path.abspath(folder / Path(fields["path"]).expanduser())
    return SOURCES[written["source"]](**fields)


def _objective(place: Place) -> str:
    """A metric on validation."""
    known = [f"val/{name}" for name in METRICS]
    value = place.value()
    if place.items():
        place.wrong("one objective for now: a list of them (a Pareto study) cannot be searched yet. Choose one.")
    elif not isinstance(value, str):
        place.wrong(f"needs a metric on validation, got {place.got()}. Known: {', '.join(known)}.")
    elif value in known:
        return value
    elif value.startswith("test/"):
        way_out = suggest(f"val/{value[5:]}", known)
        place.wrong(f"nothing is chosen on the test split: it is measured once, at the end. {way_out}")
    else:
        bare = value if value.startswith("val/") else f"val/{value.split('/')[-1]}"
        place.wrong(f"unknown metric `{value}`. {suggest(bare, known)}")
    return ""


def _pruner(place: Place | None) -> PrunerSpec:
    """A word, or a mapping with `name`."""
    if place is None or place.is_mapping():
        return _section(PrunerSpec, place)
    return PrunerSpec(**checked(PrunerSpec, {"name": place}))


def _confirm(place: Place | None, search_seed: int) -> ConfirmSpec:
    confirm = _section(ConfirmSpec, place)
    inner = place.children().get("seeds") if place else None
    if inner is None:
        return confirm
    if confirm.seeds == 0:
        inner.wrong("needs at least one seed: without it nothing is measured on the test split.")
    listed = confirm.seeds if isinstance(confirm.seeds, tuple) else ()
    for index, item in enumerate(inner.items() if listed else ()):
        if listed[index] == search_seed:
            item.wrong(f"{search_seed} is search.seed, on whose draw the settings were chosen. Take another.")
        elif listed[index] in listed[:index]:
            item.wrong(f"seed {listed[index]} stands in the list twice. Keep one.")
    return confirm


def _resources(place: Place | None) -> ResourceSpec:
    resources = _section(ResourceSpec, place)
    if place and resources.gpus > 1 and not resources.gpus.is_integer():
        place.children()["gpus"].wrong("only one GPU can be shared in parts. Write a whole number, or one below 1.")
    return resources


def _budget(place: Place | None) -> BudgetSpec:
    budget = _section(BudgetSpec, place)
    if place and budget.minutes == 0:
        place.children()["minutes"].wrong("must be more than 0. Leave the key out for no limit.")
    return budget


def _digest(content: Mapping[str, Any]) -> str:
    """sha256 of what is asked, as canonical JSON: sorted keys, defaults written out, the data's path as in the file.

    Where and for how long it runs is no part of it, so that a study goes on with more minutes or on other machines.
    """
    return hashlib.sha256(json.dumps(_canonical(content), sort_keys=True).encode()).hexdigest()


def _canonical(value: Any) -> Any:
    """JSON of a value in which a dataclass tells its kind: uniform and log-uniform have the same fields."""
    if hasattr(value, "__dataclass_fields__"):
        content = {name: _canonical(getattr(value, name)) for name in value.__dataclass_fields__}
        return {"kind": type(value).__name__, **content}
    if isinstance(value, Mapping):
        return {name: _canonical(item) for name, item in value.items()}
    return [_canonical(item) for item in value] if isinstance(value, list | tuple) else value
