"""The whole file as a study."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlstudy.study.reading import sections
from vlstudy.study.reading.aims import constraints, objectives
from vlstudy.study.reading.arm import arms
from vlstudy.study.reading.data import Condition, data
from vlstudy.study.reading.fitting import check_attention, check_bases, check_data
from vlstudy.study.reading.pairing import check_objective, check_pairs, check_schedules
from vlstudy.study.reading.place import Place
from vlstudy.study.reading.sampling import check_objectives, check_sampler
from vlstudy.study.reading.sections import section
from vlstudy.study.reading.words import line
from vlstudy.study.spec import Arm, BackboneSpec, FailureSpec, SearchSpec, SinkSpec, StopSpec, StudySpec, label

_REQUIRED = ("study", "question", "data", "objective", "arms")
_KEYS = (
    *_REQUIRED,
    "backbone",
    "constraints",
    "search",
    "pruner",
    "confirm",
    "resources",
    "budget",
    "stop",
    "failures",
    "sinks",
)


def document(root: Place, *, path: Path, text: str) -> StudySpec:
    """The study; only worth something if `root.faults` has no problems after it."""
    keys = root.mapping(_KEYS, required=_REQUIRED)
    search = sections.search(keys.get("search"))
    asked = data(keys["data"]) if "data" in keys else None
    conditions = asked.conditions(path.parent) if asked else ()
    families = arms(keys["arms"], search.trials) if "arms" in keys else ()
    backbone = section(BackboneSpec, keys.get("backbone"))
    aims = objectives(keys["objective"]) if "objective" in keys else ("",)
    limits = constraints(keys.get("constraints"))
    content: dict[str, Any] = {
        "study": line(keys["study"]) if "study" in keys else "",
        "question": line(keys["question"]) if "question" in keys else "",
        "objective": aims[0],
        "search": search,
        "pruner": sections.pruner(keys.get("pruner")),
        "confirm": sections.confirm(keys.get("confirm"), search),
        **({"others": aims[1:]} if aims[1:] else {}),
        **({"constraints": limits} if limits else {}),
    }
    if "objective" in keys:
        pruner = keys.get("pruner")
        check_objectives(keys["objective"], keys.get("search"), search, pruner, content["pruner"], len(aims))
    if families:
        places = keys["arms"].items()
        sources = [condition.source for condition in conditions]
        check_data(places, families, sources)
        check_pairs(places, families, sources)
        check_schedules(places, families, content["pruner"])
        for place, name in _measured(keys, aims, limits):
            check_objective(place, name, sources)
        check_sampler(keys.get("search"), search, places, families, limits)
        check_bases(places, families)
        check_attention(places, families, backbone)
    written = {"arms": families, "backbone": backbone, "data": asked.written() if asked else {}}
    resources = sections.resources(keys.get("resources"))
    return StudySpec(
        **content,
        arms=tuple(_under(condition, arm) for condition in conditions for arm in families),
        backbone=_located(backbone, path.parent),
        resources=resources,
        budget=sections.budget(keys.get("budget"), resources),
        stop=section(StopSpec, keys.get("stop")),
        failures=section(FailureSpec, keys.get("failures")),
        sinks=section(SinkSpec, keys.get("sinks")),
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


def _measured(keys: Mapping[str, Place], aims: Sequence[str], limits: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Every metric that the file names, and where."""
    listed = keys["objective"].items() or [keys["objective"]] if "objective" in keys else []
    yield from ((place, name) for place, name in zip(listed, aims, strict=False) if name)
    inner = keys["constraints"].children() if "constraints" in keys else {}
    yield from ((inner[name], name) for name in limits)


def _digest(content: Mapping[str, Any]) -> str:
    """sha256 of what is asked, as canonical JSON: sorted keys, defaults written out, the data's path as in the file.

    Where and for how long it runs is no part of it, so that a study goes on with more minutes or on other machines.
    """
    return hashlib.sha256(json.dumps(_canonical(content), sort_keys=True).encode()).hexdigest()


def _canonical(value: Any) -> Any:
    """JSON of a value in which a dataclass tells its kind: uniform and log-uniform have the same fields."""
    if hasattr(value, "__dataclass_fields__"):
        names = [name for name in value.__dataclass_fields__ if _counts(value, name)]
        content = {name: _canonical(getattr(value, name)) for name in names}
        return {"kind": type(value).__name__, **content}
    if isinstance(value, Mapping):
        return {name: _canonical(item) for name, item in value.items()}
    return [_canonical(item) for item in value] if isinstance(value, list | tuple) else value


def _counts(value: Any, name: str) -> bool:
    """Whether a field is part of what is asked; one that came later only where it is set: older digests stay."""
    if isinstance(value, Arm):
        return name in _ARM or (name in _ARM_LATER and bool(getattr(value, name)))
    if isinstance(value, SearchSpec) and name in _SEARCH_LATER:
        return bool(getattr(value, name) != getattr(SearchSpec(), name))
    return True


_ARM, _ARM_LATER = ("name", "method", "schedule", "fixed", "space"), ("on", "points", "forbid")
_SEARCH_LATER = ("replicates", "race")
