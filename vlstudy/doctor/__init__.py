"""What a launch needs, looked at before it: one file for each kind of check."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vlstudy.doctor import packages
from vlstudy.doctor.finding import Finding, ok, warning, wrong
from vlstudy.errors import VlstudyError

__all__ = ["Finding", "examine"]


def examine(study: Path | None, reports: Path, address: str | None) -> Iterator[Finding]:
    """Everything that is looked at, in the order in which one thing needs the other.

    Args:
        study: a study file or a study's folder; None looks at the machine alone.
        reports: where studies are kept.
        address: of a Ray cluster; None for this machine.
    """
    yield from packages.look()
    fit, seen = packages.together()
    yield fit
    if fit.state == "wrong":  # what follows imports torch
        yield warning("the rest", "not looked at, because it needs torch", "mend the packages, then ask again.")
        return
    yield from _after_packages(study, reports, address, seen)


def _after_packages(study: Path | None, reports: Path, address: str | None, seen: dict[str, Any]) -> Iterator[Finding]:
    from vlstudy.data import store
    from vlstudy.doctor import cluster, devices, storage
    from vlstudy.tuning.machine import here

    spec = None
    if study is not None:
        try:
            spec = _read(study)
            yield ok("study", f"{study} can be read; arms: {len(spec.arms)}")
        except VlstudyError as error:
            yield wrong("study", str(error))
    yield from devices.look(here(), seen, spec.resources if spec and address is None else None)
    yield from storage.look("reports", reports, "--reports")
    yield from storage.look("features", store.folder(), "VLSTUDY_CACHE")
    if spec is not None:
        yield from _of_study(spec, reports)
    if address is not None:
        yield from cluster.token(os.environ)
        yield from cluster.look(address, reports)


def _of_study(spec: Any, reports: Path) -> Iterator[Finding]:
    from vlstudy.doctor import data, weights
    from vlstudy.tuning.begun import where

    found = list(weights.look(spec))
    yield from found
    yield from data.look(spec, where(spec, reports, anew=False), weights=all(one.state == "ok" for one in found))


def _read(study: Path) -> Any:
    """The spec of a study file, or of what a folder holds."""
    from vlstudy.study.reading import read
    from vlstudy.tuning.begun import kept

    return kept(study) if study.is_dir() else read(study)
