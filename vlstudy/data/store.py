"""The feature store: each set of features is made once per machine and read by memory map after that."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vlstudy.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor


def folder() -> Path:
    """Where features are kept: `$VLSTUDY_CACHE`, or `vlstudy` in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("VLSTUDY_CACHE") or Path(home) / "vlstudy").resolve()


@dataclass(frozen=True)
class Key:
    """What determines a set of features.

    Attributes:
        label: for people, such as `miniature train view 2`.
        parts: name -> value: backbone, weights digest, data digest, split, view and what else matters.
    """

    label: str
    parts: Mapping[str, str]

    def path(self) -> Path:
        """The file that holds it."""
        digest = hashlib.sha256(json.dumps(dict(self.parts), sort_keys=True).encode()).hexdigest()
        slug = re.sub(r"[^A-Za-z0-9]+", "-", self.label)[:60]
        return folder() / f"{slug}-{digest[:16]}.safetensors"


def fetch(key: Key, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of `key`, from the store if they are there, else from `make`; of many processes one makes them.

    The file appears whole or not at all; the tensors share its memory map, so that all trials of a machine share them.

    Raises:
        DataError: if the store cannot be written, or a file in it cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = key.path()
    if not path.exists():
        with _only_one(path):
            if not path.exists():
                _write(path, make(), key)
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: cannot be read ({error}). Delete the file; it is made again.") from error


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_suffix(".lock").open("w")
    except OSError as error:
        raise DataError(
            f"{path.parent}: cannot be written ({error.strerror}). Set VLSTUDY_CACHE to a folder that can."
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, tensors: dict[str, Tensor], key: Key) -> None:
    from safetensors.torch import save_file

    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    os.close(handle)
    try:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, name, metadata=dict(key.parts))
        with open(name, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(name, path)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror}). Set VLSTUDY_CACHE to a folder that can."
        ) from error
    finally:
        Path(name).unlink(missing_ok=True)
