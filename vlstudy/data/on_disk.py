"""From a catalogue of files to the pool that draws are taken from; what `coop`, `folder` and `domains` share."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vlstudy.data.encoder import Encoder
from vlstudy.data.listing import Listed, existing
from vlstudy.data.sampling import held_out
from vlstudy.data.shelf import some
from vlstudy.data.store import Key
from vlstudy.data.tasks import Task
from vlstudy.errors import DataError

if TYPE_CHECKING:
    from vlstudy.data.pictures import Pictures
    from vlstudy.data.pool import Pool


@dataclass(frozen=True, kw_only=True)
class Looks:
    """How pictures are shown to a backbone: cached augmented views, their smallest crop, and a folder of masks."""

    views: int
    crop: float
    masks: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Catalogue:
    """All that a source on disk knows before it opens a picture.

    Attributes:
        name: for people, such as `coop dtd`.
        root: the folder that the paths start at.
        classnames: as prompts have them.
        template: prompt with `{}` for the class's name.
        train, val, test: the pictures of each split; None where the source has no such split.
        shots: training images per class; 0 takes all.
        task: which classes and domains are trained on and tested.
        domains: their names.
        holdout: share of each domain that every seed sets aside.
        whole: True if all seeds together take most of the training pictures.
        facts: label -> value for provenance, besides counts and digests.
    """

    name: str
    root: Path
    classnames: tuple[str, ...]
    template: str
    train: Listed
    val: Listed | None
    test: Listed | None
    shots: int
    task: Task = field(default_factory=Task)
    domains: tuple[str, ...] = ("",)
    holdout: float = 0.0
    whole: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)


def pool(catalogue: Catalogue, looks: Looks, model: str, pretrained: str | None) -> Pool:
    """The pool of a catalogue under one backbone; only the class texts are encoded now.

    Raises:
        DataError: if a class has no picture to train on, or the template no place for a name.
        BackboneError: if the towers cannot be loaded.
    """
    from vlstudy.data.pool import Pool

    _check(catalogue)
    encoder = Encoder(model, pretrained)
    text_features, logit_scale = encoder.classes(catalogue.classnames, (catalogue.template,))
    train = _pictures(catalogue, "train", looks, encoder)
    return Pool(
        train=train,
        val=_other(catalogue, "val", looks, encoder, train),
        test=_other(catalogue, "test", looks, encoder, train),
        text_features=text_features,
        classnames=catalogue.classnames,
        logit_scale=logit_scale,
        shots=catalogue.shots,
        task=catalogue.task,
        domains=catalogue.domains,
        holdout=catalogue.holdout,
        templates=(catalogue.template,),
        facts={**_facts(catalogue, looks), **catalogue.facts, "weights": encoder.weights},
        towers=encoder.towers,
    )


def keys(catalogue: Catalogue, looks: Looks, model: str, pretrained: str | None) -> tuple[Key, ...]:
    """The class texts, and what is tested; what a draw takes is known only when a seed has drawn."""
    encoder = Encoder(model, pretrained)
    found = (encoder.classes_key(catalogue.classnames, (catalogue.template,)),)
    shown = catalogue.test or (catalogue.train if catalogue.whole else None)
    if not shown:
        return found
    tested = np.isin(shown.domains, catalogue.task.test_on or tuple(range(len(catalogue.domains))))
    split = "train" if catalogue.test is None else "test"
    return found + _pictures(catalogue, split, looks, encoder).keys(np.flatnonzero(tested))


def training_images(catalogue: Catalogue) -> int:
    """How many images a draw trains on; with a holdout, that of seed 0."""
    counts = Counter(zip(*_trained(catalogue, seed=0), strict=True))
    return sum(min(count, catalogue.shots or count) for count in counts.values())


def template(written: str) -> str:
    """The template, if it has a place for the class's name.

    Raises:
        DataError: if it has none.
    """
    if "{}" not in written:
        raise DataError(f"data.template: `{written}` has no `{{}}` where the class's name goes.")
    return written


def _pictures(catalogue: Catalogue, split: str, looks: Looks, encoder: Encoder) -> Pictures:
    from vlstudy.data.pictures import Pictures

    shown: Listed = getattr(catalogue, split)
    alone = shown is catalogue.train and catalogue.test in (None, shown)
    return Pictures(
        name=catalogue.name if alone else f"{catalogue.name} {split}",
        root=catalogue.root,
        paths=shown.paths,
        labels=shown.labels,
        domains=shown.domains,
        encoder=encoder,
        views=looks.views if split == "train" else 0,
        crop=looks.crop,
        masks=existing(looks.masks, "data.masks") if looks.masks else None,
        whole=catalogue.whole and shown is catalogue.train,
    )


def _other(catalogue: Catalogue, split: str, looks: Looks, encoder: Encoder, train: Pictures) -> Pictures | None:
    """The pictures of another split; those of `train` itself where they are the same list."""
    shown = getattr(catalogue, split)
    if shown is None or shown is catalogue.train:
        return None if shown is None else train
    return _pictures(catalogue, split, looks, encoder)


def _trained(catalogue: Catalogue, seed: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Domains and labels of all pictures that may be trained on, less what the seed holds out."""
    train = catalogue.train
    allowed = catalogue.task.may_train(train.labels, train.domains, len(catalogue.classnames))
    if catalogue.holdout and seed is not None:
        allowed &= ~held_out(train.domains, catalogue.holdout, seed)
    return train.domains[allowed], train.labels[allowed]


def _check(catalogue: Catalogue) -> None:
    _, labels = _trained(catalogue, seed=None)
    trained = catalogue.classnames[: catalogue.task.trained(len(catalogue.classnames))]
    counts = np.bincount(labels, minlength=len(trained))
    empty = [name for name, count in zip(trained, counts, strict=True) if not count]
    if empty:
        raise DataError(
            f"{catalogue.name}: {len(empty)} of {len(trained)} classes have no picture to train on: {some(empty)}. "
            f"Add pictures below {catalogue.root}, or remove the classes. `vlstudy data check` counts them."
        )


def _facts(catalogue: Catalogue, looks: Looks) -> dict[str, str]:
    splits = {"train": catalogue.train, "val": catalogue.val, "test": catalogue.test}
    counts = ", ".join(f"{name} {len(split)}" for name, split in splits.items() if split is not None)
    sha = hashlib.sha256("\n".join(catalogue.classnames).encode())
    for split in splits.values():
        for path, label in zip(split.paths, split.labels, strict=True) if split else ():
            sha.update(f"\n{path}\t{label}".encode())
    facts = {
        "data": f"{catalogue.name}, listing sha256 {sha.hexdigest()[:16]}",
        "images": f"{counts}, {len(catalogue.classnames)} classes",
        "prompt": catalogue.template,
        "views": f"{looks.views} cached augmented views per training image, crop from {looks.crop:g}, flip",
    }
    scarce = _scarce(catalogue)
    return facts | ({"few images": scarce} if scarce else {})


def _scarce(catalogue: Catalogue) -> str:
    """Classes that have fewer training images than shots; the draw takes what they have."""
    counts = Counter(zip(*_trained(catalogue, seed=None), strict=True))
    few = [
        " ".join(filter(None, [catalogue.domains[domain], f"{catalogue.classnames[label]} ({count})"]))
        for (domain, label), count in sorted(counts.items())
        if count < catalogue.shots
    ]
    return f"fewer than {catalogue.shots} to train on: {some(few)}" if few else ""
