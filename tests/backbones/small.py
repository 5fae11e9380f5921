"""Small towers of open_clip with random weights, for what does not depend on what they have learnt."""

from typing import Any

import open_clip
import torch
from jaxtyping import Float
from torch import Tensor

SIDE, PATCH, BLOCKS, WIDTH, HEADS, JOINT = 32, 8, 12, 64, 4, 24
_TEXT = {"context_length": 8, "vocab_size": 32, "width": 16, "heads": 2, "layers": 1}


def tower(**changes: Any) -> Any:
    """The image tower of a seeded CLIP in evaluation mode; `changes` go into its `vision_cfg`."""
    shape = {"image_size": SIDE, "patch_size": PATCH, "width": WIDTH, "head_width": WIDTH // HEADS, "layers": BLOCKS}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return open_clip.CLIP(JOINT, {**shape, **changes}, _TEXT).eval().visual


def images(count: int = 3, side: int = SIDE) -> Float[Tensor, "b 3 side side"]:
    """Noise in the shape of prepared images."""
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))
