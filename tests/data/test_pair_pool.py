"""Draws of pairs: checks 24 and 25 of variance-aware scheduling, the miniature's captions, and files of pairs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.toy_pairs import toy_pairs
from vlstudy.batches import Batches
from vlstudy.data import SOURCES
from vlstudy.data.miniature.source import Miniature
from vlstudy.data.pair_pool import PairPool, split, subset
from vlstudy.data.pairs_file import PairsFile
from vlstudy.errors import DataError


def test_check_24_no_batch_shows_an_image_twice() -> None:
    dev = toy_pairs(n=70)
    batches = Batches(dev=dev, size=16, seed=0, crop=1.0, pixels=False)
    assert batches.per_epoch == 4  # the last six images wait for another epoch
    for epoch in range(3):
        rows = torch.cat([batches.of(epoch * 4 + step).image_features for step in range(4)])
        assert len(torch.unique(rows, dim=0)) == 64
    captions = dev.train.captions
    assert captions is not None
    owner = {
        tuple(row.tolist()): int(image) for row, image in zip(captions.text_features, captions.image_of, strict=True)
    }
    batch = batches.of(0)
    assert batch.text_features is not None
    shown = [owner[tuple(row.tolist())] for row in batch.text_features]
    assert torch.equal(dev.train.image_features[shown], batch.image_features)


def test_check_24_rows_drawn_without_looking_collide() -> None:
    rng, owners = np.random.default_rng(0), np.repeat(np.arange(400), 5)
    pairs = [_pairs_alike(owners[rng.choice(2000, 32, replace=False)]) for _ in range(2000)]
    assert np.mean(pairs) == pytest.approx(0.99, abs=0.10)


def _pairs_alike(owners: np.ndarray) -> int:
    counts = np.bincount(owners)
    return int((counts * (counts - 1) // 2).sum())


def test_every_caption_gets_its_turn() -> None:
    captions = toy_pairs(n=10).train.captions
    assert captions is not None
    rng = np.random.default_rng(0)
    drawn = torch.cat([captions.one_each(torch.arange(10), rng) for _ in range(300)])
    counts = torch.bincount(drawn, minlength=50)
    assert int(counts.min()) > 30 and int(counts.max()) < 90  # 60 expected, 7 is the standard deviation


@pytest.mark.parametrize("seed", [0, 1])
def test_check_25_smaller_subsets_lie_inside_larger_ones(seed: int) -> None:
    whole = subset(1000, 0, seed)
    assert sorted(whole.tolist()) == list(range(1000))
    for images in (1, 100, 400):
        assert subset(1000, images, seed).tolist() == whole[:images].tolist()
    assert subset(1000, 100, 0).tolist() != subset(1000, 100, 1).tolist()


def test_check_25_splits_share_no_image() -> None:
    found = split(100, {"val": 20, "test": 30})
    assert {name: len(places) for name, places in found.items()} == {"train": 50, "val": 20, "test": 30}
    assert sorted(np.concatenate(list(found.values())).tolist()) == list(range(100))


def captioned(**knobs: Any) -> PairPool:
    pool = Miniature(task="captions", **knobs).load("miniature", None)
    assert isinstance(pool, PairPool)
    return pool


def test_the_miniatures_captions() -> None:
    small, large = captioned(images=20).confirm(3), captioned(images=30).dev(3)
    train, bigger = small.dev.train, large.train
    assert len(train) == 20 and train.captions is not None and len(train.captions) == 100
    assert bigger.captions is not None and bigger.captions.texts[:100] == train.captions.texts
    assert torch.equal(bigger.image_features[:20], train.image_features)
    (group,) = small.test
    assert len(group.images) == 500 and len(group.classes.names) == 48 and int(group.images.labels.min()) >= 0
    assert small.dev.val.captions is not None and group.images.captions is not None
    sets = [{tuple(row) for row in one.image_features.tolist()} for one in (bigger, small.dev.val, group.images)]
    assert not sets[0] & sets[1] and not sets[0] & sets[2] and not sets[1] & sets[2]
    again = captioned(images=20).confirm(4)
    assert torch.equal(again.test[0].images.image_features, group.images.image_features)
    assert not torch.equal(again.dev.train.image_features, train.image_features)


def test_noise_is_in_training_or_in_the_test_as_asked() -> None:
    clean = captioned(images=20).confirm(1)
    noisy = captioned(images=20, noise="caption", noise_level=0.5).confirm(1)
    one, other = clean.dev.train.captions, noisy.dev.train.captions
    assert one is not None and other is not None and one.tokens is not None and other.tokens is not None
    assert one.texts == other.texts and not torch.equal(one.tokens, other.tokens)
    assert not torch.allclose(one.text_features, other.text_features, atol=1e-3)
    assert torch.equal(clean.dev.train.image_features, noisy.dev.train.image_features)
    assert noisy.noisy == () and noisy.dev.val.captions is not None
    assert torch.equal(clean.test[0].images.image_features, noisy.test[0].images.image_features)
    blurred = captioned(images=20, noise="pixel", noise_level=0.5).dev(1).train
    assert blurred.pixels is not None and clean.dev.train.pixels is not None
    rows = torch.arange(4)
    assert not torch.equal(blurred.pixels.plain(rows), clean.dev.train.pixels.plain(rows))
    assert not torch.allclose(blurred.image_features, clean.dev.train.image_features, atol=1e-3)
    mixed = captioned(images=20, noise="pair", noise_level=0.5).dev(1).train.captions
    assert mixed is not None and sorted(mixed.texts) == sorted(one.texts) and mixed.texts != one.texts


def test_noise_of_no_kind_and_too_many_images_are_told() -> None:
    with pytest.raises(DataError, match=r"0\.3 of no noise"):
        captioned(noise_level=0.3)
    with pytest.raises(DataError, match="got 2001, and the miniature has 2000"):
        captioned(images=2001)


def pairs_file(path: Path, **changed: Any) -> PairsFile:
    rng = np.random.default_rng(0)
    arrays = {
        "image": rng.standard_normal((20, 4)).astype(np.float16),
        "text": rng.standard_normal((40, 4)).astype(np.float16),
        "image_of": np.tile(np.arange(20), 2),
        "captions": np.array([f"caption {row}" for row in range(40)]),
    }
    np.savez(path, **{name: value for name, value in {**arrays, **changed}.items() if value is not None})
    return PairsFile(path=str(path), images=0)


def test_a_file_of_pairs(tmp_path: Path) -> None:
    source = pairs_file(tmp_path / "pairs.npz")
    splits = source.load("any", None).confirm(0)
    train, test = splits.dev.train, splits.test[0].images
    assert (len(train), len(splits.dev.val), len(test), source.training_images()) == (12, 4, 4, 12)
    assert train.captions is not None and train.captions.tokens is None and len(train.captions) == 24
    assert torch.allclose(train.image_features.norm(dim=1), torch.ones(12))
    numbers = [int(text.split()[1]) for text in train.captions.texts]
    assert [number % 20 for number in numbers[::2]] == [number % 20 for number in numbers[1::2]]  # of one image
    assert splits.test[0].classes.names == ()
    assert "40 captions" in source.load("any", None).facts["images"]


def test_row_by_row_without_owners(tmp_path: Path) -> None:
    rows = np.eye(10, dtype=np.float32)
    given = {"train": np.arange(6), "val": np.arange(6, 8), "test": np.arange(8, 10)}
    source = pairs_file(tmp_path / "p.npz", image=rows, text=rows, image_of=None, captions=None, **given)
    dev = source.load("any", None).dev(0)
    assert dev.train.captions is not None and dev.train.captions.texts == ()
    assert torch.equal(dev.train.image_features, dev.train.captions.text_features)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"image": None}, r"lacks image \[. d\]. It holds: text"),
    ({"text": np.ones((40, 5), np.float32)}, "image is 4 wide, text 5"),
    ({"image_of": np.arange(40)}, "captions are of 40 images from 0 to 39"),
    ({"image_of": np.zeros(40, np.int64)}, "captions are of 1 images"),
    ({"captions": np.array(["one"])}, "captions has 1 entries, text has 40 rows"),
    ({"train": np.arange(5)}, "has train of train, val and test. Give all three"),
    ({"train": np.arange(5), "val": np.arange(5), "test": np.arange(5)}, "must be different positions below 20"),
    ({"image": np.zeros((20, 4), np.float32)}, "not finite or is all zeros"),
]


@pytest.mark.parametrize(("changed", "message"), WRONG)
def test_what_is_wrong_with_a_file_of_pairs(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        pairs_file(tmp_path / "pairs.npz", **changed).load("any", None)


def test_features_have_no_words_and_no_pixels(tmp_path: Path) -> None:
    pairs_file(tmp_path / "pairs.npz")
    with pytest.raises(DataError, match="holds features"):
        PairsFile(path=str(tmp_path / "pairs.npz"), images=0, noise="caption", noise_level=0.1).load("any", None)
    with pytest.raises(DataError, match="no file"):
        PairsFile(path=str(tmp_path / "none.npz")).load("any", None)


def test_which_sources_have_what() -> None:
    assert [name for name, kind in SOURCES.items() if not kind.has_classes] == ["flickr8k", "coco", "pairs_file"]
