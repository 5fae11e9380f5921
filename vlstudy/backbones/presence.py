"""Whether a backbone's weights are on this machine, told without loading or fetching them."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
from huggingface_hub import try_to_load_from_cache
from open_clip.constants import HF_CONFIG_NAME, HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME

from vlstudy.backbones.published import RANDOM
from vlstudy.backbones.weights import MINIATURE, file_digest, verified
from vlstudy.errors import BackboneError, suggest

_HUB, _LOCAL = "hf-hub:", "local-dir:"
_SUFFIXES = {".pt", ".pth", ".bin", ".safetensors", ".ckpt"}
_SHA = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Presence:
    """Where weights are.

    Attributes:
        there: they need not be fetched.
        told: the file with its size and the beginning of its sha256, or what would be fetched.
    """

    there: bool
    told: str


def presence(model: str, pretrained: str | None) -> Presence:
    """Where the weights of a backbone are on this machine.

    Raises:
        BackboneError: the model, tag or file does not exist, or a file is not what its name says.
    """
    if model == MINIATURE:
        return _file(verified())
    if pretrained == RANDOM:
        return Presence(there=True, told="random weights, which nobody trained")
    if pretrained is not None and Path(pretrained).expanduser().is_file():
        return _file(Path(pretrained).expanduser())
    if model.startswith(_LOCAL):
        return _local(Path(model.removeprefix(_LOCAL)))
    if model.startswith(_HUB):
        return _hub(model.removeprefix(_HUB), [HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME], also=HF_CONFIG_NAME)
    return _tagged(model, pretrained)


def _tagged(model: str, pretrained: str | None) -> Presence:
    """A published tag; all of open_clip's are on the Hugging Face hub, which it prefers to other addresses."""
    tags = open_clip.list_pretrained_tags_by_model(model)
    about: dict[str, Any] = open_clip.get_pretrained_cfg(model, pretrained) if pretrained else {}
    if not about:
        if pretrained and (os.sep in pretrained or Path(pretrained).suffix in _SUFFIXES):
            raise BackboneError(f"backbone.pretrained: there is no file {pretrained}. A relative path starts here.")
        raise BackboneError(f"backbone `{model}`: unknown weights `{pretrained}`. {suggest(pretrained or '', tags)}")
    repository, name = os.path.split(about["hf_hub"])
    return _hub(repository, _alternatives(name or HF_WEIGHTS_NAME))


def _alternatives(name: str) -> list[str]:
    """The names under which open_clip looks for a file of the hub, safetensors first."""
    if name == HF_WEIGHTS_NAME:
        return [HF_SAFE_WEIGHTS_NAME, name]
    stem, suffix = os.path.splitext(name)
    return [f"{stem}.safetensors", name] if suffix in (".bin", ".pth") else [name]


def _hub(repository: str, names: Sequence[str], also: str = "") -> Presence:
    """A file of a repository, in the hub's cache, whose blobs are named by their sha256."""
    found = [path for name in names if isinstance(path := try_to_load_from_cache(repository, name), str)]
    if not found or (also and not isinstance(try_to_load_from_cache(repository, also), str)):
        return Presence(there=False, told=f"{names[-1]} of huggingface.co/{repository} would be fetched")
    blob = Path(found[0]).resolve().name
    return _file(Path(found[0]), expected=blob if _SHA.fullmatch(blob) else "")


def _local(folder: Path) -> Presence:
    if not (folder / HF_CONFIG_NAME).is_file():
        raise BackboneError(f"backbone.model: there is no {folder / HF_CONFIG_NAME}.")
    files = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    if not files:
        raise BackboneError(f"backbone.model: there is no file of weights in {folder}.")
    return _file(files[0])


def _file(path: Path, expected: str = "") -> Presence:
    """A file that is there; `expected` is how its sha256 begins, if somebody has said it."""
    digest, size = file_digest(path), path.stat().st_size
    if not digest.startswith(expected):
        raise BackboneError(
            f"{path} has sha256 {digest[:12]}, and {expected[:12]} was published: it is broken. Delete it, so that it "
            "is fetched again."
        )
    return Presence(there=True, told=f"{path}, {size / 2**20:.1f} MiB, sha256 {digest[:12]}")
