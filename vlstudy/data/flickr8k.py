"""Flickr8k on disk: its pictures, five captions of each, and its splits."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from vlstudy.data.captioned import WORDS, Captioned, gathered, karpathy
from vlstudy.data.decoding import is_picture
from vlstudy.data.listing import existing
from vlstudy.errors import DataError

IMAGES = ("Images", "images", "Flicker8k_Dataset", "Flickr8k_Dataset", "Flicker8k_images")  # sic: the first release's
TEXTS = ("", "Flickr8k_text", "Flickr8k_text/Flickr8k_text")
CAPTIONS = ("captions.txt", "Flickr8k.token.txt", "dataset_flickr8k.json")
SPLIT_LISTS = {"train": "trainImages", "dev": "devImages", "test": "testImages"}


def listing(root: str | Path) -> Captioned:
    """Pictures, captions and splits in a folder of Flickr8k.

    Pictures are in `Images/` or `Flicker8k_Dataset/`, or in the folder itself. Captions are in `captions.txt` (lines
    `image,caption`), in the first release's `Flickr8k.token.txt`, or in Karpathy's `dataset_flickr8k.json`. Splits are
    in `Flickr_8k.trainImages.txt` and its like, or else in Karpathy's file.

    Source: Hodosh, Young and Hockenmaier, JAIR 47 (2013); 6000 / 1000 / 1000 images of 8091 are in a split.

    Raises:
        DataError: if the folder, its captions or its pictures are missing.
    """
    home = existing(str(root), "root")
    images = next((home / name for name in IMAGES if (home / name).is_dir()), home)
    path = _found(home, *CAPTIONS)
    if path is None:
        raise DataError(f"{home}: no captions of flickr8k. One of {', '.join(CAPTIONS)} is needed.")
    split_file = _found(home, CAPTIONS[-1])
    rows, splits = karpathy(split_file) if split_file else ([], {})
    if path.suffix == ".txt":
        rows = list(_csv(path) if path.name == CAPTIONS[0] else _tokens(path))
    listed = (entry.name for entry in images.iterdir() if is_picture(entry.name))
    return gathered("flickr8k", images, rows, _official(home) or splits, listed)


def _found(home: Path, *names: str) -> Path | None:
    """The first of these files, beside the pictures or in the folder of texts."""
    places = (home / text / name for name in names for text in TEXTS)
    return next((path for path in places if path.is_file()), None)


def _csv(path: Path) -> Iterator[tuple[str, str]]:
    """Rows `image,caption` after a header; a caption with commas is quoted."""
    with path.open(encoding="utf-8", newline="") as stream:
        for number, row in enumerate(csv.reader(stream, skipinitialspace=True), start=1):
            if len(row) != 2:
                raise DataError(f"{path}, line {number}: needs `image,caption`, got {len(row)} fields.")
            if row != ["image", "caption"]:
                yield row[0], row[1]


def _tokens(path: Path) -> Iterator[tuple[str, str]]:
    """Lines `image.jpg#0<TAB>caption`."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        image, tab, caption = line.partition("\t")
        if not tab:
            raise DataError(f"{path}, line {number}: needs `image#number<TAB>caption`.")
        name = image.partition("#")[0]
        if is_picture(name):  # the release has five captions of a `2258277193_586949ec62.jpg.1`, which is no picture
            yield name, caption


def _official(home: Path) -> dict[str, list[str]]:
    """train, val and test of the lists that there are."""
    found = {split: _found(home, f"Flickr_8k.{name}.txt") for split, name in SPLIT_LISTS.items()}
    return {WORDS[split]: path.read_text(encoding="utf-8").split() for split, path in found.items() if path}
