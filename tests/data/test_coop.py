"""CoOp's data sets: split files, class names, prompts, the two sets without a split file, every fault by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.drawn import classes, draw
from vlstudy.data.coop import Coop
from vlstudy.data.coop_sets import COOP_SETS, cleaned
from vlstudy.errors import DataError

NAMES = ["AnnualCrop", "Forest", "Highway", "River", "SeaLake"]
COUNTS = {"train": 6, "val": 5, "test": 3}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path / "cache"))


def eurosat(root: Path) -> dict[str, Any]:
    """Five classes with six training, five validation and three test pictures each."""
    written: dict[str, Any] = {split: [] for split in COUNTS}
    for label, name in enumerate(NAMES):
        for split, count in COUNTS.items():
            for number in range(count):
                draw(root / "eurosat/2750" / name / f"{split}{number}.png", 64, 66)
                written[split].append([f"{name}/{split}{number}.png", label, name])
    (root / "eurosat/split_zhou_EuroSAT.json").write_text(json.dumps(written))
    return written


def test_a_split_file_gives_draws_and_the_whole_test_split(tmp_path: Path) -> None:
    eurosat(tmp_path)
    source = Coop(root=str(tmp_path), dataset="eurosat", shots=5, views=1)
    pool = source.load("miniature", None)
    dev, splits = pool.dev(0), pool.confirm(1)
    assert (len(dev.train), len(dev.val), len(splits.test[0].images)) == (25, 20, 15)
    assert source.training_images() == 25 and dev.train.views.shape == (25, 1, 128)
    assert dev.classes.names == ("Annual Crop Land", "Forest", "Highway or Road", "River", "Sea or Lake")
    assert pool.templates == ("a centered satellite photo of {}.",)
    assert "train 30, val 25, test 15, 5 classes" in pool.facts["images"]


def test_views_in_the_facts_are_those_encoded(tmp_path: Path) -> None:
    eurosat(tmp_path)
    pool = Coop(root=str(tmp_path), dataset="eurosat", shots=1, views=3, crop=0.25).load("miniature", None)
    assert pool.facts["views"].startswith("3 cached") and "0.25" in pool.facts["views"]
    assert pool.dev(0).train.views.shape[1] == 3


@pytest.mark.parametrize(("task", "against"), [("base_to_new", (3, 2)), ("open_class", (5, 5))])
def test_halves_of_the_classes(tmp_path: Path, task: str, against: tuple[int, int]) -> None:
    eurosat(tmp_path)
    source = Coop(root=str(tmp_path), dataset="eurosat", shots=2, task=task, views=0)
    splits = source.load("miniature", None).confirm(0)
    assert source.training_images() == 6 and splits.dev.classes.names[-1] == "Highway or Road"
    assert [(group.name, len(group.images)) for group in splits.test] == [("base", 9), ("new", 6)]
    assert tuple(len(group.classes.names) for group in splits.test) == against


def test_all_shots_take_all_and_validate_on_all(tmp_path: Path) -> None:
    eurosat(tmp_path)
    dev = Coop(root=str(tmp_path), dataset="eurosat", shots=0, views=0).load("miniature", None).dev(0)
    assert (len(dev.train), len(dev.val)) == (30, 25)


def test_classes_with_fewer_images_than_shots_are_named(tmp_path: Path) -> None:
    eurosat(tmp_path)
    pool = Coop(root=str(tmp_path), dataset="eurosat", shots=8, views=0).load("miniature", None)
    assert pool.facts["few images"].startswith("fewer than 8 to train on: Annual Crop Land (6), Forest (6)")
    assert "few images" not in Coop(root=str(tmp_path), dataset="eurosat", shots=6).load("miniature", None).facts


def test_the_store_is_known_before_anything_is_encoded(tmp_path: Path) -> None:
    eurosat(tmp_path)
    source = Coop(root=str(tmp_path), dataset="eurosat", shots=2, views=1)
    keys = source.keys("miniature", None)
    assert [key.label for key in keys] == [
        "class texts",
        "coop eurosat test (15) pictures",
        "coop eurosat test (15) features",
    ]
    assert not any(key.path().exists() for key in keys)
    source.load("miniature", None).confirm(0)
    assert all(key.path().exists() for key in keys)


def test_imagenet_is_two_trees_of_folders_and_validates_on_training_images(tmp_path: Path) -> None:
    home = tmp_path / "imagenet"
    classes(home / "images/train", {"n02": 3, "n01": 4})
    classes(home / "images/val", {"n02": 2, "n01": 2})
    (home / "classnames.txt").write_text("n01 tench\nn02 great white shark\nn03 unused\n")
    pool = Coop(root=str(tmp_path), dataset="imagenet", shots=1, views=0).load("miniature", None)
    splits, dev = pool.confirm(0), pool.dev(0)
    assert pool.classnames == ("tench", "great white shark")
    assert "held out of the training images" in pool.facts["validation"]
    assert (len(dev.train), len(dev.val), len(splits.test[0].images)) == (2, 2, 4)
    every = Coop(root=str(tmp_path), dataset="imagenet", shots=0, views=0).load("miniature", None).dev(0)
    assert (len(every.train), len(every.val)) == (6, 1)
    assert splits.test[0].images.labels.tolist() == [0, 0, 1, 1]
    (home / "classnames.txt").write_text("n01 tench\n")
    with pytest.raises(DataError, match="no line for 1 folders, the first `n02`"):
        Coop(root=str(tmp_path), dataset="imagenet").load("miniature", None)


def test_aircraft_has_lists_of_its_own(tmp_path: Path) -> None:
    home = tmp_path / "fgvc_aircraft"
    home.mkdir()
    (home / "variants.txt").write_text("707-320\nFokker 100\n")
    for split, first in {"train": 0, "val": 4, "test": 6}.items():
        names = [f"{first + number:07d}" for number in range(2)]
        for name in names:
            draw(home / "images" / f"{name}.jpg")
        (home / f"images_variant_{split}.txt").write_text(f"{names[0]} 707-320\n{names[1]} Fokker 100\n")
    pool = Coop(root=str(tmp_path), dataset="fgvc_aircraft", shots=1, views=0).load("miniature", None)
    assert pool.classnames == ("707-320", "Fokker 100") and pool.confirm(0).test[0].images.labels.tolist() == [0, 1]
    (home / "images_variant_val.txt").write_text("0000004 Foker 100\n")
    with pytest.raises(DataError, match=r"images_variant_val\.txt: unknown variant `Foker 100`.*`Fokker 100`"):
        Coop(root=str(tmp_path), dataset="fgvc_aircraft").load("miniature", None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("val"), "not a split file .*'val'"),
        (lambda s: s["train"].append(["a.png", 0]), r"a row is not \[path, class index, class name\]: \['a.png', 0\]"),
        (lambda s: s["train"].append(["a.png", 9, "Lake"]), r"6 classes are not numbered 0 \.\. 5"),
        (lambda s: s["train"].append(["a.png", 1, "Wood"]), "class 1 is called `Forest` and `Wood`"),
        (
            lambda s: s.update(train=[row for row in s["train"] if row[1] != 3]),
            "1 of 5 classes have no picture .*: River",
        ),
    ],
)
def test_a_wrong_split_file_is_told(tmp_path: Path, change: Any, message: str) -> None:
    written = eurosat(tmp_path)
    change(written)
    (tmp_path / "eurosat/split_zhou_EuroSAT.json").write_text(json.dumps(written))
    with pytest.raises(DataError, match=message):
        Coop(root=str(tmp_path), dataset="eurosat").load("miniature", None)


def test_missing_parts_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.root: not given"):
        Coop().training_images()
    with pytest.raises(DataError, match=r"data\.root: no folder .*nowhere"):
        Coop(root=str(tmp_path / "nowhere")).training_images()
    (tmp_path / "eurosatt").mkdir()
    with pytest.raises(DataError, match=r"no folder `eurosat` .*Did you mean `eurosatt`"):
        Coop(root=str(tmp_path), dataset="eurosat").training_images()
    (tmp_path / "eurosatt").rename(tmp_path / "eurosat")
    with pytest.raises(DataError, match="no folder `2750`"):
        Coop(root=str(tmp_path), dataset="eurosat").training_images()
    (tmp_path / "eurosat/2750").mkdir()
    with pytest.raises(DataError, match=r"split_zhou_EuroSAT\.json: no such file"):
        Coop(root=str(tmp_path), dataset="eurosat").training_images()
    with pytest.raises(DataError, match="unknown data set `mnist`"):
        Coop(root=str(tmp_path), dataset="mnist").training_images()


def test_the_table_holds_the_eleven_sets_and_caltech_s_names() -> None:
    assert len(COOP_SETS) == 11 and sum(one.sizes.classes for one in COOP_SETS.values()) == 2191
    assert all(one.template.count("{}") == 1 for one in COOP_SETS.values())
    renamed = [cleaned("caltech101", name) for name in ("airplanes", "Faces", "Leopards", "Motorbikes", "sea_horse")]
    assert renamed == ["airplane", "face", "leopard", "motorbike", "sea horse"]
