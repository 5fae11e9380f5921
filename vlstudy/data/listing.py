"""What folders and lists on disk say there is, as values; no picture is opened."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vlstudy.data.decoding import is_picture
from vlstudy.errors import DataError, suggest

CLASSNAMES = "classnames.txt"


@dataclass(frozen=True, eq=False)
class Listed:
    """n pictures: paths with `/` below some folder, class indices and domain indices, int64 [n]."""

    paths: tuple[str, ...]
    labels: np.ndarray
    domains: np.ndarray

    def __len__(self) -> int:
        return len(self.paths)


def listed(rows: Sequence[tuple[str, int]], domain: int = 0) -> Listed:
    """Rows of (path, class index) in one domain."""
    labels = np.array([label for _, label in rows], dtype=np.int64)
    return Listed(tuple(path for path, _ in rows), labels, np.full(len(rows), domain, dtype=np.int64))


def joined(parts: Sequence[Listed]) -> Listed:
    """All pictures of the parts, in order."""
    return Listed(
        tuple(path for part in parts for path in part.paths),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.domains for part in parts]),
    )


def existing(root: str, key: str = "data.root") -> Path:
    """The folder that `root` names.

    Raises:
        DataError: if it is not given, or there is no such folder.
    """
    if not root:
        raise DataError(f"{key}: not given. It names the folder that the data set is in.")
    found = Path(root).expanduser()
    if not found.is_dir():
        raise DataError(f"{key}: no folder {found}. A relative path starts at the study file's folder.")
    return found


def folders(root: Path) -> tuple[str, ...]:
    """Names of the folders in a folder, sorted; hidden ones are left out."""
    with os.scandir(root) as entries:
        return tuple(sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")))


def pictures_in(root: Path, below: str) -> tuple[str, ...]:
    """Paths of the pictures in `root/below`, as they start at `root`, sorted."""
    with os.scandir(root / below) as entries:
        return tuple(sorted(f"{below}/{entry.name}" for entry in entries if is_picture(entry.name)))


def by_class(root: Path, below: str, classes: Mapping[str, int], domain: int = 0) -> Listed:
    """The pictures of `root/below/<class>/`, class by class; classes that have no folder there have no picture.

    Raises:
        DataError: for a folder that is no class.
    """
    rows = []
    for name in folders(root / below):
        if name not in classes:
            raise DataError(f"{root / below}: folder `{name}` is no class. {suggest(name, classes)}")
        inside = f"{below}/{name}" if below else name
        rows += [(path, classes[name]) for path in pictures_in(root, inside)]
    return listed(rows, domain)


def classnames(root: Path, names: Sequence[str]) -> tuple[str, ...]:
    """What the classes in these folders are called in a prompt.

    It is the folder's name with spaces for underscores, unless `classnames.txt` in `root` has a line
    `folder<TAB>name` (or, as CoOp's for ImageNet, `folder name`).

    Raises:
        DataError: if there is such a file and it lacks a folder.
    """
    path = root / CLASSNAMES
    if not path.is_file():
        return tuple(name.replace("_", " ") for name in names)
    lines = path.read_text(encoding="utf-8").splitlines()
    called = dict(_pair(line) for line in lines if line.strip())
    missing = [name for name in names if name not in called]
    if missing:
        raise DataError(f"{path}: no line for {len(missing)} folders, the first `{missing[0]}`. Add `folder<TAB>name`.")
    return tuple(called[name] for name in names)


def _pair(line: str) -> tuple[str, str]:
    folder, _, name = line.partition("\t") if "\t" in line else line.partition(" ")
    return folder.strip(), name.strip()
