"""Weights from a file on disk, read without unpickling anything but tensors."""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict, resize_pos_embed, resize_text_pos_embed
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vlstudy.backbones.likeness import models_like
from vlstudy.errors import BackboneError

_WAY_OUT = (
    "Where you trust the file, load it with its own library, or with torch.jit.load if it is an archive, save "
    "`model.state_dict()` with `safetensors.torch.save_file`, and give that file as pretrained."
)
# what OpenAI's archives and old versions of transformers keep beside the weights
_BESIDE = ("input_resolution", "context_length", "vocab_size", "text.transformer.embeddings.position_ids")


def load_into(model: Any, path: Path, name: str) -> None:
    """Puts the weights of a safetensors file, or of a torch state dict, into an open_clip model, all or none.

    A state dict may lie under `state_dict` and its names begin with `module.`; names of other libraries and of older
    versions are converted, and tables of places are interpolated, where open_clip knows how.

    Raises:
        BackboneError: if the file is broken, another model's, or needs unpickling, which could run anything.
    """
    held = model.state_dict()
    weights = {name: value for name, value in _read(path).items() if name in held or name not in _BESIDE}
    try:
        adapted = _adapted(model, dict(weights))
    except (AssertionError, KeyError, RuntimeError, ValueError, ImportError):  # open_clip's, for another model's shapes
        adapted = weights
    faults = _faults(held, adapted)
    if faults:
        raise BackboneError(f"{path}: these are not the weights of `{name}`: {faults}. {_likely(weights)}")
    model.load_state_dict(adapted)


def _read(path: Path) -> dict[str, Tensor]:
    """The named tensors of the file.

    Raises:
        BackboneError: if it holds anything else.
    """
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _loaded(path)
    except (UnpicklingError, RuntimeError) as problem:
        raise BackboneError(
            f"{path}: needs unpickling, or is no checkpoint: pickled modules and TorchScript archives are refused, as "
            f"they can run any code. {_WAY_OUT}"
        ) from problem
    except (OSError, EOFError, SafetensorError, ValueError) as problem:
        raise BackboneError(f"{path}: cannot be read as weights ({problem}). Copy it again.") from problem
    inner = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(inner, dict) or not inner or not all(isinstance(one, Tensor) for one in inner.values()):
        raise BackboneError(f"{path}: holds no state dict, that is, no names with tensors. {_WAY_OUT}")
    return {str(name).removeprefix("module."): value for name, value in inner.items()}


def _loaded(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a TorchScript archive, which is refused right after it
        return torch.load(path, "cpu", weights_only=True)


def _adapted(model: Any, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the model's names and in its shapes, as open_clip's own loading has them."""
    weights = convert_state_dict(model, weights)
    if "positional_embedding" in weights and not hasattr(model, "positional_embedding"):
        weights = convert_to_custom_text_state_dict(weights)
    for name in ("logit_scale", "logit_bias"):
        held = getattr(model, name, None)
        if held is not None and (name in weights or name == "logit_bias"):
            weights[name] = weights.get(name, torch.zeros_like(held)).reshape(held.shape)
    resize_pos_embed(weights, model)
    resize_text_pos_embed(weights, model)
    return weights


def _faults(held: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """What is missing, what is not known and what has another shape, the first few of each."""
    shapes = [
        f"`{name}` is {list(given[name].shape)} for {list(value.shape)}"
        for name, value in held.items()
        if name in given and given[name].shape != value.shape
    ]
    kinds = {
        "missing": [f"`{name}`" for name in held if name not in given],
        "unknown": [f"`{name}`" for name in given if name not in held],
        "of another shape": shapes,
    }
    return "; ".join(f"{len(names)} {kind} ({_first(names)})" for kind, names in kinds.items() if names)


def _first(names: Iterable[str], count: int = 3) -> str:
    names = list(names)
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")


def _likely(weights: Mapping[str, Tensor]) -> str:
    models = models_like(weights)
    if not models:
        return "Name the model that they were trained as."
    return f"They have the shapes of {_first(f'`{model}`' for model in models)}: name the one they were trained as."
