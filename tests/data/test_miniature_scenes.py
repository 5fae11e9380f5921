"""The rendered world: pure, fast, and what its labels, masks and domains say it is."""

import time

import numpy as np
import pytest

from vlstudy.data.miniature import CLASSNAMES, DOMAINS, caption_pool, digest, few_shot_pool
from vlstudy.data.miniature.chance import Chance
from vlstudy.data.miniature.latents import draw_latents
from vlstudy.data.miniature.scenes import render
from vlstudy.errors import DataError

SCENES_A_SECOND = 1000


def test_a_scene_alone_is_the_scene_in_a_batch() -> None:
    batch, masks = render(draw_latents("purity", np.arange(70)))
    for index in (0, 33, 69):
        alone, mask = render(draw_latents("purity", np.array([index])))
        np.testing.assert_array_equal(alone[0], batch[index])
        np.testing.assert_array_equal(mask[0], masks[index])


def test_streams_share_no_scene() -> None:
    one, _ = render(draw_latents("one stream", np.arange(8)))
    other, _ = render(draw_latents("another stream", np.arange(8)))
    assert all((a != b).any() for a in one for b in other)


def test_a_longer_pool_starts_with_the_shorter() -> None:
    short, long = few_shot_pool("val", 1), few_shot_pool("val", 2)
    np.testing.assert_array_equal(short.pixels, long.pixels[: len(short)])
    assert short.captions == long.captions[: len(short)]


def test_a_thousand_scenes_a_second_on_one_core() -> None:
    render(draw_latents("speed", np.arange(64)))
    started = time.thread_time()
    render(draw_latents("speed", np.arange(512)))
    assert 512 / (time.thread_time() - started) > SCENES_A_SECOND


def test_labels_cover_the_classes_evenly() -> None:
    labels = few_shot_pool("train", 3).labels
    assert np.bincount(labels, minlength=len(CLASSNAMES)).tolist() == [3] * len(CLASSNAMES)


def test_splits_are_disjoint() -> None:
    pools = [few_shot_pool(split, 2) for split in ("train", "val", "test")] + [
        caption_pool(split, 96) for split in ("train", "val", "test")
    ]
    seen = [pixels.tobytes() for pool in pools for pixels in pool.pixels]
    assert len(set(seen)) == len(seen)


def test_pixels_of_the_mask_show_the_object_and_no_others_do() -> None:
    scenes = few_shot_pool("test", 2)
    share = scenes.masks.mean(axis=(1, 2))
    assert share.min() > 0.05
    assert share.max() < 0.6
    centre = scenes.masks[:, 24:40, 24:40].any(axis=(1, 2))
    assert centre.all()


def test_another_background_changes_only_what_lies_outside_the_mask() -> None:
    plain, swapped = few_shot_pool("test", 2), few_shot_pool("test", 2, "swapped_background")
    np.testing.assert_array_equal(plain.masks, swapped.masks)
    np.testing.assert_array_equal(plain.pixels[plain.masks], swapped.pixels[plain.masks])
    changed = (plain.pixels != swapped.pixels).any(axis=3)
    assert all(moved[~mask].mean() > 0.5 for moved, mask in zip(changed, plain.masks, strict=True))


@pytest.mark.parametrize("domain", [domain for domain in DOMAINS if domain != "plain"])
def test_a_domain_changes_pixels_but_not_labels_masks_or_captions(domain: str) -> None:
    plain, shifted = few_shot_pool("val", 1), few_shot_pool("val", 1, domain)
    assert all((a != b).any() for a, b in zip(plain.pixels, shifted.pixels, strict=True))
    np.testing.assert_array_equal(plain.labels, shifted.labels)
    np.testing.assert_array_equal(plain.masks, shifted.masks)
    assert plain.captions == shifted.captions


def test_normal_field_has_mean_nought_and_deviation_one() -> None:
    field = Chance("noise", np.arange(20)).normal_field("noise", 5000)
    assert abs(float(field.mean())) < 0.01
    assert abs(float(field.std()) - 1) < 0.01


def test_digest_is_stable_and_cheap() -> None:
    digest.cache_clear()
    started = time.thread_time()
    first = digest()
    assert time.thread_time() - started < 0.2
    digest.cache_clear()
    assert digest() == first
    assert len(first) == 64


def test_digest_changes_with_the_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest()
    monkeypatch.setattr("vlstudy.data.miniature.domains._INK", 2.0)
    digest.cache_clear()
    assert digest() != before
    monkeypatch.undo()
    digest.cache_clear()


@pytest.mark.parametrize(
    ("split", "count", "domain", "says"),
    [("dev", 1, "plain", "unknown split"), ("val", 1, "negativ", "`negative`"), ("val", 0, "plain", "1 or more")],
)
def test_wrong_questions_are_refused(split: str, count: int, domain: str, says: str) -> None:
    for pool in (few_shot_pool, caption_pool):
        with pytest.raises(DataError, match=says):
            pool(split, count, domain)
