"""Domains on disk: what is trained on and tested, what a domain lacks, and that conditions share their pictures."""

from pathlib import Path

import numpy as np
import pytest

from tests.data.drawn import classes, domains
from vlstudy.data.domains import Domains
from vlstudy.data.pool import Pool
from vlstudy.errors import DataError

NAMES = ("art", "photo", "sketch")
COUNTS = {"cat": 10, "dog": 5, "sea_lion": 5}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def source(root: Path, **knobs: object) -> Domains:
    return Domains(root=str(root), views=0, **knobs)  # type: ignore[arg-type]


def load(root: Path, **knobs: object) -> Pool:
    return source(root, **knobs).load("miniature", None)


def test_one_domain_is_left_out(tmp_path: Path) -> None:
    root = domains(tmp_path / "toy", NAMES, COUNTS)
    splits = load(root, held_out="photo").confirm(0)
    assert (len(splits.dev.train), len(splits.dev.val)) == (32, 8)
    assert set(splits.dev.train.domains.tolist()) == set(splits.dev.val.domains.tolist()) == {0, 2}
    assert [(group.name, len(group.images)) for group in splits.test] == [("photo", 20)]
    assert splits.test[0].classes.names == ("cat", "dog", "sea lion")
    assert source(root, held_out="photo").training_images() == 32


def test_only_the_part_set_aside_is_tested_as_released(tmp_path: Path) -> None:
    root = domains(tmp_path / "toy", NAMES, COUNTS)
    tested = load(root, held_out="photo", target="part").confirm(0).test
    assert [(group.name, len(group.images)) for group in tested] == [("photo", 4)]


def test_one_domain_is_trained_on_with_shots(tmp_path: Path) -> None:
    root = domains(tmp_path / "toy", NAMES, COUNTS)
    splits = load(root, train_on="art", shots=2).confirm(0)
    assert len(splits.dev.train) == 6 and set(splits.dev.train.domains.tolist()) == {0}
    assert [(group.name, len(group.images)) for group in splits.test] == [("photo", 20), ("sketch", 20)]


def test_in_the_wild_the_first_half_is_trained_on(tmp_path: Path) -> None:
    root = domains(tmp_path / "toy", NAMES, COUNTS)
    splits = load(root, held_out="sketch", task="open_class").confirm(0)
    assert splits.dev.classes.names == ("cat",)  # CLIPood rounds down
    assert [(group.name, len(group.images), len(group.classes.names)) for group in splits.test] == [
        ("base", 10, 3),
        ("new", 10, 3),
    ]


def test_nothing_of_the_target_is_trained_or_chosen_on(tmp_path: Path) -> None:
    root = domains(tmp_path / "toy", NAMES, COUNTS)
    for seed in range(3):
        splits = load(root, held_out="art").confirm(seed)
        seen = {tuple(row.tolist()) for part in (splits.dev.train, splits.dev.val) for row in part.image_features}
        assert not seen & {tuple(row.tolist()) for row in splits.test[0].images.image_features}


def test_all_conditions_and_seeds_share_one_entry(tmp_path: Path, cache: Path) -> None:
    root = domains(tmp_path / "toy", NAMES, COUNTS)
    for seed, name in enumerate(NAMES):
        load(root, held_out=name).confirm(seed)
    assert len(list(cache.glob("domains-toy-*pictures*.safetensors"))) == 1
    labels = [key.label for key in source(root, held_out="art").keys("miniature", None)]
    assert labels == ["class texts", "domains toy (60) pictures", "domains toy (60) features"]
    assert all(key.path().exists() for key in source(root, held_out="art").keys("miniature", None))


def test_a_tested_domain_may_lack_a_class(tmp_path: Path) -> None:
    root = domains(tmp_path / "toy", ("art", "photo"), COUNTS)
    classes(root / "sketch", {"cat": 4, "unicorn": 0})
    (root / "sketch/unicorn").rmdir()
    pool = load(root, held_out="sketch", dataset="PACS")
    assert pool.facts["classes that a domain lacks"] == "sketch: dog, sea_lion" and pool.facts["data"].startswith(
        "domains PACS"
    )
    assert np.bincount(pool.confirm(0).test[0].images.labels, minlength=3).tolist() == [4, 0, 0]


def test_a_class_that_only_the_target_has_cannot_be_trained_on(tmp_path: Path) -> None:
    root = domains(tmp_path / "toy", ("art", "photo"), COUNTS)
    classes(root / "sketch", {"cat": 4, "unicorn": 2})
    with pytest.raises(DataError, match="1 of 4 classes have no picture to train on: unicorn"):
        load(root, held_out="sketch")


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({}, "needs `held_out`.*Domains: art, photo, sketch"),
        ({"held_out": "foto"}, r"data\.held_out: unknown domain `foto`\. Did you mean `photo`"),
        ({"held_out": "art", "train_on": "photo"}, "Keep one"),
        ({"held_out": "art", "template": "x"}, "has no `{}`"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, knobs: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(domains(tmp_path / "toy", NAMES, {"cat": 1}), **knobs)


def test_one_domain_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 domains with 2 classes"):
        load(domains(tmp_path / "toy", ("art",), {"cat": 1, "dog": 1}), held_out="art")
