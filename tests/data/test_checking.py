"""`vlstudy data check`: counts against what was published, and what is missing or broken by name."""

import json
from pathlib import Path

import pytest

from tests.data.drawn import break_it, classes, domains, draw
from vlstudy.data import checking, coop_sets
from vlstudy.data.checking import Report, check
from vlstudy.data.coop_sets import CoopSet, Sizes
from vlstudy.errors import DataError


def text(report: Report) -> str:
    return "\n".join(report.lines)


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of three pictures that is published as just that."""
    monkeypatch.setitem(
        coop_sets.COOP_SETS,
        "oxford_pets",
        CoopSet("Oxford-IIIT Pet", "oxford_pets", "images", "split_zhou_OxfordPets.json", "a {}.", Sizes(1, 1, 1, 1)),
    )
    written = {split: [[f"{split}.jpg", 0, "cat"]] for split in ("train", "val", "test")}
    for split in written:
        draw(tmp_path / "oxford_pets/images" / f"{split}.jpg")
    (tmp_path / "oxford_pets/split_zhou_OxfordPets.json").write_text(json.dumps(written))
    return tmp_path


def test_what_is_as_published_is_complete(pets: Path) -> None:
    report = check("coop", pets, dataset="oxford_pets")
    assert report.complete and "classes 1 of 1, train 1 of 1, val 1 of 1, test 1 of 1" in text(report)
    assert "3 listed, 3 looked into" in text(report) and "to be had" not in text(report)


def test_missing_and_broken_files_are_named(pets: Path) -> None:
    (pets / "oxford_pets/images/val.jpg").unlink()
    break_it(pets / "oxford_pets/images/test.jpg")
    report = check("coop", pets, dataset="oxford_pets")
    assert not report.complete
    assert "missing: 1: val.jpg" in text(report) and "no whole pictures: 1: test.jpg (" in text(report)
    assert "to be had: each set from its own project" in text(report) and "http" not in text(report)


def test_all_eleven_are_looked_for(pets: Path) -> None:
    report = check("coop", pets)
    assert not report.complete
    assert "coop food101 (Food-101): no folder food-101/" in report.lines and "train 1 of 1" in text(report)
    (pets / "oxford_pets/split_zhou_OxfordPets.json").unlink()
    assert "no such file. It is CoOp's split" in text(check("coop", pets, dataset="oxford_pets"))


def test_of_very_many_files_some_are_opened(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "LOOKED_AT", 2)
    assert "3 listed, 2 looked into" in text(check("coop", pets, dataset="oxford_pets"))


def test_folders_of_one_s_own(tmp_path: Path) -> None:
    root = classes(tmp_path / "mine", {"cat": 2, "dog": 3})
    report = check("folder", root)
    assert report.complete and report.lines[0] == "folder mine: classes 2, train 5"
    (root / "eel").mkdir()
    assert "no picture in train: 1: eel" in text(check("folder", root))
    assert not check("folder", root).complete


def test_domains_against_what_domainbed_counts(tmp_path: Path) -> None:
    root = domains(tmp_path / "office_home", ("art", "photo"), {"cat": 2, "dog": 1})
    classes(root / "sketch", {"cat": 1})
    named = check("domains", root, dataset="PACS")
    assert named.lines[0] == "domains PACS: domains 3 of 4, classes 2 of 7, images 7 of 9,991" and not named.complete
    assert "  art: 3" in named.lines and "  sketch lacks: dog" in named.lines and "DomainBed" in text(named)
    assert "classes 2 of 65" in text(check("domains", root))
    root.rename(tmp_path / "mine")
    assert check("domains", tmp_path / "mine").complete


def test_flickr8k_and_coco(tmp_path: Path) -> None:
    for name in ("Images/a.jpg", "Images/b.jpg", "val2017/1.jpg"):
        draw(tmp_path / name)
    (tmp_path / "captions.txt").write_text("image,caption\na.jpg,one\na.jpg,two\nc.jpg,three\n")
    flickr = text(check("flickr8k", tmp_path))
    assert "flickr8k: images 2 of 8,091, captions 3 of 40,455" in flickr
    assert "captioned and not there: 1: c.jpg" in flickr and "there and not captioned: 1: b.jpg" in flickr
    (tmp_path / "annotations").mkdir()
    said = {"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [{"image_id": 1, "caption": "one"}]}
    (tmp_path / "annotations/captions_val2017.json").write_text(json.dumps(said))
    coco = text(check("coco", tmp_path))
    assert "coco: images 1, captions 1, val 1 of 5,000, train 0 of 118,287" in coco and "MS-COCO" in coco


def test_unknown_names_are_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing is known of `flickr`\. Did you mean `flickr8k`"):
        check("flickr", tmp_path)
    with pytest.raises(DataError, match=r"unknown data set `food` of coop.*food101"):
        check("coop", tmp_path, dataset="food")
    with pytest.raises(DataError, match=r"--root: no folder"):
        check("coop", tmp_path / "nowhere")
