"""MS-COCO's captions on disk: its pictures, five captions or more of each, and its splits."""

from __future__ import annotations

from pathlib import Path

from vlstudy.data.captioned import Captioned, gathered, karpathy, parsed
from vlstudy.data.decoding import is_picture
from vlstudy.data.listing import existing
from vlstudy.errors import DataError

YEARS = ("2017", "2014")
KARPATHY = ("dataset_coco.json", "annotations/dataset_coco.json")


def listing(root: str | Path) -> Captioned:
    """Pictures, captions and splits in a folder of COCO.

    With Karpathy's `dataset_coco.json`, pictures and splits are what it says (`train2014/`, `val2014/`). Else they are
    COCO's own of 2017, or of 2014 if there is no folder of 2017: `annotations/captions_train2017.json` with the
    pictures in `train2017/`, and `val2017` likewise. A split without a folder of pictures is left out.

    Source: Chen et al., arXiv 1504.00325.

    Raises:
        DataError: if the folder, its captions or its pictures are missing.
    """
    home = existing(str(root), "root")
    split_file = next((home / name for name in KARPATHY if (home / name).is_file()), None)
    if split_file:
        rows, splits = karpathy(split_file)
        return gathered("coco", home, rows, splits, _on_disk(home, {path.split("/")[0] for path, _ in rows}))
    year = next((year for year in YEARS if _splits(home, year)), None)
    if year is None:
        raise DataError(
            f"{home}: no folder of pictures with its captions: train2017/ with annotations/captions_train2017.json, "
            "or val2017, or those of 2014, or Karpathy's dataset_coco.json."
        )
    found = {f"{split}{year}": _captions(home, f"{split}{year}") for split in _splits(home, year)}
    splits = {
        folder.removesuffix(year): list(dict.fromkeys(path for path, _ in rows)) for folder, rows in found.items()
    }
    return gathered("coco", home, [row for rows in found.values() for row in rows], splits, _on_disk(home, set(found)))


def _splits(home: Path, year: str) -> list[str]:
    """Splits of which pictures and captions are there."""
    return [
        split
        for split in ("train", "val")
        if (home / f"{split}{year}").is_dir() and (home / f"annotations/captions_{split}{year}.json").is_file()
    ]


def _captions(home: Path, folder: str) -> list[tuple[str, str]]:
    path = home / f"annotations/captions_{folder}.json"
    written = parsed(path)
    try:
        files = {image["id"]: f"{folder}/{image['file_name']}" for image in written["images"]}
        return [(files[said["image_id"]], said["caption"]) for said in written["annotations"]]
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not COCO's captions ({error!r}): it needs images with id and file_name, and annotations with "
            "image_id and caption."
        ) from None


def _on_disk(home: Path, folders: set[str]) -> list[str]:
    there = sorted(folder for folder in folders if (home / folder).is_dir())
    return [f"{folder}/{file.name}" for folder in there for file in (home / folder).iterdir() if is_picture(file.name)]
