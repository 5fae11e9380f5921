"""Pictures of one source as the store keeps them: decoded once per machine, all in one memory-mapped file."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vlstudy.data.decoding import decoded, decoded_mask
from vlstudy.data.store import Key, fetch, folder
from vlstudy.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from vlstudy.data.pixels import PixelSet

SHOWN = 5  # names in a message
THREADS = 8  # Pillow decodes outside of Python's lock
PART = 256  # pictures in memory at once


class Broken(NamedTuple):
    """A file that is no picture, and why."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Some pictures of a folder, in this order.

    Attributes:
        name: for people, such as `dtd test`.
        root: the folder that `paths` start at.
        side: of the squares that a tower takes; the short edge of each picture.
        masks: a folder with one mask per picture, or None.
    """

    name: str
    root: Path
    paths: tuple[str, ...]
    side: int
    masks: Path | None = None

    @cached_property
    def key(self) -> Key:
        """Where they are kept. A file that changes its size or its date is decoded anew; none is read for it.

        Raises:
            DataError: if a picture or a mask is missing.
        """
        parts = {"source": "pictures", "files": stamp(self.root, self.paths, self.name), "side": str(self.side)}
        if self.masks:
            parts["masks"] = stamp(self.masks, [mask_path(path) for path in self.paths], f"{self.name}, data.masks")
        parts["format"] = "1"
        return Key(f"{self.name} pictures", parts)

    def pixels(self) -> PixelSet:
        """All of them, decoded at the first call on this machine.

        Raises:
            DataError: if any is missing or broken: all that are, the first five by name.
        """
        from vlstudy.data.pixels import unpacked

        return unpacked(fetch(self.key, self._decode), self.side)

    def _decode(self) -> dict[str, Tensor]:
        """Decodes into a file beside the store's, so that no more than a few pictures are ever in memory."""
        import torch

        shapes, masks, broken = [], [], []
        with tempfile.NamedTemporaryFile(dir=folder(), suffix=".part") as spool:
            for found in self._attempts():
                if isinstance(found, Broken):
                    broken.append(found)
                    continue
                spool.write(found[0].tobytes())
                shapes.append(found[0].shape[:2])
                masks += [] if found[1] is None else [found[1]]
            if broken:
                raise DataError(_told(broken, self))
            spool.flush()
            content = torch.from_file(spool.name, size=spool.tell(), dtype=torch.uint8)
        made = {"content": content, "shapes": torch.tensor(shapes)}
        return made | ({"masks": torch.from_numpy(np.stack(masks)).to(torch.uint8)} if masks else {})

    def _attempts(self) -> Iterator[tuple[np.ndarray, np.ndarray | None] | Broken]:
        with ThreadPoolExecutor(THREADS) as pool:
            for first in range(0, len(self.paths), PART):
                yield from pool.map(self._attempt, self.paths[first : first + PART])

    def _attempt(self, path: str) -> tuple[np.ndarray, np.ndarray | None] | Broken:
        at = self.root / path
        try:
            picture = decoded(at, self.side)
            if self.masks is None:
                return picture, None
            at = self.masks / mask_path(path)
            return picture, decoded_mask(at, picture.shape[0], picture.shape[1], self.side)
        except Exception as error:  # Pillow lets through whatever its decoders raise
            return Broken(str(at), str(error) or type(error).__name__)


def mask_path(path: str) -> str:
    """The mask of a picture, in the folder of masks.

    >>> mask_path("cat/1.jpg")
    'cat/1.png'
    """
    return str(Path(path).with_suffix(".png"))


def stamp(root: Path, paths: Sequence[str], name: str) -> str:
    """A digest of the files' names, sizes and dates.

    Raises:
        DataError: if files are missing, the first five by name.
    """
    sha, missing = hashlib.sha256(), []
    for path in paths:
        try:
            found = os.stat(root / path)
        except OSError:
            missing.append(str(root / path))
            continue
        sha.update(f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    if missing:
        raise DataError(
            f"{name}: {len(missing)} of {len(paths)} files are missing: {some(missing)}. "
            "`vlstudy data check` says what the source needs."
        )
    return sha.hexdigest()


def some(names: Sequence[str]) -> str:
    """The first five names, and how many more there are.

    >>> some(["a", "b"]), some(list("abcdefg"))
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _told(broken: Sequence[Broken], shelf: Shelf) -> str:
    named = some([f"{path} ({reason})" for path, reason in broken])
    return (
        f"{shelf.name}: {len(broken)} of {len(shelf.paths)} pictures cannot be decoded: {named}. "
        "Copy them again from where the set came from, or remove them and their lines in the split file."
    )
