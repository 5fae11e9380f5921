"""The whole file as a study."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from vlstudy.errors import suggest
from vlstudy.knobs import knobs
from vlstudy.metrics import METRICS
from vlstudy.study.reading.arm import arms
from vlstudy.study.reading.data import Condition, data
from vlstudy.study.reading.fields import checked
from vlstudy.study.reading.fitting import check_attention, check_bases, check_data
from vlstudy.study.reading.pairing import check_objective, check_pairs, check_schedules
from vlstudy.study.reading.place import Place
from vlstudy.study.reading.words import line
from vlstudy.study.spec import (
    Arm,
    BackboneSpec,
    BudgetSpec,
    ConfirmSpec,
    PrunerSpec,
    ResourceSpec,
    SearchSpec,
    StudySpec,
    label,
)

Section = TypeVar("Section", BackboneSpec, BudgetSpec, ConfirmSpec, PrunerSpec, ResourceSpec, SearchSpec)
_REQUIRED = ("study", "question", "data", "objective", "arms")
_KEYS = (*_REQUIRED, "backbone", "search", "pruner", "confirm", "resources", "budget")


def document(root: Place, *, path: Path, text: str) -> StudySpec:
    """The study; only worth something if `root.faults` has no problems after it."""
    keys = root.mapping(_KEYS, required=_REQUIRED)
    search = _section(SearchSpec, keys.get("search"))
    asked = data(keys["data"]) if "data" in keys else None
    conditions = asked.conditions(path.parent) if asked else ()
    families = arms(keys["arms"], search.trials) if "arms" in keys else ()
    backbone = _section(BackboneSpec, keys.get("backbone"))
    content: dict[str, Any] = {
        "study": line(keys["study"]) if "study" in keys else "",
        "question": line(keys["question"]) if "question" in keys else "",
        "objective": _objective(keys["objective"]) if "objective" in keys else "",
        "search": search,
        "pruner": _pruner(keys.get("pruner")),
        "confirm": _confirm(keys.get("confirm"), search.seed),
    }
    if families:
        places = keys["arms"].items()
        sources = [condition.source for condition in conditions]
        check_data(places, families, sources)
        check_pairs(places, families, sources)
        check_schedules(places, families, content["pruner"])
        if content["objective"]:
            check_objective(keys["objective"], content["objective"], sources)
        check_bases(places, families)
        check_attention(places, families, backbone)
    written = {"arms": families, "backbone": backbone, "data": asked.written() if asked else {}}
    return StudySpec(
        **content,
        arms=tuple(_under(condition, arm) for condition in conditions for arm in families),
        backbone=_located(backbone, path.parent),
        resources=_resources(keys.get("resources")),
        budget=_budget(keys.get("budget")),
        data=conditions[0].source if conditions else None,
        text=text,
        path=str(path),
        digest=_digest({**content, **written}),
    )


def _under(condition: Condition, arm: Arm) -> Arm:
    """The arm of a family under one condition."""
    name = f"{arm.family} {label(condition.knobs)}" if condition.knobs else arm.family
    return replace(arm, name=name, condition=dict(condition.knobs), data=condition.source)


def _located(backbone: BackboneSpec, folder: Path) -> BackboneSpec:
    """A checkpoint's path starts at the file's folder; a tag of open_clip stays a tag."""
    if backbone.pretrained is None:
        return backbone
    path = folder / Path(backbone.pretrained).expanduser()
    return replace(backbone, pretrained=os.path.abspath(path)) if path.is_file() else backbone


def _section(kind: type[Section], place: Place | None) -> Section:
    """A section with its defaults; the fields that are wrong are told and left at theirs."""
    if place is None:
        return kind()
    if not place.is_mapping():
        place.wrong(f"needs a mapping with keys from {', '.join(knobs(kind))}; got {place.got()}.")
    return kind(**checked(kind, place.children()))


def _objective(place: Place) -> str:
    """A metric on validation."""
    known = [f"val/{name}" for name, metric in METRICS.items() if metric.split == "both"]
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
    elif value.removeprefix("val/") in METRICS and f"val/{value}" not in known:
        why = "is measured on test images only, on which nothing is chosen"
        place.wrong(f"`{value}` {why}. The report shows it in any case. Known: {', '.join(known)}.")
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
        names = [name for name in value.__dataclass_fields__ if not isinstance(value, Arm) or name in _asked_of(value)]
        content = {name: _canonical(getattr(value, name)) for name in names}
        return {"kind": type(value).__name__, **content}
    if isinstance(value, Mapping):
        return {name: _canonical(item) for name, item in value.items()}
    return [_canonical(item) for item in value] if isinstance(value, list | tuple) else value


def _asked_of(arm: Arm) -> tuple[str, ...]:
    """The fields of an arm that the file sets; `on` only where it is set, so that older studies keep their digest."""
    return ("name", "method", "schedule", "fixed", "space", *(("on",) if arm.on else ()))
