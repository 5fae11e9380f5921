"""Features made elsewhere, in one npz file."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from vlstudy.data.store import Key, fetch
from vlstudy.data.tasks import Task
from vlstudy.errors import DataError
from vlstudy.knobs import knob

if TYPE_CHECKING:
    from torch import Tensor

    from vlstudy.data.pool import Features, Pool

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class FeatureFile:
    """An npz file of image features, labels and class text features, read without unpickling.

    Three layouts, told apart by their names (float arrays of any precision are cast to float32 and renormalised):

    one set    `x` [n d], `y` [n]: no split; draws, validation and test are taken from it by seed.
    splits     `train_x`, `train_y`, `test_x`, `test_y`, and optionally `val_x`, `val_y` and `train_views` [n v d].
    draws      `shot4_x`, `shot4_y` (one pair per number of shots), `val_x`, `val_y`, `test_x`, `test_y`: the published
               draw is taken as it is, whatever the seed.

    All have `classnames` [c] and the class texts `text` [c d] or `text_avg` [c d]; `logit_scale` is optional (100).
    """

    summary: ClassVar[str] = "image and class text features from one npz file, made elsewhere"
    uses_backbone: ClassVar[bool] = False
    has_classes: ClassVar[bool] = True
    has_pixels: ClassVar[bool] = False

    path: str = knob("", "the npz file; relative to the study file")
    task: str = knob("few_shot", "what is asked of the features", choices=("few_shot", "base_to_new", "open_class"))
    shots: int = knob(16, "training images per class", low=1, high=1024)

    def load(self, model: str, pretrained: str | None) -> Pool:
        """All features of the file.

        Raises:
            DataError: if the file is missing, is no npz, or lacks an array.
        """
        from vlstudy.data.pool import Pool

        (key,) = self.keys(model, pretrained)
        tensors = fetch(key, self._tensors)
        names = tuple(self._open()["classnames"].astype(str))
        val, test = (_features(tensors, split) if f"{split}_x" in tensors else None for split in ("val", "test"))
        train = _features(tensors, "train")
        counts = {"train pool": len(train.labels), **{s: len(f.labels) for s, f in (("val", val), ("test", test)) if f}}
        return Pool(
            train=train,
            val=val,
            test=test,
            text_features=tensors["text"],
            classnames=names,
            logit_scale=float(tensors["logit_scale"]),
            shots=self.shots,
            task=Task(name=self.task),
            fixed_draw=any(name.startswith("shot") for name in self._names()),
            facts={
                "data": f"feature file {Path(self.path).name}, sha256 {key.parts['data']}",
                "images": ", ".join(f"{name} {count}" for name, count in counts.items()) + f", {len(names)} classes",
                "views": "features are fixed: no augmented views" if not train.views else f"{len(train.views)} views",
                **(
                    {}
                    if test
                    else {
                        "splits": "the file has none: each seed draws its own, so that an image that one seed trains "
                        "or validates on may be a test image of another"
                    }
                ),
            },
        )

    def keys(self, model: str, pretrained: str | None) -> tuple[Key, ...]:
        """One entry: the file's arrays as float32 unit rows."""
        self._names()
        digest = hashlib.sha256(Path(self.path).read_bytes()).hexdigest()
        parts = {"source": "feature_file", "data": digest, "shots": str(self.shots), "format": "1"}
        return (Key(f"feature file {Path(self.path).stem}, {self.shots} shots", parts),)

    def training_images(self) -> int:
        """As many as shots x trained classes, or fewer if a class has fewer."""
        arrays = self._arrays()
        trained = Task(name=self.task).trained(len(arrays["classnames"]))
        return int(np.minimum(np.bincount(arrays["train_y"])[:trained], self.shots).sum())

    def _open(self) -> Mapping[str, Any]:
        try:
            opened: Mapping[str, Any] = np.load(self.path, allow_pickle=False)
        except FileNotFoundError:
            raise DataError(
                f"data.path: no file {self.path}. A relative path starts at the study file's folder."
            ) from None
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise DataError(f"data.path: {self.path} is no npz file that loads without unpickling ({error}).") from None
        if not hasattr(opened, "files"):
            raise DataError(f"data.path: {self.path} is a single array; an npz with several named arrays is needed.")
        return opened

    def _names(self) -> list[str]:
        return list(self._open().keys())

    def _arrays(self) -> Arrays:
        """The arrays under the names of the `splits` layout; 'x' and the asked-for draw become 'train'."""
        opened, names = self._open(), self._names()
        renamed = {"x": "train_x", "y": "train_y", f"shot{self.shots}_x": "train_x", f"shot{self.shots}_y": "train_y"}
        try:
            arrays = {renamed.get(name, name): opened[name] for name in names if not name.startswith("template")}
        except ValueError as error:
            raise DataError(f"data.path: {self.path} needs unpickling, which is refused ({error}).") from None
        arrays["text"] = arrays["text_avg"] if "text_avg" in arrays else arrays.get("text", np.empty(0))
        missing = [name for name in ("train_x", "train_y", "classnames") if name not in arrays]
        missing += [] if arrays["text"].ndim == 2 else ["text [c d]"]
        if missing:
            raise DataError(
                f"data.path: {self.path} lacks {', '.join(missing)} for {self.shots} shots. "
                f"It holds: {', '.join(names)}."
            )
        return arrays

    def _tensors(self) -> dict[str, Tensor]:
        import torch

        arrays = self._arrays()
        wanted = {"text", "train_views", *(f"{split}_x" for split in ("train", "val", "test"))}
        tensors = {name: unit_rows(array, f"{self.path}: {name}") for name, array in arrays.items() if name in wanted}
        for split in ("train", "val", "test"):
            if f"{split}_y" in arrays:
                tensors[f"{split}_y"] = _labels(arrays, split, self.path)
        tensors["logit_scale"] = torch.tensor(float(arrays.get("logit_scale", 100.0)))
        return tensors


def unit_rows(array: np.ndarray, where: str) -> Tensor:
    """The rows in float32, scaled to unit length.

    Raises:
        DataError: if one is not finite or all zeros.
    """
    import torch

    rows = torch.from_numpy(array.astype(np.float32))
    norms = rows.norm(dim=-1, keepdim=True)
    if not torch.isfinite(rows).all() or not (norms > 0).all():
        raise DataError(f"{where} has a row that is not finite or is all zeros.")
    unit: Tensor = rows / norms
    return unit


def _labels(arrays: Arrays, split: str, path: str) -> Tensor:
    import torch

    labels, classes = arrays[f"{split}_y"].astype(np.int64), len(arrays["classnames"])
    if len(labels) != len(arrays[f"{split}_x"]):
        raise DataError(f"{path}: {split}_x has {len(arrays[f'{split}_x'])} rows, {split}_y has {len(labels)}.")
    if len(labels) and (labels.min() < 0 or labels.max() >= classes):
        raise DataError(f"{path}: {split}_y has a label outside 0 .. {classes - 1}.")
    return torch.from_numpy(labels)


def _features(tensors: Mapping[str, Tensor], split: str) -> Features:
    from vlstudy.data.pool import Features

    views = tuple(tensors["train_views"].unbind(1)) if split == "train" and "train_views" in tensors else ()
    return Features(image_features=tensors[f"{split}_x"], label_indices=tensors[f"{split}_y"], views=views)
