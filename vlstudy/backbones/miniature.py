"""The miniature's towers as open_clip builds them from our configuration, untrained or with the shipped weights."""

import json
from functools import lru_cache
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from jaxtyping import Float, UInt8
from safetensors.torch import load_file
from torch import Tensor, nn

from vlstudy.backbones.tokenizer import WordTokenizer
from vlstudy.backbones.weights import CHECKSUM, WEIGHTS, verified


@lru_cache(maxsize=1)
def configuration() -> dict[str, Any]:
    """The model configuration, with the pixel statistics and the words of the tokenizer."""
    path = Path(__file__).with_suffix(".json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def untrained(logit_scale: float = 50.0) -> nn.Module:
    """The towers with random weights, which follow torch's global seed."""
    config = configuration()
    scale = log(logit_scale)
    model: nn.Module = open_clip.CLIP(
        config["embed_dim"], config["vision_cfg"], config["text_cfg"], init_logit_scale=scale
    )
    return model


def pretrained(weights: Path = WEIGHTS, checksum: Path = CHECKSUM) -> nn.Module:
    """The towers with the shipped weights: stored as float16, used as float32.

    Raises:
        BackboneError: where the weights are missing or their checksum is not the recorded one.
    """
    model = untrained()
    model.load_state_dict({name: values.float() for name, values in load_file(verified(weights, checksum)).items()})
    return model


def word_tokenizer() -> WordTokenizer:
    """The tokenizer that goes with the towers."""
    config = configuration()
    return WordTokenizer(config["vocabulary"], config["text_cfg"]["context_length"])


def prepared(pixels: UInt8[np.ndarray, "n h w 3"]) -> Float[Tensor, "n 3 h w"]:
    """Pixels as the image tower takes them."""
    statistics = configuration()["preprocess_cfg"]
    mean, std = (torch.tensor(statistics[name]).view(3, 1, 1) for name in ("mean", "std"))
    return (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - mean) / std
