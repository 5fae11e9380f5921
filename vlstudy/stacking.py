"""A method on top of another: the trained lower method's features take the place of the backbone's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from vlstudy.data.sets import Classes, DevSplits, FeatureSet, Splits
from vlstudy.data.store import Key, fetch
from vlstudy.methods.protocol import Method
from vlstudy.schedules.protocol import Schedule
from vlstudy.state import restore
from vlstudy.training import TrainSettings, build, fit


@dataclass(frozen=True, kw_only=True)
class Base:
    """A lower method with everything that its training depends on.

    Attributes:
        key: what names data, backbone and settings, so that a machine trains it once and keeps it in the store.
        seed: of the draw and the training, the same as the upper method's.
    """

    method: Method
    schedule: Schedule
    settings: TrainSettings
    key: Mapping[str, str]
    seed: int
    objective: str
    device: str = "cpu"

    def dev(self, dev: DevSplits) -> DevSplits:
        """The splits with the lower method's features of all training and validation images and of the class texts."""
        made = self._fetch("features for training", lambda: self._development(self._trained(dev), dev))
        return _with_features(dev, made)

    def splits(self, splits: Splits) -> Splits:
        """The same with the test images."""
        made = self._fetch("features for the test", lambda: self._tested(self._trained(splits.dev), splits))
        groups = tuple(
            replace(
                group,
                images=replace(group.images, image_features=made[f"{index}"]),
                classes=replace(group.classes, text_features=made[f"{index} texts"]),
            )
            for index, group in enumerate(splits.test)
        )
        return Splits(dev=self.dev(splits.dev), test=groups)

    def _trained(self, dev: DevSplits) -> nn.Module:
        """The trained model; only its learnt tensors are in the store."""
        dev = dev.to(torch.device(self.device))
        tensors = self._fetch("trained", lambda: self._fitted(dev))
        model = build(self.method, dev, self.seed)
        restore(model, {name: value for name, value in tensors.items() if name != _EMPTY})
        return model.eval()

    def _fitted(self, dev: DevSplits) -> dict[str, Tensor]:
        *_, (_, state) = fit(
            self.method,
            self.schedule,
            dev,
            replace(self.settings, evaluations=1),
            seed=self.seed,
            objective=self.objective,
            device=self.device,
        )
        return dict(state.model) or {_EMPTY: torch.zeros(1)}  # a file of no tensors is not one that can be mapped

    def _development(self, model: nn.Module, dev: DevSplits) -> dict[str, Tensor]:
        return {
            "train": self._images(model, dev.train),
            "views": self._run(lambda: self.method.view_features(model, dev.train.to(self._on))),
            "val": self._images(model, dev.val),
            "texts": self._texts(model, dev.classes),
        }

    def _tested(self, model: nn.Module, splits: Splits) -> dict[str, Tensor]:
        found = {}
        for index, group in enumerate(splits.test):
            found[f"{index}"] = self._images(model, group.images)
            found[f"{index} texts"] = self._texts(model, group.classes)
        return found

    @property
    def _on(self) -> torch.device:
        return torch.device(self.device)

    def _images(self, model: nn.Module, images: FeatureSet) -> Tensor:
        if not len(images):
            return images.image_features
        return self._run(lambda: self.method.image_features(model, images.to(self._on)))

    def _texts(self, model: nn.Module, classes: Classes) -> Tensor:
        return self._run(lambda: self.method.text_features(model, classes.to(self._on)))

    def _run(self, compute: Callable[[], Tensor]) -> Tensor:
        with torch.no_grad():
            return compute().float().cpu()

    def _fetch(self, what: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        parts = {**self.key, "seed": str(self.seed), "what": what, "format": "1"}
        return fetch(Key(f"base {type(self.method).__name__} {what}", parts), make)


_EMPTY = "nothing learnt"


def _with_features(dev: DevSplits, made: Mapping[str, Tensor]) -> DevSplits:
    return replace(
        dev,
        train=replace(dev.train, image_features=made["train"], views=made["views"]),
        val=replace(dev.val, image_features=made["val"]),
        classes=replace(dev.classes, text_features=made["texts"]),
    )
