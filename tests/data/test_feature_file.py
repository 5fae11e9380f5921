"""Feature files: the three layouts, half precision, and every way a file can be wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vlstudy.data.feature_file import FeatureFile
from vlstudy.errors import DataError

RNG = np.random.default_rng(0)
NAMES = np.array(["cat", "dog", "eel"])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path / "cache"))


def features(count: int) -> np.ndarray:
    return RNG.standard_normal((count, 8)).astype(np.float16)


def labels(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int16) % 3


def save(tmp_path: Path, **arrays: Any) -> str:
    path = tmp_path / "features.npz"
    np.savez_compressed(path, **arrays)
    return str(path)


def test_one_set_is_split_by_seed(tmp_path: Path) -> None:
    path = save(
        tmp_path, x=features(60), y=labels(60), classnames=NAMES, text_avg=features(3), text=RNG.random((2, 3, 8))
    )
    pool = FeatureFile(path=path, shots=4).load("any", None)
    dev, splits = pool.dev(0), pool.confirm(0)
    assert (len(dev.train), len(dev.val), len(splits.dev.val), len(splits.test[0].images)) == (12, 12, 0, 48)
    assert dev.classes.names == ("cat", "dog", "eel")
    assert torch.allclose(dev.train.image_features.norm(dim=1), torch.ones(12), atol=1e-6)
    assert dev.train.image_features.dtype == torch.float32
    assert "the file has none" in pool.facts["splits"]
    assert not torch.equal(pool.dev(1).train.image_features, dev.train.image_features)


def test_training_and_test_images_are_disjoint(tmp_path: Path) -> None:
    path = save(tmp_path, x=features(60), y=labels(60), classnames=NAMES, text=features(3))
    splits = FeatureFile(path=path, shots=4).load("any", None).confirm(5)
    seen = {tuple(row.tolist()) for row in splits.dev.train.image_features}
    assert not seen & {tuple(row.tolist()) for row in splits.test[0].images.image_features}


def test_splits_with_views(tmp_path: Path) -> None:
    arrays = {f"{split}_x": features(30) for split in ("train", "val", "test")}
    arrays |= {f"{split}_y": labels(30) for split in ("train", "val", "test")}
    views = RNG.standard_normal((30, 5, 8)).astype(np.float32)
    path = save(tmp_path, **arrays, train_views=views, classnames=NAMES, text=features(3), logit_scale=50.0)
    pool = FeatureFile(path=path, shots=2).load("any", None)
    dev = pool.dev(0)
    assert (len(dev.train), len(dev.val), len(pool.confirm(0).test[0].images)) == (6, 6, 30)
    assert dev.train.views.shape == (6, 5, 8)
    assert dev.classes.logit_scale == 50.0
    assert FeatureFile(path=path, shots=2).training_images() == 6


def test_a_published_draw_is_taken_as_it_is(tmp_path: Path) -> None:
    draws = {"shot1_x": features(3), "shot1_y": labels(3), "shot2_x": features(6), "shot2_y": labels(6)}
    path = save(
        tmp_path,
        **draws,
        val_x=features(9),
        val_y=labels(9),
        test_x=features(9),
        test_y=labels(9),
        classnames=NAMES,
        text=features(3),
    )
    pool = FeatureFile(path=path, shots=2).load("any", None)
    assert torch.equal(pool.dev(0).train.image_features, pool.dev(1).train.image_features)
    assert (len(pool.dev(0).train), len(pool.dev(0).val)) == (6, 9)
    with pytest.raises(DataError, match=r"lacks train_x, train_y for 4 shots.*shot2_x"):
        FeatureFile(path=path, shots=4).load("any", None)


GOOD: dict[str, Any] = {"x": features(6), "y": labels(6), "classnames": NAMES, "text": features(3)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": labels(5)}, "train_x has 6 rows, train_y has 5"),
        ({"y": labels(6) + 1}, r"label outside 0 .. 2"),
        ({"x": np.full((6, 8), np.nan)}, "row that is not finite"),
        ({"x": np.zeros((6, 8))}, "all zeros"),
        ({"text": np.zeros(8)}, r"lacks text \[c d\]"),
        ({"classnames": np.array(["cat", None, 3], dtype=object)}, "unpickling"),
    ],
)
def test_a_wrong_array_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        FeatureFile(path=save(tmp_path, **{**GOOD, **change}), shots=1).load("any", None)


def test_a_file_that_is_not_there_or_no_npz(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file .*nowhere\.npz"):
        FeatureFile(path=str(tmp_path / "nowhere.npz")).load("any", None)
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(DataError, match="no npz file"):
        FeatureFile(path=str(tmp_path / "text.npz")).load("any", None)
    np.save(tmp_path / "one.npy", features(3))
    with pytest.raises(DataError, match="single array"):
        FeatureFile(path=str(tmp_path / "one.npy")).load("any", None)
