"""What every source of images with captions may be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from vlstudy.errors import DataError
from vlstudy.knobs import knob

if TYPE_CHECKING:
    from vlstudy.data.noise import Noise

VALIDATED = 500  # images of validation at most: measuring a gallery costs as its square


@dataclass(frozen=True, kw_only=True)
class PairSource:
    """The knobs that `flickr8k`, `coco` and `pairs_file` share; the miniature's captions have them too.

    Sizes, levels and the place of noise are our choice: variance-aware scheduling (arXiv 2503.03202) says none.
    """

    task: ClassVar[str] = "captions"
    has_classes: ClassVar[bool] = False

    images: int = knob(400, "training images of a draw, with all their captions; 0: all", low=0, high=1_000_000)
    tests: int = knob(0, "test images; 0: all", low=0, high=1_000_000)
    noise: str = knob(
        "off",
        "what training suffers: caption: words are wrong; pixel: Gaussian noise; pair: captions of other images",
        choices=("off", "caption", "pixel", "pair"),
    )
    noise_level: float = knob(
        0.0, "share of words or captions, or standard deviation on normalised pixels", low=0.0, high=1.0
    )
    caption_noise: str = knob(
        "replace",
        "what becomes of a word under caption noise",
        choices=("replace", "drop", "unknown", "swap"),
    )
    noisy_tests: bool = knob(False, "measure the test also under caption and pixel noise at 0.1, 0.2, 0.3 and 0.5")
    captioning: bool = knob(False, "write captions of the test images with a decoder that learns from text alone")


class PairKnobs(Protocol):
    """The knobs of a source that concern captions."""

    @property
    def images(self) -> int:
        """Training scenes of a draw; 0 takes all."""

    @property
    def noise(self) -> str:
        """Kind of the noise in training."""

    @property
    def noise_level(self) -> float:
        """Its level."""

    @property
    def caption_noise(self) -> str:
        """What becomes of a word."""

    @property
    def noisy_tests(self) -> bool:
        """Whether the test is measured under noise, too."""

    @property
    def captioning(self) -> bool:
        """Whether captions are written."""


def training_noise(source: PairKnobs) -> Noise:
    """The noise that a source's training suffers; each draw has a seed of its own.

    Raises:
        DataError: for a level without a kind.
    """
    from vlstudy.data.noise import Noise

    if source.noise == "off" and source.noise_level:
        raise DataError(
            f"data.noise_level: {source.noise_level:g} of no noise. Set data.noise to caption, pixel or pair, or "
            "remove the level."
        )
    return Noise(kind=source.noise, level=source.noise_level, words=source.caption_noise)


def enough(name: str, images: int, there: int) -> None:
    """Nothing, if so many training images are there.

    Raises:
        DataError: if there are fewer.
    """
    if images > there:
        raise DataError(
            f"data.images: got {images}, and {name} has {there} training images. Ask for fewer, or 0 for all."
        )
    if not there:
        raise DataError(f"{name}: no images are left to train on. Lower data.tests.")
