"""A real data set in CoOp's layout: 180 textures of DTD, through `coop`, to features and back to pictures."""

import resource
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vlstudy.data import coop_lists
from vlstudy.data.checking import check
from vlstudy.data.coop import Coop
from vlstudy.data.pool import Pool
from vlstudy.data.sets import Splits
from vlstudy.measurement import Measurement
from vlstudy.methods import METHODS
from vlstudy.schedules import SCHEDULES
from vlstudy.training import TrainSettings, fit
from vlstudy.training import test as measure_test

pytestmark = pytest.mark.external


@pytest.fixture
def root(shared_data: Path) -> Path:
    return shared_data / "dtd_subset"


@pytest.fixture(params=[("miniature", None), ("ViT-B-16", "random")], ids=lambda backbone: backbone[0])
def backbone(request: pytest.FixtureRequest) -> tuple[str, str | None]:
    model, pretrained = request.param
    return model, pretrained


def confirmed(pool: Pool) -> Splits:
    """The splits of a seed, with the time that they took."""
    started = time.perf_counter()
    splits = pool.confirm(0)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"decode, cache and encode: {time.perf_counter() - started:.2f} s, {used:.0f} MiB at most")
    return splits


def test_dtd_is_decoded_cached_and_encoded(root: Path, backbone: tuple[str, str | None]) -> None:
    source = Coop(root=str(root), dataset="dtd", shots=1, views=1)
    splits = confirmed(source.load(*backbone))
    confirmed(source.load(*backbone))
    (group,) = splits.test
    assert (len(splits.dev.train), len(splits.dev.val), len(group.images)) == (10, 10, 30)
    assert group.classes.names[:3] == ("banded", "blotchy", "braided")
    assert torch.allclose(group.images.image_features.norm(dim=1), torch.ones(30), atol=1e-5)
    assert all(path.exists() for path in (key.path() for key in source.keys(*backbone)))
    towers, pixels = source.load(*backbone).towers, splits.dev.train.pixels
    assert towers is not None and pixels is not None
    again = towers().encode_images(pixels.plain(torch.arange(2)))
    assert torch.allclose(again, splits.dev.train.image_features[:2], atol=1e-4)


def mode(path: Path) -> str:
    with Image.open(path) as picture:
        return picture.mode


def test_greyscale_files_load_with_three_equal_channels(root: Path) -> None:
    lists = coop_lists.read("dtd", root)
    pool = Coop(root=str(root), dataset="dtd", shots=0, views=0).load("miniature", None)
    found = 0
    for images, split in ((pool.train, "train"), (pool.val, "val"), (pool.test, "test")):
        grey = [index for index, path in enumerate(lists.splits[split].paths) if mode(lists.root / path) == "L"]
        shown = images.take(np.array(grey, dtype=np.int64), views=False).pixels if images and grey else None
        if shown is not None:
            plain = shown.plain(torch.arange(len(grey)))
            assert torch.equal(plain, plain[..., :1].expand_as(plain)) and plain.float().std() > 1
            found += len(grey)
    assert found == 1


def test_zero_shot_of_the_miniature_is_about_chance(root: Path) -> None:
    (group,) = Coop(root=str(root), dataset="dtd", shots=1, views=0).load("miniature", None).confirm(0).test
    right = (group.images.image_features @ group.classes.text_features.T).argmax(1) == group.images.labels
    assert float(right.float().mean()) < 0.5


def test_data_check_counts_what_is_there(root: Path) -> None:
    report = check("coop", root, dataset="dtd")
    assert not report.complete
    assert report.lines[0].endswith("classes 10 of 47, train 120 of 2,820, val 30 of 1,128, test 30 of 1,692")
    assert "180 listed, 180 looked into" in report.lines[1] and "missing" not in " ".join(report.lines)


def timed(name: str, root: Path, fields: dict[str, object]) -> Measurement:
    """One epoch of two steps, validation and the test with a ViT-B/16 that nobody trained, with what each took."""
    splits = Coop(root=str(root), dataset="dtd", shots=1, views=0).load("ViT-B-16", "random").confirm(0)
    started, method = time.perf_counter(), METHODS[name](**fields)
    settings = TrainSettings(epochs=1, batch=5, lr=1e-4, evaluations=1)
    ((trained, state),) = fit(method, SCHEDULES["fixed"](), splits.dev, settings, seed=0, objective="val/accuracy")
    between = time.perf_counter()
    measurement, evidence = measure_test(method, state, splits, "val/accuracy", seed=0)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name}: 2 steps of 5 images and 10 validation images {between - started:.1f} s, 30 test images and evidence "
        f"{time.perf_counter() - between:.1f} s, at most {used:.0f} MiB, terms {dict(trained.terms)}"
    )
    assert {"pictures", "attention_before", "attention_after", "reliability"} <= evidence.keys()
    assert evidence["attention_after"].shape == (6, 12, 14, 14)
    assert all(np.isfinite(value) for value in trained.terms.values())
    assert 0 <= measurement.metrics["test/accuracy"] <= 0.6  # ten classes at chance
    return trained


@pytest.mark.slow  # a minute on two cores
def test_a_lora_step_is_taken_on_a_vit_b_16(root: Path) -> None:
    assert timed("clip_lora", root, {}).terms["cross_entropy"] > 0


@pytest.mark.slow  # a minute on two cores
def test_an_attention_alignment_step_is_taken_on_a_vit_b_16(root: Path) -> None:
    terms = timed("alignclip", root, {"kappa": 0.05, "averaged": 1}).terms
    assert terms["attention"] > 0 and terms["similarity"] > 0
