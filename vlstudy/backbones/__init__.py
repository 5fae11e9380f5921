"""CLIP towers: `load` gives a `Backbone`, `weights_digest` says which weights it has without loading it."""

from typing import TYPE_CHECKING

from vlstudy.backbones.weights import weights_digest

if TYPE_CHECKING:
    from vlstudy.backbones.towers import Backbone

__all__ = ["load", "weights_digest"]


def load(model: str, pretrained: str | None = None, device: str = "cpu") -> "Backbone":
    """A CLIP ready to encode; see `vlstudy.backbones.towers.load`, which this calls, so that torch is imported late.

    Raises:
        BackboneError: for a model, tag or checkpoint that cannot be loaded, or a broken checksum.
    """
    from vlstudy.backbones.towers import load as load_towers

    return load_towers(model, pretrained, device)
