"""Mean-centring: what it takes away, and where its means come from."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from tests.toy_pairs import toy_pairs, without_classes
from vlstudy.errors import TrainingError
from vlstudy.methods.mean_centring import MeanCentring
from vlstudy.state import learnt, restore


def test_each_modality_loses_its_training_mean() -> None:
    dev = toy_pairs()
    captions, method = dev.train.captions, MeanCentring(renormalise=False)
    assert captions is not None and dev.val.captions is not None
    model = method.build(dev)
    assert method.image_features(model, dev.train).mean(dim=0).abs().max() < 1e-6
    assert method.caption_features(model, captions).mean(dim=0).abs().max() < 1e-6
    moved = dev.val.captions.text_features - method.caption_features(model, dev.val.captions)
    torch.testing.assert_close(moved, captions.text_features.mean(dim=0).expand_as(moved), atol=1e-6, rtol=0)
    classes = dev.classes.text_features - method.text_features(model, dev.classes)
    torch.testing.assert_close(classes, moved[: len(classes)], atol=1e-6, rtol=0)


def test_centred_features_have_unit_length_and_a_small_gap() -> None:
    dev, method = toy_pairs(), MeanCentring()
    model = method.build(dev)
    assert dev.val.captions is not None
    images, texts = method.image_features(model, dev.val), method.caption_features(model, dev.val.captions)
    torch.testing.assert_close(images.norm(dim=-1), torch.ones(len(images)))
    before = dev.val.image_features.mean(dim=0) - dev.val.captions.text_features.mean(dim=0)
    assert (images.mean(dim=0) - texts.mean(dim=0)).norm() < 0.3 * before.norm()
    expected = functional.normalize(dev.val.image_features - dev.train.image_features.mean(dim=0), dim=-1)
    torch.testing.assert_close(images, expected)


def test_it_has_nothing_to_train_and_its_means_are_kept() -> None:
    dev, method = without_classes(toy_pairs()), MeanCentring()
    model = method.build(dev)
    assert method.terms == () and not list(model.parameters())
    other = method.build(toy_pairs(seed=1))
    restore(other, learnt(model))
    assert torch.equal(method.image_features(other, dev.val), method.image_features(model, dev.val))


def test_images_without_captions_are_refused() -> None:
    dev = toy_pairs()
    with pytest.raises(TrainingError, match="have no captions"):
        MeanCentring().build(replace(dev, train=replace(dev.train, captions=None)))
