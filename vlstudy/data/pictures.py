"""Picture files as a pool of images: listed at once, decoded and encoded when a draw takes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vlstudy.data.encoder import Encoder
from vlstudy.data.shelf import Shelf
from vlstudy.data.store import Key, fetch

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from vlstudy.data.pixels import PixelSet
    from vlstudy.data.sets import FeatureSet


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """n picture files with their classes and domains; implements `Images` of the pool.

    Only what is drawn is decoded, so that a few shots of a large set cost a few pictures. Each selection has entries
    of its own in the store: its pictures, their features, and the features of each augmented view.

    Attributes:
        name: for people, such as `dtd train`.
        root: the folder that `paths` start at.
        paths: of the files, with `/`.
        labels, domains: class and domain index of each, int64 [n].
        encoder: the backbone.
        views: augmented views that are encoded of each training image.
        crop: smallest share of a view's crop.
        masks: a folder with one object mask per picture, or None.
        whole: True if any selection is cut from one entry that holds all pictures: where all seeds together take
            most of them anyway.
    """

    name: str
    root: Path
    paths: tuple[str, ...]
    labels: np.ndarray
    domains: np.ndarray
    encoder: Encoder
    views: int = 0
    crop: float = 1.0
    masks: Path | None = None
    whole: bool = False

    def take(self, indices: np.ndarray, *, views: bool) -> FeatureSet:
        """The pictures at `indices`, decoded and encoded if the store lacks them.

        Raises:
            DataError: if any of them is missing or broken.
            BackboneError: if the towers cannot be loaded.
        """
        import torch

        from vlstudy.data.sets import FeatureSet

        held = self._held(indices)
        shelf, rows = self._shelf(held), _places(indices, held)
        plain = self._features(shelf, shelf.pixels, 0)[rows]
        return FeatureSet(
            image_features=plain,
            labels=torch.from_numpy(self.labels[indices]),
            views=self._views(indices, held, shelf) if views and self.views else plain[:, None][:, :0],
            domains=torch.from_numpy(self.domains[indices]),
            pixels=shelf.pixels().take(rows),
        )

    def keys(self, indices: np.ndarray) -> tuple[Key, ...]:
        """The entries that `take` reads without views: the pictures and their features."""
        shelf = self._shelf(self._held(indices))
        return shelf.key, self._key(shelf, 0)

    def _held(self, indices: np.ndarray) -> np.ndarray:
        """Positions of the pictures of the entry that the selection is cut from, ascending."""
        if self.whole:
            return np.arange(len(self.paths))
        return np.unique(indices) if len(indices) else np.arange(1)  # one picture says how wide no features are

    def _views(self, indices: np.ndarray, held: np.ndarray, shelf: Shelf) -> Float[Tensor, "n v d"]:
        """Views of all that the entry holds if most of it is wanted, else of the selection alone."""
        import torch

        most = 2 * len(indices) > len(held)
        shown = held if most else np.unique(indices)
        part = shelf if most else self._shelf(shown)
        every = [
            self._features(part, lambda: shelf.pixels().take(_places(shown, held)), view)
            for view in range(1, self.views + 1)
        ]
        return torch.stack([features[_places(indices, shown)] for features in every], dim=1)

    def _features(self, shelf: Shelf, pixels: Callable[[], PixelSet], view: int) -> Float[Tensor, "n d"]:
        def encode() -> dict[str, Tensor]:
            return {"image_features": self.encoder.images(pixels(), view=view, crop=self.crop)}

        return fetch(self._key(shelf, view), encode)["image_features"]

    def _key(self, shelf: Shelf, view: int) -> Key:
        crop = f"{self.crop:g}" if view else ""
        parts = {**shelf.key.parts, **self.encoder.parts(), "view": str(view), "crop": crop}
        return Key(f"{shelf.name} view {view}" if view else f"{shelf.name} features", parts)

    def _shelf(self, held: np.ndarray) -> Shelf:
        return Shelf(
            name=f"{self.name} ({len(held)})",
            root=self.root,
            paths=tuple(self.paths[position] for position in held),
            side=self.encoder.side,
            masks=self.masks,
        )


def _places(indices: np.ndarray, held: np.ndarray) -> Int[Tensor, " n"]:
    import torch

    return torch.from_numpy(np.searchsorted(held, indices))
