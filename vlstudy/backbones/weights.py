"""Which weights are meant: their checksum, told without loading a tower."""

import hashlib
from pathlib import Path

from vlstudy.errors import BackboneError

MINIATURE = "miniature"
WEIGHTS = Path(__file__).parent / "miniature.safetensors"
CHECKSUM = Path(__file__).parent / "miniature.sha256"

_WAY_OUT = "Install vlstudy again, or train it with `python -m vlstudy.backbones.pretrain`."


def file_digest(path: Path) -> str:
    """sha256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def recorded_checksum(checksum: Path = CHECKSUM) -> str:
    """The sha256 that the miniature's weights were shipped with.

    Raises:
        BackboneError: where there is no such record.
    """
    if not checksum.is_file():
        raise BackboneError(f"backbone `miniature`: {checksum} is missing. {_WAY_OUT}")
    return checksum.read_text(encoding="ascii").split()[0]


def verified(weights: Path = WEIGHTS, checksum: Path = CHECKSUM) -> Path:
    """The miniature's weights, after a check that they are those that were shipped.

    Raises:
        BackboneError: where they are missing, or are others.
    """
    expected = recorded_checksum(checksum)
    if not weights.is_file():
        raise BackboneError(f"backbone `miniature`: {weights} is missing. {_WAY_OUT}")
    found = file_digest(weights)
    if found != expected:
        raise BackboneError(
            f"backbone `miniature`: the checksum of {weights} is {found[:12]}, expected {expected[:12]}. {_WAY_OUT}"
        )
    return weights


def weights_digest(model: str, pretrained: str | None = None) -> str:
    """sha256, in hex, that changes when the weights do; the same as that of the loaded backbone.

    The miniature's is read from a file of one line. A checkpoint's is that of its file. Published weights are loaded
    and their parameters are hashed, because a tag can come to mean other weights.

    Raises:
        BackboneError: for a model, tag or checkpoint that cannot be loaded.
    """
    if model == MINIATURE:
        return recorded_checksum()
    if pretrained is not None and Path(pretrained).is_file():
        return file_digest(Path(pretrained))
    from vlstudy.backbones.towers import load

    return load(model, pretrained).weights_digest
