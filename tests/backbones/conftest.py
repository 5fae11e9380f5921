"""A model of open_clip's kind that is built in no time, under names and tags that open_clip finds."""

from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from vlstudy.backbones import load

TINY: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 24, "heads": 2, "layers": 1},
}
OTHERS: dict[str, dict[str, Any]] = {
    "tiny": {},
    "tiny-quickgelu": {"quick_gelu": True},
    "tiny-custom": {"custom_text": True},
    "tiny-sigmoid": {"init_logit_bias": -10.0},
    "tiny-deeper": {"vision_cfg": {**TINY["vision_cfg"], "layers": 3}},
    "tiny-wider": {"text_cfg": {**TINY["text_cfg"], "width": 32}},
    "tiny-resnet": {"vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None}},
}
TAGS: dict[str, dict[str, Any]] = {
    "half": {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)},
    "openai": {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "quick_gelu": True},
}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a small ViT; `tiny-wider` and others differ from it by what they are called after."""
    for name, changes in OTHERS.items():
        monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, name, {**TINY, **changes})
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny", TAGS)
    return "tiny"


@pytest.fixture
def weights(tiny: str) -> dict[str, Tensor]:
    """Random ones of `tiny`, with one value by which they are known."""
    made: dict[str, Tensor] = {
        name: value.contiguous() for name, value in load(tiny, "random").model.state_dict().items()
    }
    return {**made, "text_projection": torch.full_like(made["text_projection"], 0.125)}


@pytest.fixture
def published(weights: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that every tag of `tiny` would be downloaded as."""
    path = tmp_path / "published.safetensors"
    save_file(weights, path)
    monkeypatch.setattr(open_clip.factory, "download_pretrained", lambda *_, **__: str(path))
    return path
