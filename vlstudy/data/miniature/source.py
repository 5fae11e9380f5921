"""The miniature as a data source: rendered scenes, encoded by a backbone of the study's choice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from vlstudy.data.miniature import captioned
from vlstudy.data.miniature.classes import BASE, CLASSNAMES, DOMAINS, NEW, TEMPLATES
from vlstudy.data.store import Key, fetch
from vlstudy.data.tasks import TASKS, Task, domain_task
from vlstudy.knobs import knob

if TYPE_CHECKING:
    from torch import Tensor

    from vlstudy.backbones.towers import Backbone
    from vlstudy.data.pair_pool import PairPool
    from vlstudy.data.pool import Features, Pool

PER_CLASS = {"train": 48, "val": 16, "test": 40}  # scenes of each class that draws and tests take from
SPLITS = tuple(PER_CLASS)


@dataclass(frozen=True, kw_only=True)
class Miniature:
    """Scenes that we render, with classes fine-grained enough to confuse; nothing is downloaded.

    In the tasks with new classes, base and new make a chequerboard: every shape and every texture is seen in training,
    and no combination of the new ones is.
    """

    summary: ClassVar[str] = "scenes that vlstudy renders: nothing is downloaded"
    uses_backbone: ClassVar[bool] = True
    has_classes: ClassVar[bool] = True
    has_pixels: ClassVar[bool] = True

    task: str = knob("few_shot", "what is asked of the scenes", choices=(*TASKS, "captions"))
    shots: int = knob(16, "training images per class and domain; 0: all 48", low=0, high=PER_CLASS["train"])
    train_on: str = knob("", "the one domain to train on; all others are tested", choices=("", *DOMAINS))
    held_out: str = knob("", "the one domain to test on; all others are trained on", choices=("", *DOMAINS))
    views: int = knob(4, "cached augmented views of each training image (our choice)", low=0, high=64)
    tests: int = knob(40, "test scenes per class and domain; fewer are tested faster", low=1, high=PER_CLASS["test"])
    crop: float = knob(
        0.5,
        "smallest share of a view's crop; FMA's training has 0.08 at 224 pixels, which at 64 leaves nothing to see",
        low=0.01,
        high=1.0,
    )
    images: int = knob(
        400,
        "captions: training scenes of a draw, with all their captions; 0: all",
        low=0,
        high=captioned.SCENES["train"],
    )
    noise: str = knob(
        "off",
        "captions: what training suffers, on words, on pixels, or on which caption is whose",
        choices=("off", "caption", "pixel", "pair"),
    )
    noise_level: float = knob(
        0.0, "captions: share of words or captions, or standard deviation on normalised pixels", low=0.0, high=1.0
    )
    caption_noise: str = knob(
        "replace",
        "captions: what becomes of a word under caption noise",
        choices=("replace", "drop", "unknown", "swap"),
    )
    noisy_tests: bool = knob(False, "captions: measure the test also under caption and pixel noise, 0.1 to 0.5")
    captioning: bool = knob(False, "captions: write captions of the test scenes, decoder trained on text alone")

    def load(self, model: str, pretrained: str | None) -> Pool | PairPool:
        """All scenes' features; the towers are loaded only if the store lacks some.

        Raises:
            DataError: if the task does not fit the domains.
            BackboneError: if the towers cannot be loaded.
        """
        from vlstudy.backbones import load
        from vlstudy.data.miniature import digest
        from vlstudy.data.pool import Pool

        if self.task == "captions":
            return captioned.pool(self, model, pretrained)
        task, encoder = self._task(), _Encoder(model, pretrained)
        text = fetch(self._texts(model, pretrained), encoder.texts)
        order = list(BASE + NEW) if task.name in ("base_to_new", "open_class") else list(range(len(CLASSNAMES)))
        trained = task.train_on or (0,)
        pools = {
            split: self._features(split, task.test_on or (0,) if split == "test" else trained, order, encoder)
            for split in SPLITS
        }
        images = ", ".join(f"{split} {len(pool.labels)}" for split, pool in pools.items())
        return Pool(
            train=pools["train"],
            val=pools["val"],
            test=pools["test"],
            text_features=text["text_features"][order],
            classnames=tuple(CLASSNAMES[index] for index in order),
            logit_scale=float(text["logit_scale"]),
            shots=self.shots,
            task=task,
            domains=DOMAINS,
            templates=TEMPLATES,
            towers=partial(load, model, pretrained),
            facts={
                "data": f"miniature, renderer digest {digest()}",
                "images": f"{images}, {len(CLASSNAMES)} classes",
                "views": f"{self.views} cached augmented views per training image, crop from {self.crop:g}, flip",
                "weights": encoder.weights,
            },
        )

    def keys(self, model: str, pretrained: str | None) -> tuple[Key, ...]:
        """The class texts, the pictures and features of each split and domain, and the training split's views."""
        if self.task == "captions":
            return captioned.keys()
        task, encoder = self._task(), _Encoder(model, pretrained)
        found = [self._texts(model, pretrained)]
        for split in SPLITS:
            for domain in (task.test_on if split == "test" else task.train_on) or (0,):
                found += [_pictures(split, DOMAINS[domain]), encoder.key(split, DOMAINS[domain])]
                found += [encoder.key(*view) for view in self._views(split, DOMAINS[domain])]
        return tuple(found)

    def training_images(self) -> int:
        """Shots x trained classes x domains that are trained on; of captioned scenes as many as asked for."""
        if self.task == "captions":
            return self.images or captioned.SCENES["train"]
        task = self._task()
        return (self.shots or PER_CLASS["train"]) * task.trained(len(CLASSNAMES)) * len(task.train_on or (0,))

    def _task(self) -> Task:
        return domain_task(self.task, DOMAINS, train_on=self.train_on, held_out=self.held_out)

    def _texts(self, model: str, pretrained: str | None) -> Key:
        return _Encoder(model, pretrained).text_key

    def _views(self, split: str, domain: str) -> list[tuple[str, str, int, str]]:
        count = self.views if split == "train" else 0
        return [(split, domain, view, f"{self.crop:g}") for view in range(1, count + 1)]

    def _features(self, split: str, domains: tuple[int, ...], order: list[int], encoder: _Encoder) -> Features:
        """A split in some domains; classes are numbered by their place in `order`."""
        import torch

        from vlstudy.data.pixels import unpacked
        from vlstudy.data.pool import Features

        names = [DOMAINS[domain] for domain in domains]
        count = len(CLASSNAMES) * (self.tests if split == "test" else PER_CLASS[split])
        pictures = [_first(fetch(_pictures(split, name), partial(_rendered, split, name)), count) for name in names]
        joined = {key: _joined([part[key] for part in pictures]) for key in pictures[0]}
        plain = _joined([encoder.features(split, name)[:count] for name in names])
        views = [[encoder.features(*view) for view in self._views(split, name)] for name in names]
        labels = torch.argsort(torch.tensor(order))[joined.pop("labels")]
        return Features(
            image_features=plain,
            label_indices=labels,
            views=tuple(_joined(list(parts)) for parts in zip(*views, strict=True)),
            domain_indices=torch.tensor(domains).repeat_interleave(len(labels) // len(domains)),
            pixels=unpacked(joined, side=64),
        )


class _Encoder:
    """Encodes what the store lacks; loads the towers at the first need."""

    def __init__(self, model: str, pretrained: str | None) -> None:
        from vlstudy.backbones import weights_digest
        from vlstudy.data.miniature import digest

        self.model, self.pretrained = model, pretrained
        self.weights = weights_digest(model, pretrained)
        self._common = {
            "source": "miniature",
            "data": digest(),
            "backbone": model,
            "weights": self.weights,
            "format": "2",
        }
        self.text_key = Key("miniature class texts", {**self._common, "split": "texts"})

    def texts(self) -> dict[str, Tensor]:
        import torch

        towers = self._towers()
        features = towers.class_text_features(CLASSNAMES, TEMPLATES)
        return {"text_features": features, "logit_scale": torch.tensor(towers.logit_scale)}

    def key(self, split: str, domain: str, view: int = 0, crop: str = "") -> Key:
        label = f"miniature {domain} {split}" + (f" view {view}" if view else "")
        shown = {"split": split, "domain": domain, "count": str(PER_CLASS[split]), "view": str(view), "crop": crop}
        return Key(label, {**self._common, **shown})

    def features(self, split: str, domain: str, view: int = 0, crop: str = "") -> Tensor:
        def encode() -> dict[str, Tensor]:
            import torch

            from vlstudy.data.augment import random_resized_crop_flip
            from vlstudy.rng import generator

            pixels = fetch(_pictures(split, domain), partial(_rendered, split, domain))["content"].view(-1, 64, 64, 3)
            if view:
                pixels = random_resized_crop_flip(pixels, generator(0, "augmented view", view), float(crop))
            features: torch.Tensor = self._towers().encode_images(pixels)
            return {"image_features": features}

        return fetch(self.key(split, domain, view, crop), encode)["image_features"]

    def _towers(self) -> Backbone:
        from vlstudy.backbones import load

        return load(self.model, self.pretrained)


def _pictures(split: str, domain: str) -> Key:
    """The pictures with their masks and labels, which are the same for every backbone."""
    from vlstudy.data.miniature import digest

    parts = {"source": "miniature", "data": digest(), "split": split, "domain": domain, "count": str(PER_CLASS[split])}
    return Key(f"miniature {domain} {split} pictures", {**parts, "format": "2"})


def _rendered(split: str, domain: str) -> dict[str, Tensor]:
    import torch

    from vlstudy.data.miniature import few_shot_pool
    from vlstudy.data.pixels import packed

    scenes = few_shot_pool(split, PER_CLASS[split], domain)
    return {
        **packed(scenes.pixels),
        "masks": torch.from_numpy(scenes.masks).to(torch.uint8),
        "labels": torch.from_numpy(scenes.labels),
    }


def _first(scenes: dict[str, Tensor], count: int) -> dict[str, Tensor]:
    """The first scenes of an entry, in which classes take turns."""
    size = len(scenes["content"]) // len(scenes["labels"])
    return {name: values[: count * (size if name == "content" else 1)] for name, values in scenes.items()}


def _joined(parts: list[Tensor]) -> Tensor:
    """One domain stays the memory map that it is."""
    import torch

    return parts[0] if len(parts) == 1 else torch.cat(parts)
