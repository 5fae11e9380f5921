"""Which weights of a tower are trained."""

from functools import cache
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from vlstudy.backbones.lora import add_lora
from vlstudy.errors import BackboneError, suggest

TRAINS = ("none", "heads", "last_n_blocks", "lora", "all")
_HEADS = ("proj", "ln_post", "text_projection", "ln_final", "attnpool", "head")  # open_clip's names of what comes last
_OUTSIDE = ("logit_scale", "logit_bias", "visual", "text_decoder")  # of a CLIP that is used for its text tower


def choose(tower: nn.Module, trains: str, *, last: int = 1) -> tuple[str, ...]:
    """The names of the weights that are trained from now on; all others are frozen.

        none            nothing
        heads           the final projection and the final LayerNorm
        last_n_blocks   those, and the last `last` blocks (stages of a ResNet)
        lora            low-rank updates of every attention layer, with CLIP-LoRA's rank 2
        all             everything

    Batch normalisation that is frozen keeps its statistics in training too.

    Args:
        tower: an image tower, or a CLIP whose text tower is used; changed in place.
        trains: one of the words above.
        last: how many blocks `last_n_blocks` means.

    Raises:
        BackboneError: for an unknown word, more blocks than there are, or a tower without blocks or attention.
    """
    if trains not in TRAINS:
        raise BackboneError(f"unknown way to train a tower `{trains}`. {suggest(trains, TRAINS)}")
    tower.requires_grad_(trains == "all")
    if trains == "lora":
        add_lora(tower)
    if trains in ("heads", "last_n_blocks"):
        for name, value in tower.named_parameters():
            if _place(name)[0] in _HEADS:
                value.requires_grad_(True)
    if trains == "last_n_blocks":
        for block in _blocks(tower, last):
            block.requires_grad_(True)
    for name, value in tower.named_parameters():
        if _place(name)[0] in _OUTSIDE:
            value.requires_grad_(False)
    _keep_frozen_statistics(tower)
    return tuple(name for name, value in tower.named_parameters() if value.requires_grad)


def checkpoint_activations(model: nn.Module) -> None:
    """Makes every tower inside compute its activations again in the backward pass: more time, less memory.

    It sets open_clip's own flag, which timm's towers have too. Towers without one, such as open_clip's ResNets, keep
    their activations.
    """
    for module in model.modules():
        if hasattr(module, "grad_checkpointing"):
            module.grad_checkpointing = True  # type: ignore[assignment]


class _Frozen:
    """A normalisation that stays in evaluation mode."""

    def train(self, mode: bool = True) -> nn.Module:
        """Itself, not in training mode."""
        module: nn.Module = super().train(False)  # type: ignore[misc]
        return module


@cache
def _frozen(kind: type[nn.Module]) -> type[nn.Module]:
    return type(kind.__name__, (_Frozen, kind), {})


def _keep_frozen_statistics(tower: nn.Module) -> None:
    """Frozen parts of a ResNet give in training what they give in evaluation; a change of class keeps all names."""
    for module in tower.modules():
        if isinstance(module, _BatchNorm):
            kind = type(module).__bases__[1] if isinstance(module, _Frozen) else type(module)
            trained = any(value.requires_grad for value in module.parameters())
            module.__class__ = kind if trained else _frozen(kind)


def _place(name: str) -> list[str]:
    """The parts of a parameter's name, from the text tower's own place where a CLIP keeps it under `text`."""
    return name.removeprefix("text.").split(".")


def _blocks(tower: nn.Module, last: int) -> list[nn.Module]:
    """The last blocks of a transformer, or stages of a ResNet."""
    inner: Any = getattr(tower, "text", tower)
    found = list(getattr(getattr(inner, "transformer", None), "resblocks", ()))
    found = found or [getattr(inner, f"layer{number}") for number in range(1, 5) if hasattr(inner, f"layer{number}")]
    asked = f"trains: last_n_blocks, last: {last}: `{type(inner).__name__}` has"
    if not found:
        raise BackboneError(f"{asked} no blocks that can be counted. Take `heads` or `all`.")
    if not 1 <= last <= len(found):
        raise BackboneError(f"{asked} {len(found)} blocks. Set `last` to 1 .. {len(found)}.")
    return found[-last:]
