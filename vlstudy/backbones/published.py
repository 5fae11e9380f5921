"""Models that open_clip knows, with published weights, those of a checkpoint on disk, or random ones."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import open_clip
import torch

from vlstudy.backbones.checkpoint import load_into
from vlstudy.backbones.weights import MINIATURE
from vlstudy.errors import BackboneError, suggest

RANDOM = "random"  # our word for weights that nobody trained, for tests and timings
_PLACES = ("hf-hub:", "local-dir:")  # where open_clip finds a model together with its weights
_OFFLINE = (
    "Without a network, copy the checkpoint here and give its path as pretrained, or set HF_HOME to a cache that was "
    "filled elsewhere, or use the backbone `miniature`, which needs nothing."
)


def towers_and_tokenizer(model: str, pretrained: str | None) -> tuple[Any, Any]:
    """An open_clip module with its weights, and the tokenizer that goes with it.

    Raises:
        BackboneError: for a model, tag or checkpoint that cannot be loaded.
    """
    _check_names(model, pretrained)
    path = Path(pretrained) if pretrained is not None and Path(pretrained).is_file() else None
    try:
        towers = _random(model) if path or pretrained == RANDOM else _tagged(model, pretrained)
        tokenizer = open_clip.get_tokenizer(model)
    except Exception as problem:  # open_clip lets through whatever its downloaders and unpicklers raise
        lacking = problem.name if isinstance(problem, ModuleNotFoundError) else None
        raise BackboneError(
            f"backbone `{model}` with weights `{pretrained}` cannot be loaded: {str(problem).rstrip('. ')}. "
            + (f"Install the package `{lacking}`." if lacking else _OFFLINE)
        ) from problem
    if path:
        load_into(towers, path, model)
    return towers, tokenizer


def _random(model: str) -> Any:
    """The model with weights that nobody trained, always the same."""
    with torch.random.fork_rng(devices=[]), _quiet():
        torch.manual_seed(0)
        return open_clip.create_model(model, load_weights=False, pretrained_text=False)


def _tagged(model: str, pretrained: str | None) -> Any:
    """The model with published weights; a tag that was trained with QuickGELU gets it, whatever the model's name."""
    published = open_clip.get_pretrained_cfg(model, pretrained) if pretrained else {}
    quick = bool(published.get("quick_gelu"))
    # without `require_pretrained` a place whose weights cannot be had gives random ones
    return open_clip.create_model(model, pretrained, weights_only=True, force_quick_gelu=quick, require_pretrained=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """open_clip warns of random weights, which are asked for here."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _check_names(model: str, pretrained: str | None) -> None:
    """Refuse names that open_clip does not know, before it reaches for the network."""
    on_disk = pretrained is not None and Path(pretrained).is_file()
    if model.startswith(_PLACES):
        if pretrained not in (None, RANDOM) and not on_disk:
            raise BackboneError(
                f"backbone `{model}` comes with its weights; leave out pretrained: `{pretrained}` is no file."
            )
        return
    known = open_clip.list_models()
    if model not in known:
        near = get_close_matches(model, known, n=5, cutoff=0.3)
        raise BackboneError(f"unknown backbone `{model}`. {suggest(model, [MINIATURE, *near])}")
    tags = [*open_clip.list_pretrained_tags_by_model(model), RANDOM]
    way_out = "Without a network, give the path of a checkpoint as pretrained."
    if pretrained is None:
        raise BackboneError(f"backbone `{model}` needs weights: set pretrained. {suggest('', tags)} {way_out}")
    if pretrained not in tags and not on_disk:
        named = f"backbone `{model}`: unknown weights `{pretrained}`, neither a tag nor a file."
        raise BackboneError(f"{named} {suggest(pretrained, tags)} {way_out}")
