"""Pictures, decoded and resized once, as a value that the trials of a machine share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Int, UInt8
from torch import Tensor

from vlstudy.data.augment import random_resized_crop_flip


@dataclass(frozen=True, kw_only=True)
class PixelSet:
    """n pictures in uint8 whose short edge is `side` pixels; the long edge is kept, as random crops may need it.

    Attributes:
        content: all pictures that the store holds, one behind the other, each [h w 3]; usually a memory map.
        shapes: height and width of each picture of the store.
        ends: where each picture of the store ends in `content`.
        index: which of them this set consists of.
        side: of the squares that a tower takes.
        object_masks: where the main object is in the centre square of each picture of the store.
    """

    content: UInt8[Tensor, " bytes"]
    shapes: Int[Tensor, "m 2"]
    ends: Int[Tensor, " m"]
    index: Int[Tensor, " n"]
    side: int
    object_masks: Bool[Tensor, "m s s"] | None = None

    def __len__(self) -> int:
        return len(self.index)

    def take(self, indices: Int[Tensor, " k"]) -> "PixelSet":
        """The pictures at `indices`; nothing is copied out of the memory map."""
        return replace(self, index=self.index[indices])

    def plain(self, rows: Int[Tensor, " b"]) -> UInt8[Tensor, "b s s 3"]:
        """The centre square of each picture, as CLIP's own preprocessing cuts it."""
        return torch.stack([_centre(picture, self.side) for picture in self._pictures(rows)])

    def crops(self, rows: Int[Tensor, " b"], rng: np.random.Generator, smallest: float) -> UInt8[Tensor, "b s s 3"]:
        """A random box of each picture, resized to the square and flipped with probability 1/2.

        Differs from the papers: boxes are cut from the picture after its short edge was resized, not before (our
        choice: one cache serves plain views and crops).
        """
        shapes = self.shapes[self.index[rows]]
        if bool((shapes == self.side).all()):
            return random_resized_crop_flip(torch.stack(list(self._pictures(rows))), rng, smallest)
        made = [
            random_resized_crop_flip(picture[None], rng, smallest, side=self.side)[0]
            for picture in self._pictures(rows)
        ]
        return torch.stack(made)

    def masks(self, rows: Int[Tensor, " b"]) -> Bool[Tensor, "b s s"] | None:
        """Where the main object is in the plain view; None where nobody knows."""
        return None if self.object_masks is None else self.object_masks[self.index[rows]]

    def _pictures(self, rows: Int[Tensor, " b"]) -> Iterable[UInt8[Tensor, "h w 3"]]:
        for place in self.index[rows].tolist():
            height, width = self.shapes[place].tolist()
            end = int(self.ends[place])
            yield self.content[end - height * width * 3 : end].view(height, width, 3)


def packed(pictures: Iterable[UInt8[np.ndarray, "h w 3"]]) -> dict[str, Tensor]:
    """Pictures as the tensors that the store keeps; `unpacked` makes a set of them again."""
    listed = [np.ascontiguousarray(picture) for picture in pictures]
    return {
        "content": torch.from_numpy(np.concatenate([picture.reshape(-1) for picture in listed])),
        "shapes": torch.tensor([picture.shape[:2] for picture in listed]).reshape(-1, 2),
    }


def unpacked(tensors: Mapping[str, Tensor], side: int) -> PixelSet:
    """All pictures of a store entry, with `masks` [m s s] (uint8, 0 or 1) if it has them."""
    masks = tensors.get("masks")
    return PixelSet(
        content=tensors["content"],
        shapes=tensors["shapes"],
        ends=(tensors["shapes"].prod(dim=1) * 3).cumsum(dim=0),
        index=torch.arange(len(tensors["shapes"])),
        side=side,
        object_masks=None if masks is None else masks.view(torch.bool),
    )


def _centre(picture: UInt8[Tensor, "h w 3"], side: int) -> UInt8[Tensor, "s s 3"]:
    height, width = picture.shape[:2]
    top, left = round((height - side) / 2), round((width - side) / 2)  # as torchvision's CenterCrop rounds
    return picture[top : top + side, left : left + side]
