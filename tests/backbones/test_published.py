"""Tags, places and random weights of open_clip's models: what each brings with it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.backbones.conftest import TAGS, TINY
from vlstudy.backbones import attention_blocks, load, weights_digest
from vlstudy.errors import BackboneError


def activation(model: Any) -> set[str]:
    """That of both towers."""
    return {type(tower.transformer.resblocks[0].mlp.gelu).__name__ for tower in (model.visual, model)}


@pytest.mark.parametrize(("tag", "expected"), [("half", "GELU"), ("openai", "QuickGELU")])
def test_activation_and_statistics_follow_the_tag(tag: str, expected: str, tiny: str, published: Path) -> None:
    found = load(tiny, tag)
    assert activation(found.model) == {expected}
    assert (found.mean, found.std) == (TAGS[tag]["mean"], TAGS[tag]["std"])
    assert (found.name, found.image_size) == (f"tiny/{tag}", 32)
    black = found.prepare(torch.zeros(1, 32, 32, 3, dtype=torch.uint8))[0, :, 0, 0]
    assert black.tolist() == pytest.approx([-m / s for m, s in zip(found.mean, found.std, strict=True)])


@pytest.mark.parametrize(("model", "expected"), [("tiny", "GELU"), ("tiny-quickgelu", "QuickGELU")])
def test_the_activation_of_a_file_follows_the_models_name(model: str, expected: str, published: Path) -> None:
    assert activation(load(model, str(published)).model) == {expected}


def test_random_weights_are_always_the_same_and_leave_the_generator_alone(tiny: str) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, two = load(tiny, "random"), load(tiny, "random")
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(one.model.parameters(), two.model.parameters(), strict=True))
    assert one.weights_digest == two.weights_digest == weights_digest(tiny, "random")
    assert one.weights_digest != load("tiny-deeper", "random").weights_digest


def folder(place: Path, weights: dict[str, Tensor] | None) -> str:
    """A model as open_clip pushes it to a hub, under the name by which open_clip finds it."""
    settings = {"model_cfg": TINY, "preprocess_cfg": {"mean": [0.3, 0.3, 0.3], "std": [0.2, 0.2, 0.2]}}
    (place / "open_clip_config.json").write_text(json.dumps(settings))
    if weights is not None:
        save_file(weights, place / "open_clip_model.safetensors")
    return f"local-dir:{place}"


def test_a_folder_brings_its_weights_and_statistics(weights: dict[str, Tensor], tmp_path: Path) -> None:
    name = folder(tmp_path, weights)
    found = load(name)
    assert torch.equal(found.model.text_projection, weights["text_projection"])
    assert found.mean == (0.3, 0.3, 0.3)
    assert not torch.equal(load(name, "random").model.text_projection, weights["text_projection"])
    assert attention_blocks(name) == 2


def test_a_folder_without_weights_is_not_filled_with_random_ones(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="could not be loaded"):
        load(folder(tmp_path, None))


def test_a_place_and_a_tag_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="comes with its weights; leave out pretrained: `openai`"):
        load(folder(tmp_path, None), "openai")


def test_blocks_of_attention_are_told_from_the_name(tiny: str) -> None:
    blocks = {"tiny-deeper": 3, "tiny-resnet": 0, "ViT-B-16": 12, "convnext_base": 0, "miniature": 4, "tinny": None}
    assert {name: attention_blocks(name) for name in (*blocks, "local-dir:none")} == {**blocks, "local-dir:none": None}


def test_a_package_that_is_missing_is_named(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: str) -> None:
        raise ModuleNotFoundError("No module named 'transformers'", name="transformers")

    monkeypatch.setattr("open_clip.get_tokenizer", absent)
    with pytest.raises(BackboneError, match=r"No module named 'transformers'\. Install the package `transformers`\."):
        load(tiny, "random")
