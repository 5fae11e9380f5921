"""What `vlstudy data check` says: what of a data set is on disk, against what was published."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vlstudy.data import coco, coop_lists, domains, flickr8k, folder
from vlstudy.data.captioned import Captioned
from vlstudy.data.coop_sets import COOP_SETS
from vlstudy.data.decoding import fault
from vlstudy.data.listing import Listed, existing
from vlstudy.data.shelf import THREADS, some
from vlstudy.errors import DataError, suggest

LOOKED_AT = 100_000  # files that are opened at most, evenly spaced; about ten seconds on a local disk


class DomainSet(NamedTuple):
    """Published numbers of domains, classes and images."""

    domains: int
    classes: int
    images: int


# Source: DomainBed (arXiv 2007.01434), section 4
DOMAIN_SETS: Mapping[str, DomainSet] = {
    "VLCS": DomainSet(4, 5, 10_729),
    "PACS": DomainSet(4, 7, 9_991),
    "OfficeHome": DomainSet(4, 65, 15_588),
    "TerraIncognita": DomainSet(4, 10, 24_788),
    "DomainNet": DomainSet(6, 345, 586_575),
}
FLICKR8K: Mapping[str, int] = {"images": 8_091, "captions": 40_455}
COOP_WHERE = (
    "each set from its own project, under the name in brackets; CoOp's page on data sets (DATASETS.md of its "
    "repository) has the split files and says which folder goes where"
)
DOMAINS_WHERE = "each set from its own project; DomainBed's repository lists them"
COCO: Mapping[str, Mapping[str, int]] = {
    "2017": {"train": 118_287, "val": 5_000},
    "2014": {"train": 82_783, "val": 40_504},
    "Karpathy's split": {"train": 113_287, "val": 5_000, "test": 5_000},
}


@dataclass(frozen=True)
class Report:
    """Lines for people, and whether nothing is missing, broken or fewer than published."""

    lines: tuple[str, ...]
    complete: bool


def check(source: str, root: Path, *, dataset: str | None = None) -> Report:
    """Counts of classes, pictures and splits of a source, with what is missing or broken by name.

    Every listed file must be there; of at most 100,000 the first and last bytes are read as well, and those in doubt
    are decoded.

    Args:
        source: a key of `CHECKS`.
        root: the folder that a study file would name.
        dataset: for `coop` one of the eleven (none: all of them), for `domains` the name of a published set.

    Raises:
        DataError: for an unknown source or data set, or a root that is no folder.
    """
    if source not in CHECKS:
        raise DataError(f"data check: nothing is known of `{source}`. {suggest(source, CHECKS)}")
    return CHECKS[source](existing(str(root), "--root"), dataset)


def _coop(root: Path, dataset: str | None) -> Report:
    if dataset is not None and dataset not in COOP_SETS:
        raise DataError(f"data check: unknown data set `{dataset}` of coop. {suggest(dataset, COOP_SETS)}")
    return _had(_together([_coop_set(root, name) for name in ([dataset] if dataset else COOP_SETS)]), COOP_WHERE)


def _coop_set(root: Path, name: str) -> Report:
    one = COOP_SETS[name]
    title = f"coop {name} ({one.title})"
    if not (root / one.folder).is_dir():
        return Report((f"{title}: no folder {one.folder}/",), False)
    try:
        lists = coop_lists.read(name, root)
    except DataError as error:
        return Report((f"{title}: cannot be used", f"  {error}"), False)
    counts = {"classes": len(lists.classnames), **{split: len(found) for split, found in lists.splits.items()}}
    published = {key: value for key, value in one.sizes._asdict().items() if value}
    paths = [path for found in lists.splits.values() for path in found.paths]
    return _together([_counted(title, counts, published), _files(lists.root, paths)])


def _folder(root: Path, dataset: str | None) -> Report:
    names, splits = folder.read(root)
    counted = _counted(
        f"folder {root.name}", {"classes": len(names), **{one: len(got) for one, got in splits.items()}}, {}
    )
    empty = [_empty(f"no picture in {split}", names, found) for split, found in splits.items()]
    return _together([counted, *empty, _files(root, [path for found in splits.values() for path in found.paths])])


def _domains(root: Path, dataset: str | None) -> Report:
    known = {name.lower(): published for name, published in DOMAIN_SETS.items()}
    name = (dataset or root.name).replace("-", "").replace("_", "").lower()
    found = domains.read(root)
    counts = {"domains": len(found.domains), "classes": len(found.classes), "images": len(found.pictures)}
    counted = _counted(f"domains {dataset or root.name}", counts, known[name]._asdict() if name in known else {})
    sizes = np.bincount(found.pictures.domains, minlength=len(found.domains))
    each = Report(tuple(f"  {domain}: {size:,}" for domain, size in zip(found.domains, sizes, strict=True)), True)
    lacking = Report(tuple(f"  {domain} lacks: {some(names)}" for domain, names in found.lacking.items()), True)
    return _had(_together([counted, each, lacking, _files(root, found.pictures.paths)]), DOMAINS_WHERE)


def _flickr8k(root: Path, dataset: str | None) -> Report:
    return _captioned(flickr8k.listing(root), FLICKR8K, "Flickr8k, from its authors (Hodosh, Young and Hockenmaier)")


def _coco(root: Path, dataset: str | None) -> Report:
    found = coco.listing(root)
    split = (
        "Karpathy's split" if "test" in found.splits else next(year for year in coco.YEARS if year in found.paths[0])
    )
    return _captioned(found, COCO[split], f"MS-COCO, images and captions of {split}, from its own project")


def _captioned(found: Captioned, published: Mapping[str, int], where: str) -> Report:
    captions = sum(len(said) for said in found.captions)
    splits = {split: len(indices) for split, indices in found.splits.items()}
    counted = _counted(found.name, {"images": len(found.paths), "captions": captions, **splits}, published)
    faults = _named("captioned and not there", found.missing), _named("there and not captioned", found.uncaptioned)
    gone = set(found.missing)
    return _had(_together([counted, *faults, _files(found.root, [p for p in found.paths if p not in gone])]), where)


def _had(report: Report, where: str) -> Report:
    return report if report.complete else Report((*report.lines, f"to be had: {where}"), False)


def _counted(name: str, counts: Mapping[str, int], published: Mapping[str, int]) -> Report:
    """One line; whole if every published number is met."""
    shown = [f"{key} {n:,}" + (f" of {published[key]:,}" if key in published else "") for key, n in counts.items()]
    shown += [f"{key} 0 of {n:,}" for key, n in published.items() if key not in counts]
    return Report((f"{name}: {', '.join(shown)}",), all(counts.get(key) == n for key, n in published.items()))


def _empty(what: str, names: Sequence[str], found: Listed) -> Report:
    sizes = np.bincount(found.labels, minlength=len(names))
    return _named(what, [name for name, size in zip(names, sizes, strict=True) if not size])


def _named(what: str, names: Sequence[str]) -> Report:
    return Report((f"  {what}: {len(names):,}: {some(names)}",), False) if names else Report((), True)


def _files(root: Path, paths: Sequence[str]) -> Report:
    """Which files are missing or no whole pictures."""
    paths = tuple(dict.fromkeys(paths))
    step = -(-len(paths) // LOOKED_AT) or 1
    with ThreadPoolExecutor(THREADS) as pool:
        there = list(pool.map(lambda path: (root / path).is_file(), paths))
        opened = [path for path, found in zip(paths, there, strict=True) if found][::step]
        faults = list(pool.map(lambda path: fault(root / path), opened))
    missing = [path for path, found in zip(paths, there, strict=True) if not found]
    broken = [f"{path} ({why})" for path, why in zip(opened, faults, strict=True) if why]
    looked = Report((f"  files: {len(paths):,} listed, {len(opened):,} looked into, first and last bytes",), True)
    return _together([looked, _named("missing", missing), _named("no whole pictures", broken)])


def _together(parts: Iterable[Report]) -> Report:
    parts = tuple(parts)
    return Report(tuple(line for part in parts for line in part.lines), all(part.complete for part in parts))


CHECKS: Mapping[str, Callable[[Path, str | None], Report]] = {
    "coop": _coop,
    "folder": _folder,
    "domains": _domains,
    "flickr8k": _flickr8k,
    "coco": _coco,
}
