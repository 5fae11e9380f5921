"""What is asked of a source: which classes and domains are trained on, and which images are tested against what."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vlstudy.errors import DataError, suggest

TASKS = ("few_shot", "base_to_new", "domain_shift", "open_class")


class Scored(NamedTuple):
    """A group of test images: name, positions of its images, and the class indices that they are scored against."""

    name: str
    positions: np.ndarray
    classes: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Task:
    """One protocol of the few-shot and generalisation literature.

    few_shot      all classes are trained on and tested.
    base_to_new   the first half of the classes is trained on; base and new images are tested, each against the names
                  of their own half (CoOp, arXiv 2109.01134; CoCoOp, arXiv 2203.05557).
    open_class    as base_to_new, but every image is scored against all names. With domains it is CLIPood's "in the
                  wild": the test images come from the domains that were not trained on.
    domain_shift  some domains are trained on, the others tested, each on its own (DomainBed, arXiv 2007.01434).

    Attributes:
        name: one of `TASKS`.
        train_on: indices of the domains that are trained on; () means all.
        test_on: indices of the domains that are tested; () means all.
    """

    name: str = "few_shot"
    train_on: tuple[int, ...] = ()
    test_on: tuple[int, ...] = ()

    def trained(self, classes: int) -> int:
        """How many classes are trained on: the first half, rounded up (down with domains), or all.

        >>> Task(name="base_to_new").trained(5), Task(name="open_class", test_on=(1,)).trained(5), Task().trained(5)
        (3, 2, 5)
        """
        if self.name not in ("base_to_new", "open_class"):
            return classes
        wild = bool(set(self.test_on) - set(self.train_on))
        return classes // 2 if wild else -(-classes // 2)  # CoOp rounds up, CLIPood's in-the-wild split down

    def may_train(self, labels: np.ndarray, domains: np.ndarray, classes: int) -> np.ndarray:
        """True for the images that may be trained or validated on, bool [n]."""
        allowed = np.isin(domains, self.train_on) if self.train_on else np.ones(len(domains), dtype=bool)
        mine: np.ndarray = allowed & (labels < self.trained(classes))
        return mine

    def groups(self, labels: np.ndarray, domains: np.ndarray, classes: int, names: tuple[str, ...]) -> list[Scored]:
        """The groups that test images with these labels and domains are scored in."""
        shown = np.isin(domains, self.test_on) if self.test_on else np.ones(len(domains), dtype=bool)
        every, half = np.arange(classes), self.trained(classes)
        if self.name == "domain_shift":
            found = [Scored(names[one], np.flatnonzero(shown & (domains == one)), every) for one in self.test_on]
        elif self.name in ("base_to_new", "open_class"):
            sides = {"base": (labels < half, every[:half]), "new": (labels >= half, every[half:])}
            apart = self.name == "base_to_new"
            found = [
                Scored(name, np.flatnonzero(shown & mine), against if apart else every)
                for name, (mine, against) in sides.items()
            ]
        else:
            found = [Scored("", np.flatnonzero(shown), every)]
        return found


def domain_task(name: str, domains: tuple[str, ...], *, train_on: str = "", held_out: str = "") -> Task:
    """The task with its domains: all but `held_out` are trained on, or only `train_on` is, and the others are tested.

    few_shot and base_to_new know no shift: they train and test on `train_on`.

    Raises:
        DataError: if the task needs domains and has none, or has both, or names an unknown one.
    """
    for label, value in (("train_on", train_on), ("held_out", held_out)):
        if value and value not in domains:
            raise DataError(f"data.{label}: unknown domain `{value}`. {suggest(value, domains)}")
    if train_on and held_out:
        raise DataError("data.held_out: `train_on` is given as well. Keep one: train on one domain, or on all but one.")
    if name == "domain_shift" and not (train_on or held_out):
        raise DataError(
            "data.task: domain_shift needs `held_out` (test on that domain, train on all others) or `train_on` (train "
            f"on that one, test on all others). Domains: {', '.join(domains)}."
        )
    if not (train_on or held_out):
        return Task(name=name)
    chosen = domains.index(train_on or held_out)
    if name not in ("domain_shift", "open_class"):
        if held_out:
            raise DataError(f"data.held_out: {name} tests the domain that it trains on. Remove it.")
        return Task(name=name, train_on=(chosen,), test_on=(chosen,))
    others = tuple(index for index in range(len(domains)) if index != chosen)
    if train_on:
        return Task(name=name, train_on=(chosen,), test_on=others)
    return Task(name=name, train_on=others, test_on=(chosen,))
