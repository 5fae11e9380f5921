"""What a reader of the journal must know of its study: the header that the first launch writes."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vlstudy.journal import ArmHeader, Header
from vlstudy.journal.records import Objective
from vlstudy.metrics import METRICS
from vlstudy.study.space import Axis, Dimension, describe
from vlstudy.study.spec import Arm, ConfirmSpec, StudySpec
from vlstudy.tuning.asking import wanted

_PACKAGES = {"vlstudy": "vlstudy", "torch": "torch", "ray": "ray", "optuna": "optuna", "open_clip": "open_clip_torch"}


def header_of(spec: StudySpec, facts: Mapping[str, str]) -> Header:
    """The study with everything resolved; `facts` are the data's, such as digests and counts."""
    from vlstudy.data import SOURCES  # these import torch, which only a launch needs
    from vlstudy.methods import METHODS
    from vlstudy.schedules import SCHEDULES
    from vlstudy.study.settings import meanings

    def arm_header(arm: Arm) -> ArmHeader:
        method, schedules = METHODS[arm.method], [SCHEDULES[name] for name in arm.schedules]
        about = meanings(arm)
        named = [*arm.fixed, *(dimension.name for dimension in arm.space)]
        return ArmHeader(
            name=arm.name,
            method=arm.method,
            schedule=" or ".join(arm.schedules),
            baseline=method.baseline and all(schedule.baseline for schedule in schedules),
            fixed=dict(arm.fixed),
            space=_space(arm),
            meanings={name: about[name] for name in named if name in about},
            axes={item.name: item.distribution.values for item in arm.space if isinstance(item.distribution, Axis)},
            choices=(*method.choices, *(choice for schedule in schedules for choice in schedule.choices)),
            source="; ".join(filter(None, (method.source, *(schedule.source for schedule in schedules)))),
            trials=wanted(arm, spec.search),
            points=len(arm.points),
            family=arm.family or arm.name,
            condition=dict(arm.condition),
            on=arm.on,
            data=asked(spec.data_of(arm)),
        )

    def asked(data: Any) -> dict[str, Any]:
        return {"source": next(name for name, kind in SOURCES.items() if type(data) is kind), **asdict(data)}

    arms = tuple(arm_header(arm) for arm in spec.arms)
    return _study_header(spec, facts, arms, asked(spec.data))


def _study_header(
    spec: StudySpec, facts: Mapping[str, str], arms: tuple[ArmHeader, ...], data: Mapping[str, Any]
) -> Header:
    metric = METRICS[spec.objective.split("/", 1)[1]]
    return Header(
        study=spec.study,
        question=spec.question,
        digest=spec.digest,
        objective=spec.objective,
        direction=metric.direction,
        unit=metric.unit,
        arms=arms,
        search=asdict(spec.search),
        pruner=asdict(spec.pruner),
        replicates=spec.search.replicates,
        others=tuple(_objective(name) for name in spec.others),
        constraints={name: str(bound) for name, bound in spec.constraints.items()},
        confirm_seeds=confirm_seeds(spec.confirm, spec.search.seed),
        confirm_top=spec.confirm.top,
        data=data,
        backbone=asdict(spec.backbone),
        tested=spec.tested,
        provenance={**_provenance(spec), **facts},
    )


def _objective(name: str) -> Objective:
    metric = METRICS[name.split("/", 1)[1]]
    return Objective(name=name, direction=metric.direction, unit=metric.unit)


def confirm_seeds(confirm: ConfirmSpec, search_seed: int) -> tuple[int, ...]:
    """The seeds of the confirmation; a count means the ones after the search's.

    >>> confirm_seeds(ConfirmSpec(seeds=3), search_seed=0), confirm_seeds(ConfirmSpec(seeds=(7, 9)), search_seed=0)
    ((1, 2, 3), (7, 9))
    """
    if isinstance(confirm.seeds, int):
        return tuple(range(search_seed + 1, search_seed + 1 + confirm.seeds))
    return tuple(confirm.seeds)


def _space(arm: Arm) -> dict[str, str]:
    """Knob -> how it is searched, in each block that has it."""
    found: dict[str, list[str]] = {}
    for item in arm.space:
        if not isinstance(item.distribution, Axis):
            found.setdefault(item.name, []).append(_described(item))
    return {name: "; ".join(words) for name, words in found.items()}


def _described(dimension: Dimension) -> str:
    when = ", ".join(f"{name} = {value}" for name, value in dimension.when.items())
    return describe(dimension.distribution) + (f" when {when}" if when else "")


def _provenance(spec: StudySpec) -> dict[str, str]:
    seeds = confirm_seeds(spec.confirm, spec.search.seed)
    return {
        "started": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "study file": spec.path,
        "git": _git(Path(spec.path).resolve().parent),
        "search seed": str(spec.search.seed),
        "confirm seeds": ", ".join(map(str, seeds)),
        "resources of a trial": f"{spec.resources.cpus:g} CPUs, {spec.resources.gpus:g} GPUs",
        "host": platform.node(),
        "processor": f"{_processor()}, {os.cpu_count()} cores, {_memory()} of memory",
        "system": platform.platform(),
        "python": sys.version.split()[0],
        **{name: _version(package) for name, package in _PACKAGES.items()},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return "an unknown amount"
    return f"{size / 2**30:.0f} GiB"


def _git(folder: Path) -> str:
    """Commit of the folder's repository and whether it had uncommitted changes."""
    try:
        commit = _output(["git", "rev-parse", "HEAD"], folder)
        dirty = _output(["git", "status", "--porcelain"], folder)
    except (OSError, subprocess.SubprocessError):
        return "not in a git repository with a commit"
    return f"{commit}{', with uncommitted changes' if dirty else ''}"


def _output(command: list[str], folder: Path) -> str:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    return result.stdout.strip()
