"""Flickr8k's and COCO's layouts: pictures, captions and splits of each, and what is missing by name."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.data.drawn import break_it, draw, noise
from vlstudy.data import coco, flickr8k
from vlstudy.data.captioned import Captioned, pictures
from vlstudy.errors import DataError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path / "cache"))


FLICKR = [("a.jpg", "A dog ."), ("a.jpg", "Two dogs, running ."), ("b.jpg", 'He says "no" .'), ("c.jpg", "Sea .")]


def flickr(root: Path, images: str = "Images") -> Path:
    for name in "abc":
        draw(root / images / f"{name}.jpg")
    rows = ["image,caption", "a.jpg,A dog .", 'a.jpg,"Two dogs, running ."', 'b.jpg,"He says ""no"" ."', "c.jpg,Sea ."]
    (root / "captions.txt").write_text("\n".join(rows) + "\n")
    (root / "Flickr_8k.trainImages.txt").write_text("c.jpg\na.jpg\n")
    (root / "Flickr_8k.devImages.txt").write_text("b.jpg\n")
    return root


def karpathy(path: Path, rows: list[tuple[str, str, str, str]]) -> None:
    """Rows of (folder, file, split, caption)."""
    images = [
        {"filename": file, "split": split, "sentences": [{"raw": caption}], **({"filepath": folder} if folder else {})}
        for folder, file, split, caption in rows
    ]
    path.write_text(json.dumps({"images": images}))


def split_names(found: Captioned) -> dict[str, list[str]]:
    return {split: [found.paths[index] for index in indices] for split, indices in found.splits.items()}


@pytest.mark.parametrize("images", ["Images", "Flicker8k_Dataset", ""])
def test_flickr8k_in_its_public_layout(tmp_path: Path, images: str) -> None:
    found = flickr8k.listing(flickr(tmp_path / "f", images))
    assert found.paths == ("a.jpg", "b.jpg", "c.jpg") and (found.missing, found.uncaptioned) == ((), ())
    assert found.captions == (("A dog .", "Two dogs, running ."), ('He says "no" .',), ("Sea .",))
    assert split_names(found) == {"train": ["c.jpg", "a.jpg"], "val": ["b.jpg"]}


def test_flickr8k_as_first_released(tmp_path: Path) -> None:
    root = flickr(tmp_path / "f", "Flicker8k_Dataset")
    texts = root / "Flickr8k_text"
    texts.mkdir()
    for file in root.glob("Flickr_8k.*"):
        file.rename(texts / file.name)
    (root / "captions.txt").unlink()
    numbered = [f"{name}#{number}\t{caption}" for number, (name, caption) in enumerate(FLICKR)]
    (texts / "Flickr8k.token.txt").write_text("\n".join([*numbered, "c.jpg.1#0\tNo picture of that name exists ."]))
    found = flickr8k.listing(root)
    assert found.captions[0] == ("A dog .", "Two dogs, running .") and found.missing == ()
    assert split_names(found)["train"] == ["c.jpg", "a.jpg"]


def test_flickr8k_with_karpathy_s_file(tmp_path: Path) -> None:
    root = flickr(tmp_path / "f")
    for file in root.glob("*.txt"):
        file.unlink()
    rows = [("", "a.jpg", "train", "A dog ."), ("", "c.jpg", "test", "Sea ."), ("", "b.jpg", "val", "No .")]
    karpathy(root / "dataset_flickr8k.json", rows)
    found = flickr8k.listing(root)
    assert split_names(found) == {"train": ["a.jpg"], "test": ["c.jpg"], "val": ["b.jpg"]}
    assert found.captions == (("A dog .",), ("Sea .",), ("No .",))


def test_pictures_and_captions_that_have_no_other_half_are_named(tmp_path: Path) -> None:
    root = flickr(tmp_path / "f")
    (root / "Images/b.jpg").rename(root / "Images/z.jpg")
    found = flickr8k.listing(root)
    assert (found.missing, found.uncaptioned) == (("b.jpg",), ("z.jpg",))
    with pytest.raises(DataError, match=r"1 pictures are captioned and not in .*Images: b\.jpg"):
        pictures(found, np.array([0]), 64)


def test_a_broken_picture_is_named_and_others_load(tmp_path: Path) -> None:
    root = flickr(tmp_path / "f")
    Image.fromarray(noise(70, 80, 0)).convert("CMYK").save(root / "Images/a.jpg")
    Image.fromarray(noise(70, 80, 1)).convert("L").save(root / "Images/c.jpg")
    break_it(root / "Images/b.jpg")
    found = flickr8k.listing(root)
    pixels = pictures(found, np.array([2, 0]), 64)
    assert pixels.plain(torch.arange(2)).shape == (2, 64, 64, 3)
    assert (pixels.plain(torch.tensor([0]))[..., :1] == pixels.plain(torch.tensor([0]))).all()
    with pytest.raises(DataError, match=r"1 of 3 pictures cannot be decoded: .*b\.jpg \("):
        pictures(found, np.arange(3), 64)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "captions.txt",
            "image,caption\na.jpg,one,two\n",
            r"captions\.txt, line 2: needs `image,caption`, got 3 fields",
        ),
        ("captions.txt", "image,caption\n", "no captions of flickr8k"),
        ("dataset_flickr8k.json", "{", r"dataset_flickr8k\.json: cannot be read"),
        ("dataset_flickr8k.json", '{"images": [{"filename": "a.jpg"}]}', "not a Karpathy split"),
    ],
)
def test_a_wrong_caption_file_is_told(tmp_path: Path, file: str, text: str, message: str) -> None:
    root = flickr(tmp_path / "f")
    (root / file).write_text(text)
    with pytest.raises(DataError, match=message):
        flickr8k.listing(root)


def test_no_captions_at_all(tmp_path: Path) -> None:
    for listing in (flickr8k.listing, coco.listing):
        with pytest.raises(DataError, match=r"captions.*dataset_"):
            listing(tmp_path)
    (tmp_path / "Flickr8k.token.txt").write_text("a.jpg one\n")
    with pytest.raises(DataError, match="line 1: needs `image#number<TAB>caption`"):
        flickr8k.listing(tmp_path)


def annotations(root: Path, folder: str, said: dict[str, list[str]]) -> None:
    for name in said:
        draw(root / folder / name)
    written: dict[str, Any] = {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(said)],
        "annotations": [{"image_id": number, "caption": c} for number, own in enumerate(said.values()) for c in own],
    }
    (root / "annotations").mkdir(exist_ok=True)
    (root / f"annotations/captions_{folder}.json").write_text(json.dumps(written))


def test_coco_s_own_splits(tmp_path: Path) -> None:
    annotations(tmp_path, "train2017", {"1.jpg": ["one", "uno\n"], "2.jpg": ["two"]})
    annotations(tmp_path, "val2017", {"3.jpg": ["three"]})
    annotations(tmp_path, "val2014", {"4.jpg": ["the same pictures by other names"]})
    draw(tmp_path / "val2017/9.jpg")
    (tmp_path / "train2017/2.jpg").unlink()
    found = coco.listing(tmp_path)
    assert found.captions == (("one", "uno"), ("two",), ("three",))
    assert split_names(found) == {"train": ["train2017/1.jpg", "train2017/2.jpg"], "val": ["val2017/3.jpg"]}
    assert (found.missing, found.uncaptioned) == (("train2017/2.jpg",), ("val2017/9.jpg",))


def test_coco_of_2014_where_that_is_what_there_is(tmp_path: Path) -> None:
    annotations(tmp_path, "val2014", {"4.jpg": ["four"]})
    assert coco.listing(tmp_path).paths == ("val2014/4.jpg",)
    (tmp_path / "annotations/captions_val2014.json").write_text('{"images": []}')
    with pytest.raises(DataError, match=r"captions_val2014\.json: not COCO's captions"):
        coco.listing(tmp_path)


def test_coco_with_karpathy_s_split_trains_on_restval(tmp_path: Path) -> None:
    for path in ("train2014/1.jpg", "val2014/2.jpg", "val2014/3.jpg"):
        draw(tmp_path / path)
    rows = [
        ("train2014", "1.jpg", "train", "a"),
        ("val2014", "2.jpg", "restval", "b"),
        ("val2014", "3.jpg", "test", "c"),
    ]
    karpathy(tmp_path / "dataset_coco.json", rows)
    found = coco.listing(tmp_path)
    assert split_names(found) == {"train": ["train2014/1.jpg", "val2014/2.jpg"], "test": ["val2014/3.jpg"]}
    assert found.missing == () and pictures(found, np.array([2]), 64).shapes.tolist() == [[64, 82]]
