"""What is asked of the image tower before it meets a caption; thrown away afterwards."""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vlstudy.data.miniature.classes import COLOURS, PLACES, SHAPES, TEXTURES
from vlstudy.data.miniature.latents import Latents


class WarmHeads(nn.Module):
    """Linear questions to the tower: what the scene shows, and for each patch how much of it the object covers.

    An outline is a relation of many patches. A class token that must find it alone stays at chance for tens of
    thousands of scenes; patches that are told whether they are covered find it within a few thousand.
    """

    KINDS = (len(SHAPES), len(TEXTURES), len(COLOURS), len(PLACES))

    def __init__(self, vision: dict[str, int], embed_dim: int) -> None:
        super().__init__()
        self._patch = vision["patch_size"]
        self.kinds = nn.Linear(embed_dim, sum(self.KINDS))
        self.patches = nn.Linear(vision["width"], 1 + len(TEXTURES))

    def forward(
        self,
        pooled: Float[Tensor, "n d"],
        tokens: Float[Tensor, "n patches width"],
        latents: Latents,
        masks: Bool[np.ndarray, "n h w"],
        mask_weight: float,
    ) -> tuple[Float[Tensor, ""], list[float]]:
        """The sum of all cross-entropies, and the share of right answers about shape, texture, colour and place."""
        truth = [torch.from_numpy(kind) for kind in (latents.shape, latents.texture, latents.colour, latents.place)]
        guesses = self.kinds(pooled).split(self.KINDS, dim=1)
        asked = [F.cross_entropy(guess, kind) for guess, kind in zip(guesses, truth, strict=True)]
        covered = patch_cover(torch.from_numpy(masks), self._patch)
        right = [(g.argmax(1) == kind).float().mean().item() for g, kind in zip(guesses, truth, strict=True)]
        return torch.stack(asked).sum() + self._about_patches(tokens, covered, truth[1], mask_weight), right

    def _about_patches(self, tokens: Tensor, covered: Tensor, texture: Tensor, mask_weight: float) -> Tensor:
        """Is the object here, and of which texture is it? The second is asked only where the object is."""
        cover, weave = self.patches(tokens).split([1, len(TEXTURES)], dim=2)
        where = F.binary_cross_entropy_with_logits(cover[..., 0], covered)
        every = texture[:, None].expand(covered.shape)
        which = F.cross_entropy(weave.transpose(1, 2), every, reduction="none")
        return mask_weight * where + (which * covered).sum() / covered.sum()


def patch_cover(masks: Tensor, patch: int) -> Float[Tensor, "n patches"]:
    """The share of each patch that the mask covers."""
    return F.avg_pool2d(masks[:, None].float(), patch).flatten(1)
