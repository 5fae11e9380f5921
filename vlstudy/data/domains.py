"""Pictures of several domains, in DomainBed's layout: one folder a domain, in it one folder a class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from vlstudy.data import on_disk
from vlstudy.data.listing import Listed, by_class, classnames, existing, folders, joined
from vlstudy.data.on_disk import Catalogue, Looks
from vlstudy.data.shelf import some
from vlstudy.data.store import Key
from vlstudy.data.tasks import Task, domain_task
from vlstudy.errors import DataError
from vlstudy.knobs import knob

if TYPE_CHECKING:
    from vlstudy.data.pool import Pool

HOLDOUT = 0.2  # DomainBed (arXiv 2007.01434) and CLIPood: 80 % of a domain to train, 20 % to validate


class Layout(NamedTuple):
    """Names of the domains, folder names of the classes, all pictures, and what classes a domain lacks."""

    domains: tuple[str, ...]
    classes: tuple[str, ...]
    pictures: Listed
    lacking: dict[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class Domains:
    """VLCS, PACS, OfficeHome, TerraIncognita, DomainNet, ImageNet and its variants, or domains of one's own.

    The classes are the union over domains, in the order of their folders' names. A fifth of every domain's images is
    set aside by each seed: in the domains that are trained on it validates. With `held_out` all other domains are
    trained on (leave one domain out); with `train_on` only that one is, as ImageNet is before its variants.

    Differs from the papers: by default all images of the target domains are tested (our choice: narrower intervals);
    the released CLIPood and AlignCLIP test only the fifth that is set aside, which is `target: part`.
    """

    summary: ClassVar[str] = "one folder a domain, then one a class, as DomainBed's data sets"
    uses_backbone: ClassVar[bool] = True
    has_classes: ClassVar[bool] = True
    has_pixels: ClassVar[bool] = True

    root: str = knob("", "the folder with one folder a domain; relative to the study file")
    dataset: str = knob("", "its name, such as OfficeHome, under which published results are looked up")
    task: str = knob("domain_shift", "what is asked of the pictures", choices=("domain_shift", "open_class"))
    held_out: str = knob("", "the one domain to test on; all others are trained on")
    train_on: str = knob("", "the one domain to train on; all others are tested")
    target: str = knob(
        "all", "which images of the tested domains: all (our choice), or the fifth set aside", choices=("all", "part")
    )
    shots: int = knob(0, "training images per class and domain; 0: all", low=0, high=1024)
    views: int = knob(4, "cached augmented views of each training image (our choice)", low=0, high=64)
    crop: float = knob(0.7, "smallest share of a view's crop; AlignCLIP's training has 0.7", low=0.01, high=1.0)
    masks: str = knob("", "a folder with a mask (.png, object not 0) per picture under its path; none: no masks")
    template: str = knob("a photo of a {}.", "the prompt, with {} for the class's name")

    def load(self, model: str, pretrained: str | None) -> Pool:
        """The pool; only the class texts are encoded now.

        Raises:
            DataError: if the folder is missing, a domain is not there, or a class has no pictures to train on.
            BackboneError: if the towers cannot be loaded.
        """
        return on_disk.pool(self._catalogue(), self._looks(), model, pretrained)

    def keys(self, model: str, pretrained: str | None) -> tuple[Key, ...]:
        """The class texts and, unless they are drawn by seed, the tested images."""
        return on_disk.keys(self._catalogue(), self._looks(), model, pretrained)

    def training_images(self) -> int:
        """Shots x trained classes x domains that are trained on, or four fifths of all images there."""
        return on_disk.training_images(self._catalogue())

    def _looks(self) -> Looks:
        return Looks(views=self.views, crop=self.crop, masks=self.masks)

    def _catalogue(self) -> Catalogue:
        root = existing(self.root)
        found = read(root)
        task = self._task(found.domains)
        name = f"domains {self.dataset or root.name}"
        lacking = [f"{domain}: {some(names)}" for domain, names in found.lacking.items()]
        return Catalogue(
            name=name,
            root=root,
            classnames=classnames(root, found.classes),
            template=on_disk.template(self.template),
            train=found.pictures,
            val=None,
            test=found.pictures if self.target == "all" else None,
            shots=self.shots,
            task=task,
            domains=found.domains,
            holdout=HOLDOUT,
            whole=not self.shots,
            facts={
                "domains": f"trained on {', '.join(found.domains[index] for index in task.train_on)}; "
                f"tested on {', '.join(found.domains[index] for index in task.test_on)}, "
                + ("all images" if self.target == "all" else "the fifth that each seed sets aside"),
                **({"classes that a domain lacks": "; ".join(lacking)} if lacking else {}),
            },
        )

    def _task(self, domains: tuple[str, ...]) -> Task:
        if not (self.held_out or self.train_on):
            raise DataError(
                f"data.held_out: {self.task} over domains needs `held_out` (test on that domain, train on all others) "
                f"or `train_on` (train on that one, test on all others). Domains: {', '.join(domains)}."
            )
        return domain_task(self.task, domains, train_on=self.train_on, held_out=self.held_out)


def read(root: Path) -> Layout:
    """All domains, classes and pictures in a folder.

    Raises:
        DataError: if there are fewer than two domains, or no classes in them.
    """
    domains = folders(root)
    classes = tuple(sorted({name for domain in domains for name in folders(root / domain)}))
    if len(domains) < 2 or not classes:
        raise DataError(
            f"{root}: {len(domains)} domains with {len(classes)} classes. It needs one folder a domain, at least two, "
            "and in each one folder a class."
        )
    places = {name: index for index, name in enumerate(classes)}
    parts = [by_class(root, domain, places, index) for index, domain in enumerate(domains)]
    lacking = {
        domain: [classes[index] for index in np.setdiff1d(np.arange(len(classes)), part.labels)]
        for domain, part in zip(domains, parts, strict=True)
    }
    return Layout(domains, classes, joined(parts), {domain: names for domain, names in lacking.items() if names})
