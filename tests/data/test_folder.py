"""Folders of classes: with and without splits, names of classes, and every fault by name."""

from pathlib import Path

import pytest

from tests.data.drawn import classes, draw
from vlstudy.data.folder import Folder
from vlstudy.data.pool import Pool
from vlstudy.errors import DataError

COUNTS = {"sea_horse": 8, "ant": 7, "bee": 9}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path / "cache"))


def load(root: Path, **knobs: object) -> Pool:
    return Folder(root=str(root), views=0, **knobs).load("miniature", None)  # type: ignore[arg-type]


def sizes(pool: Pool, seed: int = 0) -> tuple[int, int, int, int]:
    """Training, validation and test images of a seed, and validation images when nothing is chosen any more."""
    dev, splits = pool.dev(seed), pool.confirm(seed)
    return len(dev.train), len(dev.val), len(splits.test[0].images), len(splits.dev.val)


def test_without_splits_the_rest_is_tested(tmp_path: Path) -> None:
    root = classes(tmp_path / "pets", COUNTS)
    draw(root / "ant/.hidden.png")
    (root / "ant/notes.txt").write_text("no picture")
    (root / ".git").mkdir()
    pool = load(root, shots=2)
    assert pool.classnames == ("ant", "bee", "sea horse") and "the folder has none" in pool.facts["splits"]
    assert sizes(pool) == (6, 6, 24 - 6, 0)
    assert Folder(root=str(root), shots=8).training_images() == 7 + 8 + 8


def test_without_splits_all_shots_leave_a_fifth(tmp_path: Path) -> None:
    root = classes(tmp_path / "pets", COUNTS)
    assert sizes(load(root, shots=0)) == (20, 4, 4, 4)
    assert Folder(root=str(root), shots=0).training_images() == 20


def test_three_splits_are_taken_as_they_are(tmp_path: Path) -> None:
    for split, more in {"train": 0, "val": 1, "test": 2}.items():
        classes(tmp_path / "pets" / split, {name: count + more for name, count in COUNTS.items()})
    pool = load(tmp_path / "pets", shots=2)
    assert sizes(pool) == (6, 6, 30, 6) and "splits" not in pool.facts
    assert sizes(load(tmp_path / "pets", shots=0)) == (24, 27, 30, 27)


@pytest.mark.parametrize(("other", "said"), [("test", "held out of train"), ("val", "val is what is tested")])
def test_with_two_splits_validation_is_held_out_of_train(tmp_path: Path, other: str, said: str) -> None:
    for split in ("train", other):
        classes(tmp_path / "pets" / split, COUNTS)
    pool = load(tmp_path / "pets", shots=2)
    assert said in pool.facts["splits"] and sizes(pool)[:3] == (6, 6, 24)
    assert sizes(load(tmp_path / "pets", shots=0))[:3] == (20, 4, 24)


def test_base_and_new_are_halves_in_the_order_of_the_folders(tmp_path: Path) -> None:
    splits = load(classes(tmp_path / "pets", COUNTS), shots=2, task="base_to_new").confirm(0)
    assert splits.dev.classes.names == ("ant", "bee")
    assert [(group.name, len(group.images)) for group in splits.test] == [("base", 16 - 4), ("new", 8)]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    assert load(classes(tmp_path / "vehicles", {"train": 3, "car": 3}), shots=1).classnames == ("car", "train")


def test_names_can_be_given(tmp_path: Path) -> None:
    root = classes(tmp_path / "pets", COUNTS)
    (root / "classnames.txt").write_text("ant\twood ant\nbee\thoney bee\nsea_horse\tsea-horse\n")
    pool = load(root, shots=1, template="a drawing of a {}.")
    assert pool.classnames == ("wood ant", "honey bee", "sea-horse") and pool.templates == ("a drawing of a {}.",)


def test_classes_of_test_that_train_lacks_and_other_faults(tmp_path: Path) -> None:
    root = tmp_path / "pets"
    root.mkdir()
    with pytest.raises(DataError, match="no folders"):
        load(root)
    classes(root / "train", COUNTS), classes(root / "test", {"bea": 1})
    with pytest.raises(DataError, match=r"folder `bea` is no class\. Did you mean `bee`"):
        load(root)
    (root / "test").rename(root / "valid")
    with pytest.raises(DataError, match="folder `valid` beside train"):
        load(root)
    (root / "valid").rename(tmp_path / "away")
    (root / "train/empty").mkdir()
    with pytest.raises(DataError, match="1 of 4 classes have no picture to train on: empty"):
        load(root)
    with pytest.raises(DataError, match=r"data\.template: `a cat` has no `\{\}`"):
        load(root, template="a cat")
    with pytest.raises(DataError, match=r"data\.masks: no folder"):
        load(classes(tmp_path / "good", COUNTS), masks=str(tmp_path / "nowhere"))
