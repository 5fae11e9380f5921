"""The eleven data sets of the few-shot literature, in CoOp's folder layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vlstudy.data import coop_lists, on_disk
from vlstudy.data.coop_sets import COOP_SETS
from vlstudy.data.listing import existing
from vlstudy.data.on_disk import Catalogue, Looks
from vlstudy.data.store import Key
from vlstudy.data.tasks import Task
from vlstudy.errors import DataError
from vlstudy.knobs import knob

if TYPE_CHECKING:
    from vlstudy.data.pool import Pool


@dataclass(frozen=True, kw_only=True)
class Coop:
    """One of the eleven data sets, with CoOp's splits, class names and prompt.

    A seed draws `shots` training images and min(shots, 4) validation images a class; the whole test split is tested.
    Pictures are decoded when a draw takes them, once per machine.

    Source: CoOp (arXiv 2109.01134), section 4.1; base and new halves: CoCoOp (arXiv 2203.05557), section 4.1.

    Differs from the paper: a draw is a function of the seed alone, not the published pickle of seeds 1 to 3, and views
    are cut from pictures whose short edge was resized first (our choice: one cache serves all).
    """

    summary: ClassVar[str] = "the 11 data sets of the few-shot literature, in CoOp's folder layout"
    uses_backbone: ClassVar[bool] = True
    has_classes: ClassVar[bool] = True
    has_pixels: ClassVar[bool] = True

    root: str = knob("", "the folder that the data set's own folder is in; relative to the study file")
    dataset: str = knob("dtd", "which of the eleven", choices=tuple(COOP_SETS))
    task: str = knob("few_shot", "what is asked of the pictures", choices=("few_shot", "base_to_new", "open_class"))
    shots: int = knob(16, "training images per class; 0: all", low=0, high=1024)
    views: int = knob(4, "cached augmented views of each training image (our choice)", low=0, high=64)
    crop: float = knob(0.08, "smallest share of a view's crop; FMA's training has 0.08", low=0.01, high=1.0)
    masks: str = knob("", "a folder with a mask (.png, object not 0) per picture under its path; none: no masks")

    def load(self, model: str, pretrained: str | None) -> Pool:
        """The pool; only the class texts are encoded now.

        Raises:
            DataError: if the data set or a split file is missing or broken.
            BackboneError: if the towers cannot be loaded.
        """
        return on_disk.pool(self._catalogue(), self._looks(), model, pretrained)

    def keys(self, model: str, pretrained: str | None) -> tuple[Key, ...]:
        """The class texts and the test split."""
        return on_disk.keys(self._catalogue(), self._looks(), model, pretrained)

    def training_images(self) -> int:
        """Shots x trained classes, or fewer where a class has fewer."""
        return on_disk.training_images(self._catalogue())

    def _looks(self) -> Looks:
        return Looks(views=self.views, crop=self.crop, masks=self.masks)

    def _catalogue(self) -> Catalogue:
        if self.dataset not in COOP_SETS:  # a study file cannot come here; code can
            raise DataError(f"data.dataset: unknown data set `{self.dataset}`. Known: {', '.join(COOP_SETS)}.")
        lists = coop_lists.read(self.dataset, existing(self.root))
        own = "val" in lists.splits
        return Catalogue(
            name=f"coop {self.dataset}",
            root=lists.root,
            classnames=lists.classnames,
            template=COOP_SETS[self.dataset].template,
            train=lists.splits["train"],
            val=lists.splits.get("val"),
            test=lists.splits["test"],
            shots=self.shots,
            task=Task(name=self.task),
            holdout=0.0 if own or self.shots else 0.2,
            facts={}
            if own
            else {
                "validation": f"{self.dataset} has no validation split of its own: validation is held out of the "
                "training images (our choice; the published protocol validates on the test images)"
            },
        )
