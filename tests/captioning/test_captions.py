"""Captions of images from end to end, the store, and what is judged of them."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import vlstudy.captioning
from tests.captioning.sayings import TEXTS, features
from tests.toy_pairs import picture_pairs, toy_pairs
from vlstudy.captioning import captions_of, decoder_of
from vlstudy.captioning.decoder import Decoder
from vlstudy.captioning.judged import judged, references
from vlstudy.captioning.learning import Recipe, learnt
from vlstudy.data.captions import CaptionSet
from vlstudy.data.sets import FeatureSet
from vlstudy.metrics.captioning import cider

CPU = torch.device("cpu")
SAID = tuple(text.lower().strip(".") for text in TEXTS)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A decoder that is learnt in a second, and a store of each test's own."""
    quick = Recipe(steps=80, layers=2, heads=2, width=32, batch=16, lr=1e-2, warmup=8, longest=6)
    monkeypatch.setattr(vlstudy.captioning, "recipe", lambda captions: quick)
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path))


def test_images_at_their_texts_get_their_captions_either_way() -> None:
    plain, with_memory = captions_of(TEXTS, features(), features(), 0, CPU)
    assert plain == with_memory == SAID


def test_a_gap_is_bridged_by_the_memory_alone() -> None:
    apart = torch.nn.functional.normalize(features() - 3.0, dim=-1)
    plain, with_memory = captions_of(TEXTS, features(), apart, 0, CPU)
    assert with_memory == SAID and plain != SAID


def test_the_same_text_tower_trains_its_decoder_once(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[int] = []

    def counted(features: Tensor, rows: Tensor, vocabulary: int, chosen: Recipe, seed: int) -> Decoder:
        trained.append(seed)
        return learnt(features, rows, vocabulary, chosen, seed)

    monkeypatch.setattr(vlstudy.captioning, "learnt", counted)
    first, _ = decoder_of(TEXTS, features(), seed=0)
    again, _ = decoder_of(TEXTS, features(), seed=0)
    assert trained == [0]
    for one, other in zip(first.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    decoder_of(TEXTS, features().flip(1), seed=0)  # another tower
    decoder_of(TEXTS[::-1], features(), seed=0)  # other captions
    decoder_of(TEXTS, features(), seed=1)
    assert trained == [0, 0, 0, 1]


def test_features_of_inference_mode_can_be_learnt_from() -> None:
    with torch.inference_mode():
        born = features()
        written, _ = captions_of(TEXTS, born, born, 0, CPU)
    assert written == SAID


def test_the_references_of_each_image() -> None:
    captions = CaptionSet(
        text_features=torch.zeros(3, 2), image_of=torch.tensor([0, 0, 1]), texts=("a star", "a red star", "a ring")
    )
    assert references(captions) == (("a star", "a red star"), ("a ring",))


def _captioned() -> FeatureSet:
    """Sixteen images whose features are their captions'."""
    images = toy_pairs(n=16, d=8).val
    captions = CaptionSet(text_features=features(), image_of=torch.arange(16), texts=TEXTS)
    return replace(images, image_features=features(), captions=captions)


def test_test_images_are_judged_and_six_of_them_shown() -> None:
    images = _captioned()
    assert images.captions is not None
    metrics, shown = judged(images.captions, features(), images, features(), seed=0)
    mean, each = cider(SAID, [[text] for text in TEXTS])
    assert metrics == {"test/cider": pytest.approx(mean), "test/cider_memory": pytest.approx(mean)}
    assert shown["caption_written"].tolist() == [[SAID[place] for place in (0, 3, 6, 9, 12, 15)]] * 2
    assert shown["caption_references"].tolist() == [TEXTS[place] for place in (0, 3, 6, 9, 12, 15)]
    assert shown["caption_cider"].shape == (2, 6) and shown["caption_cider"][0, 1] == pytest.approx(each[3])
    assert "caption_pictures" not in shown  # features alone have none


def test_the_pictures_come_along_where_there_are_any() -> None:
    images = picture_pairs().val
    assert images.captions is not None and images.pixels is not None
    _, shown = judged(images.captions, images.captions.text_features, images, images.image_features, seed=0)
    assert shown["caption_pictures"].dtype == "uint8" and shown["caption_pictures"].shape[0] == 6
    assert (shown["caption_pictures"][-1] == images.pixels.plain(torch.tensor([len(images) - 1]))[0].numpy()).all()


def test_nothing_is_judged_without_texts() -> None:
    images = _captioned()
    assert images.captions is not None
    silent = replace(images.captions, texts=())
    assert judged(silent, features(), images, features(), seed=0) == ({}, {})
    assert judged(images.captions, features(), replace(images, captions=None), features(), seed=0) == ({}, {})
