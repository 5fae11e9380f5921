"""Flickr8k and COCO as sources: splits, draws, greyscale and CMYK files, missing and broken pictures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.data.drawn import break_it, draw
from vlstudy.data.captioned_source import Coco, Flickr8k, divided
from vlstudy.data.flickr8k import listing
from vlstudy.data.pair_pool import PairPool
from vlstudy.errors import DataError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path / "cache"))


def flickr(root: Path, count: int = 40, **lists: list[int]) -> Path:
    """A folder in the public layout with `count` pictures of five captions each, and the split lists asked for."""
    rows = ["image,caption"]
    for number in range(count):
        draw(root / "Images" / f"{number}.jpg")
        rows += [f'{number}.jpg,"a star, number {number} of {caption}"' for caption in range(5)]
    (root / "captions.txt").write_text("\n".join(rows) + "\n")
    for name, numbers in lists.items():
        (root / f"Flickr_8k.{name}Images.txt").write_text("\n".join(f"{number}.jpg" for number in numbers))
    return root


def pool(source: Flickr8k | Coco) -> PairPool:
    return source.load("miniature", None)


def flickr_pool(root: Path, **knobs: Any) -> PairPool:
    return pool(Flickr8k(root=str(root), **{"images": 0, **knobs}))


def test_official_lists(tmp_path: Path) -> None:
    root = flickr(tmp_path, 12, train=[0, 1, 2, 3, 4, 5], dev=[6, 7], test=[8, 9, 10])
    splits = flickr_pool(root, tests=2).confirm(1)
    train = splits.dev.train
    assert (len(train), len(splits.dev.val), len(splits.test[0].images)) == (6, 2, 2)
    assert train.captions is not None and len(train.captions) == 30 and train.captions.tokens is not None
    said = {text.split(" of ")[0].split()[-1] for text in train.captions.texts}
    assert said == {"0", "1", "2", "3", "4", "5"}
    assert train.pixels is not None and train.pixels.plain(torch.arange(2)).shape == (2, 64, 64, 3)
    assert train.labels.tolist() == [-1] * 6 and splits.test[0].classes.names == ()
    assert splits.dev.towers is not None and flickr_pool(root).facts["lists on disk"] == "train 6, val 2, test 3"


def test_all_images_are_encoded_once_for_every_seed(tmp_path: Path) -> None:
    pool_ = flickr_pool(flickr(tmp_path, 20))
    one = pool_.dev(1).train
    entries = sorted((tmp_path / "cache").glob("*.safetensors"))
    other = pool_.dev(2).train
    assert sorted((tmp_path / "cache").glob("*.safetensors")) == entries
    assert one.captions is not None and other.captions is not None
    assert one.captions.texts != other.captions.texts and sorted(one.captions.texts) == sorted(other.captions.texts)
    said = {text.split(" of ")[0]: row for text, row in zip(one.captions.texts[::5], one.image_features, strict=True)}
    for text, row in zip(other.captions.texts[::5], other.image_features, strict=True):
        assert torch.equal(said[text.split(" of ")[0]], row)  # captions went with their pictures


def test_lists_that_are_missing_are_made_up_for(tmp_path: Path) -> None:
    none = divided(listing(flickr(tmp_path / "none")))
    assert {name: len(places) for name, places in none.items()} == {"train": 32, "val": 4, "test": 4}
    half = divided(listing(flickr(tmp_path / "half", train=list(range(30)), dev=list(range(30, 40)))))
    assert half["test"].tolist() == list(range(30, 40))  # the list that is there is tested
    assert len(half["val"]) == 3 and not set(half["val"]) & set(half["train"])
    assert sorted(np.concatenate([half["val"], half["train"]])) == list(range(30))


def test_pictures_in_grey_and_in_four_inks(tmp_path: Path) -> None:
    root = flickr(tmp_path, 12)
    Image.new("L", (80, 70), 90).save(root / "Images" / "0.jpg")
    Image.new("CMYK", (80, 70), (0, 200, 200, 0)).save(root / "Images" / "1.jpg")
    splits = flickr_pool(root).confirm(0)
    sets = (splits.dev.train, splits.dev.val, splits.test[0].images)
    assert sum(map(len, sets)) == 12
    assert all(bool(torch.isfinite(one.image_features).all()) for one in sets)


def test_a_missing_and_a_broken_picture_are_named(tmp_path: Path) -> None:
    root = flickr(tmp_path, 20)
    break_it(root / "Images" / "7.jpg")
    with pytest.raises(DataError, match=r"1 of \d+ pictures cannot be decoded: .*7\.jpg"):
        splits = flickr_pool(root).confirm(0)
        assert splits.dev.val is not None
    (root / "Images" / "7.jpg").unlink()
    with pytest.raises(DataError, match=r"1 pictures are captioned and not in .*: 7\.jpg"):
        flickr_pool(root)


def test_more_images_than_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got 500, and flickr8k has 32 training images"):
        flickr_pool(flickr(tmp_path), images=500)


def test_coco_s_captions(tmp_path: Path) -> None:
    for folder, numbers in (("train2017", range(20)), ("val2017", range(20, 26))):
        images = [{"id": number, "file_name": f"{number:012}.jpg"} for number in numbers]
        for image in images:
            draw(tmp_path / folder / str(image["file_name"]))
        said = [{"image_id": number, "caption": f"a ring {number}"} for number in numbers for _ in range(6)]
        (tmp_path / "annotations").mkdir(exist_ok=True)
        (tmp_path / "annotations" / f"captions_{folder}.json").write_text(
            json.dumps({"images": images, "annotations": said})
        )
    source = Coco(root=str(tmp_path), images=5)
    splits = pool(source).confirm(2)
    assert (len(splits.dev.train), len(splits.dev.val), len(splits.test[0].images)) == (5, 2, 6)
    captions = splits.test[0].images.captions
    assert captions is not None and len(captions) == 36
    assert source.training_images() == 5 and len(source.keys("miniature", None)) == 1
