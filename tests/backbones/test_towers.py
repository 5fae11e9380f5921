"""Loading towers and encoding with them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from vlstudy.backbones import load, miniature, weights_digest
from vlstudy.backbones.towers import Backbone
from vlstudy.backbones.weights import CHECKSUM, WEIGHTS, recorded_checksum, verified
from vlstudy.data.miniature import caption_pool
from vlstudy.errors import BackboneError


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load("miniature")


def test_image_features_are_unit_and_do_not_depend_on_the_batch(backbone: Backbone) -> None:
    pixels = caption_pool("val", 20).pixels
    whole, parts = backbone.encode_images(pixels), backbone.encode_images(pixels, batch=3)
    torch.testing.assert_close(whole, parts, atol=1e-5, rtol=0)
    torch.testing.assert_close(whole.norm(dim=1), torch.ones(20))
    assert whole.dtype == torch.float32


def test_numpy_and_tensor_pictures_are_the_same(backbone: Backbone) -> None:
    pixels = caption_pool("val", 4).pixels
    assert torch.equal(backbone.encode_images(pixels), backbone.encode_images(torch.from_numpy(pixels)))


def test_text_features_are_unit_and_do_not_depend_on_the_batch(backbone: Backbone) -> None:
    texts = [text for captions in caption_pool("val", 5).captions for text in captions]
    whole, parts = backbone.encode_texts(texts), backbone.encode_texts(texts, batch=2)
    torch.testing.assert_close(whole, parts, atol=1e-5, rtol=0)
    torch.testing.assert_close(whole.norm(dim=1), torch.ones(len(texts)))


def test_class_text_features_are_the_renormalised_mean(backbone: Backbone) -> None:
    found = backbone.class_text_features(["dotted star", "solid ring"], ["a {}.", "there is a {}."])
    mean = (backbone.encode_texts(["a dotted star."]) + backbone.encode_texts(["there is a dotted star."])) / 2
    torch.testing.assert_close(found[:1], mean / mean.norm())


def test_features_can_enter_a_graph(backbone: Backbone) -> None:
    weight = torch.ones(1, requires_grad=True)
    torch.autograd.backward((backbone.encode_images(caption_pool("val", 2).pixels) * weight).sum())
    assert weight.grad is not None


def test_training_mode_is_left_as_it_was(backbone: Backbone) -> None:
    backbone.model.train()
    backbone.encode_texts(["a star."])
    assert backbone.model.training
    backbone.model.eval()


def test_other_sizes_are_resized_and_cut(backbone: Backbone) -> None:
    grey = np.full((2, 90, 128, 3), 100, np.uint8)
    small = np.full((2, 64, 64, 3), 100, np.uint8)
    torch.testing.assert_close(backbone.encode_images(grey), backbone.encode_images(small), atol=1e-4, rtol=0)


def test_digest_needs_neither_torch_nor_open_clip() -> None:
    code = (
        "import sys; from vlstudy.backbones import weights_digest; print(weights_digest('miniature')); "
        "assert not {'torch', 'open_clip'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == recorded_checksum() == weights_digest("miniature")


def test_digest_is_that_of_the_loaded_towers(backbone: Backbone) -> None:
    assert backbone.weights_digest == weights_digest("miniature")


def test_broken_weights_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / WEIGHTS.name
    broken.write_bytes(WEIGHTS.read_bytes()[:-1] + b"\0\0")
    with pytest.raises(BackboneError, match=r"checksum .* expected .* Install vlstudy again"):
        miniature.pretrained(broken, CHECKSUM)


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="missing"):
        verified(tmp_path / "none.safetensors", CHECKSUM)
    with pytest.raises(BackboneError, match="missing"):
        recorded_checksum(tmp_path / "none.sha256")


def test_the_shipped_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size <= 6e6


@pytest.mark.parametrize(
    ("model", "pretrained", "says"),
    [
        ("ViT-B-61", "openai", "unknown backbone `ViT-B-61`. Did you mean `ViT-B-16`"),
        ("miniatur", None, "Did you mean `miniature`"),
        ("ViT-B-32", "openay", "Did you mean `openai`"),
        ("ViT-B-32", "openay", "path of a checkpoint"),
        ("ViT-B-32", "randm", "Did you mean `random`"),
        ("ViT-B-32", None, "needs weights"),
        ("miniature", "openai", "one set of weights"),
    ],
)
def test_wrong_names_say_the_way_out(model: str, pretrained: str | None, says: str) -> None:
    with pytest.raises(BackboneError) as caught:
        load(model, pretrained)
    assert says in str(caught.value)
