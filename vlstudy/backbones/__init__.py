"""CLIP towers: `load` gives a `Backbone`, `weights_digest` says which weights it has without loading it."""

from typing import TYPE_CHECKING

from vlstudy.backbones.weights import weights_digest

if TYPE_CHECKING:
    from vlstudy.backbones.towers import Backbone

__all__ = ["attention_blocks", "load", "weights_digest"]


def attention_blocks(model: str) -> int | None:
    """How many blocks of readable attention the image tower has, 0 if none, None for a model that is not known."""
    from vlstudy.backbones.towers import attention_blocks as count

    return count(model)


def load(model: str, pretrained: str | None = None, device: str = "cpu") -> "Backbone":
    """A CLIP ready to encode; see `vlstudy.backbones.towers.load`, which this calls, so that torch is imported late.

    Raises:
        BackboneError: for a model, tag or checkpoint that cannot be loaded, or a broken checksum.
    """
    from vlstudy.backbones.towers import load as load_towers

    return load_towers(model, pretrained, device)
