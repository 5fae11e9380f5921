"""Features of images and their captions made elsewhere, in one npz file."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from vlstudy.data.feature_file import unit_rows
from vlstudy.data.pair_source import VALIDATED, PairSource, enough, training_noise
from vlstudy.errors import DataError
from vlstudy.knobs import knob

if TYPE_CHECKING:
    from torch import Tensor

    from vlstudy.data.captions import CaptionSet
    from vlstudy.data.noise import Noise
    from vlstudy.data.pair_pool import PairPool
    from vlstudy.data.sets import FeatureSet
    from vlstudy.data.store import Key

_SPLITS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class PairsFile(PairSource):
    """An npz file of image and caption features, read without unpickling.

    `image` [n d] and `text` [m d] in any precision, cast to float32 and renormalised. `image_of` [m] says whose each
    caption is (without it row i of both is a pair); `captions` [m] are the texts, for CIDEr; `train`, `val` and `test`
    are positions of images (without them a fifth each is set aside, the same for every seed); `logit_scale` is 100.
    """

    summary: ClassVar[str] = "image and caption features from one npz file, made elsewhere"
    uses_backbone: ClassVar[bool] = False
    has_pixels: ClassVar[bool] = False

    path: str = knob("", "the npz file; relative to the study file")

    def load(self, model: str, pretrained: str | None) -> PairPool:
        """All features of the file.

        Raises:
            DataError: if the file is missing or broken, or noise is asked for that needs words or pixels.
        """
        from vlstudy.data.pair_pool import PairPool, unclassed

        noise = training_noise(self)
        if self.noise in ("caption", "pixel") or self.noisy_tests:
            raise DataError(
                f"data.noise: {self.path} holds features, on which words and pixels cannot be made noisy. Take `pair`, "
                "and leave `noisy_tests` out."
            )
        arrays, source = self._arrays(), _read(self._arrays(), self.path)
        splits = _divided(arrays, len(source.features), self.path)
        enough(Path(self.path).name, self.images, len(splits["train"]))
        counts = ", ".join(f"{name} {len(places)}" for name, places in splits.items())
        digest = hashlib.sha256(Path(self.path).read_bytes()).hexdigest()
        return PairPool(
            source=source,
            train=splits["train"],
            val=splits["val"][:VALIDATED],
            test=splits["test"][: self.tests or None],
            images=self.images,
            classes=unclassed(source.features.image_features.shape[1], float(arrays.get("logit_scale", 100.0))),
            noise=noise,
            captioning=self.captioning,
            facts={
                "data": f"pairs file {Path(self.path).name}, sha256 {digest[:16]}",
                "images": f"{counts}, {len(arrays['text'])} captions",
            },
        )

    def keys(self, model: str, pretrained: str | None) -> tuple[Key, ...]:
        """Nothing: the file is read as it is."""
        return ()

    def training_images(self) -> int:
        """As asked for, or all."""
        arrays = self._arrays()
        return self.images or len(_divided(arrays, len(arrays["image"]), self.path)["train"])

    def _arrays(self) -> dict[str, np.ndarray]:
        try:
            opened: Mapping[str, Any] = np.load(self.path, allow_pickle=False)
            arrays = {name: opened[name] for name in opened}
        except FileNotFoundError:
            raise DataError(
                f"data.path: no file {self.path}. A relative path starts at the study file's folder."
            ) from None
        except (OSError, ValueError, TypeError, IndexError, zipfile.BadZipFile) as error:
            raise DataError(f"data.path: {self.path} is no npz file that loads without unpickling ({error}).") from None
        missing = [name for name in ("image", "text") if name not in arrays or arrays[name].ndim != 2]
        if missing:
            raise DataError(
                f"data.path: {self.path} lacks {' and '.join(f'{name} [. d]' for name in missing)}. "
                f"It holds: {', '.join(arrays) or 'nothing'}."
            )
        return arrays


@dataclass(frozen=True)
class _Fixed:
    """Images whose features are as they are; implements `CaptionedImages`."""

    features: FeatureSet

    def take(self, indices: np.ndarray, noise: Noise) -> FeatureSet:
        """The images at `indices`."""
        import torch

        return self.features.take(torch.from_numpy(indices))


def _read(arrays: Mapping[str, np.ndarray], path: str) -> _Fixed:
    import torch

    from vlstudy.data.sets import FeatureSet

    images, texts = (unit_rows(arrays[name], f"{path}: {name}") for name in ("image", "text"))
    if images.shape[1] != texts.shape[1]:
        raise DataError(f"{path}: image is {images.shape[1]} wide, text {texts.shape[1]}. They need one space.")
    count = len(images)
    return _Fixed(
        FeatureSet(
            image_features=images,
            labels=torch.full((count,), -1),
            views=images[:, None][:, :0],
            domains=torch.zeros(count, dtype=torch.long),
            captions=_captions(arrays, texts, count, path),
        )
    )


def _captions(arrays: Mapping[str, np.ndarray], texts: Tensor, count: int, path: str) -> CaptionSet:
    import torch

    from vlstudy.data.captions import CaptionSet

    owners = arrays.get("image_of", np.arange(len(texts))).astype(np.int64)
    said = arrays["captions"].astype(str) if "captions" in arrays else None
    for name, found in (("image_of", owners), ("captions", said)):
        if found is not None and len(found) != len(texts):
            raise DataError(f"{path}: {name} has {len(found)} entries, text has {len(texts)} rows.")
    if len(np.unique(owners)) != count or owners.min() < 0 or owners.max() >= count:
        raise DataError(
            f"{path}: the captions are of {len(np.unique(owners))} images from {owners.min()} to {owners.max()}, and "
            f"image has {count} rows. Every image needs one or more captions; `image_of` says whose each is."
        )
    order = np.argsort(owners, kind="stable")
    return CaptionSet(
        text_features=texts[torch.from_numpy(order)],
        image_of=torch.from_numpy(owners[order]),
        texts=() if said is None else tuple(said[order].tolist()),
    )


def _divided(arrays: Mapping[str, np.ndarray], count: int, path: str) -> dict[str, np.ndarray]:
    """Disjoint positions of train, val and test."""
    from vlstudy.data.pair_pool import split

    given = {name: arrays[name].astype(np.int64) for name in _SPLITS if name in arrays}
    if not given:
        return split(count, {"val": count // 5, "test": count // 5})
    if len(given) < len(_SPLITS):
        raise DataError(f"{path}: has {', '.join(given)} of train, val and test. Give all three, or none.")
    every = np.concatenate(list(given.values()))
    if len(np.unique(every)) != len(every) or every.min() < 0 or every.max() >= count:
        raise DataError(f"{path}: train, val and test must be different positions below {count}; some are not.")
    return given
