"""The splits of the eleven CoOp data sets, read from their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from vlstudy.data.coop_sets import COOP_SETS, cleaned
from vlstudy.data.listing import CLASSNAMES, Listed, by_class, classnames, folders, listed
from vlstudy.errors import DataError, suggest

SPLITS = ("train", "val", "test")


class Lists(NamedTuple):
    """Class names in order, the splits, and the folder that their paths start at."""

    classnames: tuple[str, ...]
    splits: dict[str, Listed]
    root: Path


def read(dataset: str, root: Path) -> Lists:
    """Class names and splits of a data set whose folder is in `root`; ImageNet has no `val`.

    Raises:
        DataError: if its folder or a split file is missing or is not what it should be.
    """
    one = COOP_SETS[dataset]
    home = root / one.folder
    if not home.is_dir():
        there = suggest(one.folder, folders(root)) if folders(root) else "The root has no folders."
        raise DataError(f"data.root: {root} has no folder `{one.folder}` for {dataset} ({one.title}). {there}")
    if not (home / one.images).is_dir():
        raise DataError(f"{home}: no folder `{one.images}`, where the pictures of {dataset} ({one.title}) are.")
    if dataset == "imagenet":
        return _imagenet(home, home / one.images)
    if dataset == "fgvc_aircraft":
        return _aircraft(home, home / one.images)
    return _split_file(dataset, home / one.split, home / one.images)


def _split_file(dataset: str, path: Path, images: Path) -> Lists:
    """CoOp's own: for each split a list of [path, class index, class name]."""
    written = _json(path)
    names: dict[int, str] = {}
    splits = {}
    for split in SPLITS:
        rows = []
        for image, label, name in written[split]:
            if names.setdefault(int(label), name) != name:
                raise DataError(f"{path}: class {label} is called `{names[int(label)]}` and `{name}`.")
            rows.append((str(image), int(label)))
        splits[split] = listed(rows)
    if sorted(names) != list(range(len(names))):
        raise DataError(f"{path}: its {len(names)} classes are not numbered 0 .. {len(names) - 1}.")
    return Lists(tuple(cleaned(dataset, names[label]) for label in range(len(names))), splits, images)


def _json(path: Path) -> Any:
    if not path.is_file():
        raise DataError(
            f"{path}: no such file. It is CoOp's split of this data set; copy it from where CoOp offers it."
        )
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        rows = [row for split in SPLITS for row in written[split]]
        wrong = next((row for row in rows if len(row) != 3), None)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a split file ({error!r}); it needs lists `train`, `val` and `test`.") from None
    if wrong is not None:
        raise DataError(f"{path}: a row is not [path, class index, class name]: {wrong}.")
    return written


def _imagenet(home: Path, images: Path) -> Lists:
    """One folder a class in `train` and `val`; its val is what is tested, as it has no public test labels."""
    missing = [name for name in ("train", "val") if not (images / name).is_dir()]
    if missing:
        raise DataError(f"{images}: no folder `{missing[0]}` with one folder a class.")
    if not (home / CLASSNAMES).is_file():
        raise DataError(
            f"{home / CLASSNAMES}: no such file. It has a line `n01440764 tench` for each class, from CoOp."
        )
    names = folders(images / "train")
    classes = {name: index for index, name in enumerate(names)}
    splits = {"train": by_class(images, "train", classes), "test": by_class(images, "val", classes)}
    return Lists(classnames(home, names), splits, images)


def _aircraft(home: Path, images: Path) -> Lists:
    """Its own lists: `variants.txt`, and `images_variant_train.txt` with lines `1025794 707-320`."""
    names = [line.strip() for line in _lines(home / "variants.txt") if line.strip()]
    classes = {name: index for index, name in enumerate(names)}
    splits = {}
    for split in SPLITS:
        path = home / f"images_variant_{split}.txt"
        rows = [line.strip().partition(" ") for line in _lines(path) if line.strip()]
        unknown = [variant for _, _, variant in rows if variant not in classes]
        if unknown:
            raise DataError(f"{path}: unknown variant `{unknown[0]}`. {suggest(unknown[0], names[:20])}")
        splits[split] = listed([(f"{image}.jpg", classes[variant]) for image, _, variant in rows])
    return Lists(tuple(names), splits, images)


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise DataError(f"{path}: no such file. It comes with the data set itself.")
    return path.read_text(encoding="utf-8").splitlines()
