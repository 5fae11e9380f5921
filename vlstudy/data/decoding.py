"""Picture files as arrays: any mode to RGB, upright, short edge resized as CLIP's preprocessing does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, UInt8
    from PIL.Image import Image

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"})
_DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # Pillow's names of grey pictures with more than 8 bits


def is_picture(name: str) -> bool:
    """True for the names that pictures have; files that systems leave behind, such as `._a.jpg`, are none.

    >>> is_picture("a.JPEG"), is_picture("._a.jpg"), is_picture("readme.txt")
    (True, False, False)
    """
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def decoded(path: Path, side: int) -> UInt8[np.ndarray, "h w 3"]:
    """The picture in RGB with its short edge resized to `side`, bicubic and antialiased.

    Its centre square is that of open_clip's and CLIP's own preprocessing to the last grey level for grey and RGB files.

    Differs from open_clip (our choice): a picture is turned upright as its EXIF tag says, what is transparent becomes
    white, 16 bits are scaled to 8 rather than clipped, and palettes become RGB before they are resized, not after.

    Raises:
        Exception: whatever Pillow raises for a file that is missing, broken or no picture.
    """
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        picture = as_rgb(ImageOps.exif_transpose(opened))
    return np.asarray(picture.resize(resized(*picture.size, side), Image.Resampling.BICUBIC))


def resized(width: int, height: int, side: int) -> tuple[int, int]:
    """Width and height after the short edge became `side`; the long edge is rounded down, as torchvision does.

    >>> resized(500, 375, 224)
    (298, 224)
    """
    short = min(width, height)
    return (side, side * height // width) if short == width else (side * width // height, side)


def as_rgb(picture: Image) -> Image:
    """The picture in RGB, on white where it is transparent."""
    from PIL import Image

    if picture.mode in _DEEP:
        values = np.asarray(picture).astype(np.float64)
        return Image.fromarray(np.round(values / (257 if values.max() > 255 else 1)).astype(np.uint8)).convert("RGB")
    if "A" in picture.mode or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture.convert("RGB")


def decoded_mask(path: Path, height: int, width: int, side: int) -> Bool[np.ndarray, "s s"]:
    """Where a mask picture is not 0, in the centre square of a picture that was resized to `height` and `width`."""
    from PIL import Image

    with Image.open(path) as opened:
        values = np.asarray(opened)
    flat = values.reshape(*values.shape[:2], -1)[..., : 1 if values.ndim == 2 else 3].any(axis=-1)
    mask = Image.fromarray(flat.astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
    top, left = round((height - side) / 2), round((width - side) / 2)  # torchvision's CenterCrop
    return np.asarray(mask)[top : top + side, left : left + side].astype(bool)


def fault(path: Path) -> str:
    """Why a file is no whole picture; "" if it is one.

    A JPEG or PNG that begins and ends as it should is taken for whole; any other file is decoded.
    """
    from PIL import Image

    try:
        with path.open("rb") as stream:
            head = stream.read(8)
            stream.seek(max(0, path.stat().st_size - 64))
            tail = stream.read()
        jpeg = head.startswith(b"\xff\xd8\xff") and b"\xff\xd9" in tail
        png = head == b"\x89PNG\r\n\x1a\n" and b"IEND" in tail
        if jpeg or png:
            return ""
        with Image.open(path) as picture:
            picture.load()
    except Exception as error:  # Pillow lets through whatever its decoders raise
        return str(error) or type(error).__name__
    return ""
