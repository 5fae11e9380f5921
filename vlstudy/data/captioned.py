"""Pictures with their captions, as values, and the pixels of some of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vlstudy.data.shelf import Shelf, some
from vlstudy.errors import DataError

if TYPE_CHECKING:
    from vlstudy.data.pixels import PixelSet

WORDS = {"train": "train", "restval": "train", "val": "val", "dev": "val", "test": "test"}
# Karpathy and Fei-Fei (arXiv 1412.2306) train on COCO's `restval` too, as all who use their split


@dataclass(frozen=True, kw_only=True, eq=False)
class Captioned:
    """n pictures that have captions.

    Attributes:
        name: for people, such as `flickr8k`.
        root: the folder that the paths start at.
        paths: of the pictures, with `/`; in the order of the caption file.
        captions: those of each picture, in the order of the file.
        splits: positions of the pictures of train, val and test; empty where the folder says nothing of splits.
        missing: paths that are captioned, or named by a split, and are not on disk.
        uncaptioned: pictures on disk without a caption.
    """

    name: str
    root: Path
    paths: tuple[str, ...]
    captions: tuple[tuple[str, ...], ...]
    splits: Mapping[str, np.ndarray]
    missing: tuple[str, ...]
    uncaptioned: tuple[str, ...]


def gathered(
    name: str,
    root: Path,
    captions: Iterable[tuple[str, str]],
    splits: Mapping[str, Sequence[str]],
    on_disk: Iterable[str],
) -> Captioned:
    """The pictures of (path, caption) rows, with what the rows, the splits and the disk disagree about.

    Raises:
        DataError: if there is no caption at all.
    """
    said: dict[str, list[str]] = {}
    for path, caption in captions:
        said.setdefault(path, []).append(caption.strip())
    if not said:
        raise DataError(f"{root}: no captions of {name}. `vlstudy data check {name}` says which files it reads.")
    places, there = {path: place for place, path in enumerate(said)}, set(on_disk)
    named = [path for paths in splits.values() for path in paths]
    return Captioned(
        name=name,
        root=root,
        paths=tuple(said),
        captions=tuple(tuple(captions) for captions in said.values()),
        splits={
            split: np.array([places[path] for path in paths if path in places], dtype=np.int64)
            for split, paths in splits.items()
        },
        missing=tuple(path for path in dict.fromkeys([*said, *named]) if path not in there),
        uncaptioned=tuple(sorted(path for path in there if path not in places)),
    )


def pictures(captioned: Captioned, indices: np.ndarray, side: int) -> PixelSet:
    """The pictures at `indices` with their short edge resized to `side`, decoded once per machine.

    Raises:
        DataError: if any picture of the set is missing, or one of these is broken: by name.
    """
    import torch

    check_complete(captioned)
    held = np.unique(indices)
    return shelf_of(captioned, held, side).pixels().take(torch.from_numpy(np.searchsorted(held, indices)))


def check_complete(captioned: Captioned) -> None:
    """Nothing, if every captioned picture is there.

    Raises:
        DataError: if some are missing: by name.
    """
    if captioned.missing:
        raise DataError(
            f"{captioned.name}: {len(captioned.missing)} pictures are captioned and not in {captioned.root}: "
            f"{some(captioned.missing)}. Copy them there, or remove their captions."
        )


def shelf_of(captioned: Captioned, indices: np.ndarray, side: int) -> Shelf:
    """The pictures at `indices`, in that order, as the store keeps them."""
    paths = tuple(captioned.paths[index] for index in indices)
    return Shelf(name=f"{captioned.name} ({len(paths)})", root=captioned.root, paths=paths, side=side)


def karpathy(path: Path) -> tuple[list[tuple[str, str]], dict[str, list[str]]]:
    """(path, caption) rows and splits of a `dataset_*.json` of Karpathy and Fei-Fei.

    Source: arXiv 1412.2306, section 4.2, whose splits most work on captions uses.

    Raises:
        DataError: if the file is not one of theirs.
    """
    rows: list[tuple[str, str]] = []
    splits: dict[str, list[str]] = {}
    try:
        for image in parsed(path)["images"]:
            file = "/".join(filter(None, [image.get("filepath"), image["filename"]]))
            rows += [(file, sentence["raw"]) for sentence in image["sentences"]]
            splits.setdefault(WORDS[image["split"]], []).append(file)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: not a Karpathy split ({error!r}): its images need filename, split and sentences."
        ) from None
    return rows, splits


def parsed(path: Path) -> Any:
    """What a json file holds.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}). Copy it again from where it came from.") from None
