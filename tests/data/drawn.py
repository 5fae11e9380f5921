"""Tiny picture files for tests, each with its own noise."""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def noise(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)


def draw(path: Path, height: int = 70, width: int = 90) -> Path:
    """A picture that is unlike any other below the folder of a test."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32("/".join(path.parts[-3:]).encode())
    Image.fromarray(noise(height, width, seed)).save(path)
    return path


def classes(root: Path, counts: Mapping[str, int]) -> Path:
    """One folder a class with so many pictures."""
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            draw(root / name / f"{number}.jpg")
    return root


def domains(root: Path, names: Sequence[str], counts: Mapping[str, int]) -> Path:
    for name in names:
        classes(root / name, counts)
    return root


def break_it(path: Path) -> None:
    """Cuts the second half of a file off."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
