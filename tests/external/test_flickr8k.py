"""Real pictures with captions: 866 of Flickr8k's, and what is said of a missing or a broken one."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vlstudy.data.captioned import pictures
from vlstudy.data.captioned_source import Flickr8k
from vlstudy.data.checking import check
from vlstudy.data.flickr8k import listing
from vlstudy.errors import DataError
from vlstudy.methods.contrastive import Contrastive
from vlstudy.schedules import SCHEDULES
from vlstudy.training import TrainSettings, fit
from vlstudy.training import test as measure_test

pytestmark = pytest.mark.external


@pytest.fixture
def root(shared_data: Path) -> Path:
    return shared_data / "flickr8k"


@pytest.fixture
def small(root: Path, tmp_path: Path) -> Path:
    """A copy of the first six pictures."""
    home = tmp_path / "flickr8k"
    (home / "Images").mkdir(parents=True)
    rows = (root / "captions.txt").read_text().splitlines()[: 1 + 6 * 5]
    (home / "captions.txt").write_text("\n".join(rows) + "\n")
    for name in {row.split(",")[0] for row in rows[1:]}:
        shutil.copy(root / "Images" / name, home / "Images" / name)
    return home


def test_866_images_with_five_captions_each(root: Path) -> None:
    found = listing(root)
    assert len(found.paths) == 866 and {len(own) for own in found.captions} == {5}
    assert {split: len(places) for split, places in found.splits.items()} == {"train": 753, "val": 113}
    assert (found.missing, found.uncaptioned) == ((), ())
    assert check("flickr8k", root).lines[0].startswith("flickr8k: images 866 of 8,091, captions 4,330 of 40,455")


def test_all_of_them_decode(root: Path) -> None:
    found = listing(root)
    pixels = pictures(found, np.arange(866), 64)
    assert len(pixels) == 866 and int(pixels.shapes.min()) == 64
    assert pixels.plain(torch.tensor([0, 865])).float().std(dim=(1, 2, 3)).min() > 5


def test_a_missing_picture_is_named(small: Path) -> None:
    name = listing(small).paths[2]
    (small / "Images" / name).unlink()
    with pytest.raises(DataError, match=f"1 pictures are captioned and not in .*: {name}. Copy them there"):
        pictures(listing(small), np.arange(2), 64)
    assert f"  captioned and not there: 1: {name}" in check("flickr8k", small).lines


def test_a_corrupt_picture_is_named(small: Path) -> None:
    path = small / "Images" / listing(small).paths[3]
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=f"1 of 6 pictures cannot be decoded: .*{path.name} \\("):
        pictures(listing(small), np.arange(6), 64)
    assert any(f"no whole pictures: 1: {path.name}" in line for line in check("flickr8k", small).lines)


def test_the_source_draws_encodes_and_measures_them(root: Path) -> None:
    pool = Flickr8k(root=str(root), images=32, tests=40).load("ViT-B-32-quickgelu", "random")
    assert "866 images, 4330 captions" in pool.facts["data"]
    splits = replace(pool, val=pool.val[:40]).confirm(1)
    train, test = splits.dev.train, splits.test[0].images
    assert train.captions is not None and test.captions is not None
    assert (len(train), len(train.captions), len(test.captions)) == (32, 160, 200)
    assert train.captions.tokens is not None and train.captions.tokens.shape[1] == 77
    settings = TrainSettings(epochs=2, batch=16, evaluations=1)
    ((measurement, state),) = fit(
        Contrastive(), SCHEDULES["variance_sim"](), splits.dev, settings, seed=1, objective="val/mean_recall"
    )
    assert measurement.step == 4 and 0 <= measurement.metrics["val/mean_recall"] <= 1
    found, _ = measure_test(Contrastive(), state, splits, "val/mean_recall", seed=1, look=False)
    assert {"test/image_to_text_recall@10", "test/centroid_gap", "test/knn_mixing"} <= found.metrics.keys()
    assert not any("accuracy" in name or "joint" in name for name in found.metrics)  # there are no classes
