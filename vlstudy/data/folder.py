"""Pictures of one's own: one folder a class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from vlstudy.data import on_disk
from vlstudy.data.listing import Listed, by_class, classnames, existing, folders
from vlstudy.data.on_disk import Catalogue, Looks
from vlstudy.data.store import Key
from vlstudy.data.tasks import Task
from vlstudy.errors import DataError
from vlstudy.knobs import knob

if TYPE_CHECKING:
    from vlstudy.data.pool import Pool

SPLITS = ("train", "val", "test")
HOLDOUT = 0.2  # our choice; DomainBed's share (arXiv 2007.01434)


@dataclass(frozen=True, kw_only=True)
class Folder:
    """One folder a class, or folders train, val and test of such; classes are in the order of their folders' names.

    A class is called as its folder, with spaces for underscores, or as the optional `classnames.txt` in the root says
    (`folder<TAB>name`). What a seed takes depends on the splits there are:

    none             training images, validation images and the test images, which are all others, from all pictures.
    train, test      validation is held out of train: min(shots, 4) images a class, or a fifth if shots is 0.
    train, val       as train and test, with val for test: nothing is chosen on what is tested (our choice).
    all three        each as it is.
    """

    summary: ClassVar[str] = "pictures of your own: one folder a class, or train, val and test folders of such"
    uses_backbone: ClassVar[bool] = True
    has_classes: ClassVar[bool] = True
    has_pixels: ClassVar[bool] = True

    root: str = knob("", "the folder with the classes, or with train, val, test; relative to the study file")
    task: str = knob("few_shot", "what is asked of the pictures", choices=("few_shot", "base_to_new", "open_class"))
    shots: int = knob(16, "training images per class; 0: all", low=0, high=1024)
    views: int = knob(4, "cached augmented views of each training image (our choice)", low=0, high=64)
    crop: float = knob(0.08, "smallest share of a view's crop; FMA's training has 0.08", low=0.01, high=1.0)
    masks: str = knob("", "a folder with a mask (.png, object not 0) per picture under its path; none: no masks")
    template: str = knob("a photo of a {}.", "the prompt, with {} for the class's name")

    def load(self, model: str, pretrained: str | None) -> Pool:
        """The pool; only the class texts are encoded now.

        Raises:
            DataError: if the folder is missing, or a class has no pictures.
            BackboneError: if the towers cannot be loaded.
        """
        return on_disk.pool(self._catalogue(), self._looks(), model, pretrained)

    def keys(self, model: str, pretrained: str | None) -> tuple[Key, ...]:
        """The class texts, and the test split if there is one."""
        return on_disk.keys(self._catalogue(), self._looks(), model, pretrained)

    def training_images(self) -> int:
        """Shots x trained classes, or fewer where a class has fewer."""
        return on_disk.training_images(self._catalogue())

    def _looks(self) -> Looks:
        return Looks(views=self.views, crop=self.crop, masks=self.masks)

    def _catalogue(self) -> Catalogue:
        root = existing(self.root)
        names, splits = read(root)
        tested = splits.get("test", splits.get("val"))
        val = splits["val"] if "test" in splits and "val" in splits else None
        return Catalogue(
            name=f"folder {root.name}",
            root=root,
            classnames=classnames(root, names),
            template=on_disk.template(self.template),
            train=splits["train"],
            val=val,
            test=tested,
            shots=self.shots,
            task=Task(name=self.task),
            holdout=HOLDOUT if val is None and not self.shots else 0.0,
            whole=tested is None,  # what is not trained on is tested
            facts=_facts(splits),
        )


def read(root: Path) -> tuple[tuple[str, ...], dict[str, Listed]]:
    """Folder names of the classes, and the pictures of each split; without splits all are `train`.

    Raises:
        DataError: if there is no class, or a folder beside the splits, or a class that is not in train.
    """
    inside = folders(root)
    split = "train" in inside and bool(folders(root / "train"))  # a class may be called train
    if split and set(inside) - set(SPLITS):
        odd = sorted(set(inside) - set(SPLITS))
        raise DataError(f"{root}: folder `{odd[0]}` beside train. Splits are called {', '.join(SPLITS)}: rename it.")
    names = folders(root / "train") if split else inside
    if not names:
        raise DataError(f"{root}: no folders. One folder a class is needed, or train, val and test folders of such.")
    classes = {name: index for index, name in enumerate(names)}
    if not split:
        return names, {"train": by_class(root, "", classes)}
    return names, {one: by_class(root, one, classes) for one in SPLITS if one in inside}


def _facts(splits: dict[str, Listed]) -> dict[str, str]:
    if set(splits) == set(SPLITS):
        return {}
    if set(splits) == {"train"}:
        return {
            "splits": "the folder has none: each seed draws its own, so that an image that one seed trains or "
            "validates on may be a test image of another"
        }
    used = "" if "test" in splits else "; the folder's val is what is tested"
    return {"splits": f"validation is held out of train{used}"}
