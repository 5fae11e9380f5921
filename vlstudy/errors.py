"""Everything that can go wrong for a user, as a tree.

VlstudyError            a user's mistake or a broken environment: printed without a traceback, exit code 2
|-- StudyError          a study file that cannot be read, all its problems at once
|-- DataError           a data source that is missing, broken or too small
|-- BackboneError       a model, tag or checkpoint that cannot be loaded
|-- TrainingError       a training that cannot go on
|   |-- NonFiniteLoss   a loss that became NaN or infinite
|   `-- BatchTooLarge   a batch that does not fit into the accelerator's memory
|-- JournalError        a study folder that cannot be read or written
|   |-- StudyBusy       another process is writing it
|   `-- StudyChanged    the file asks for something else than the folder holds
|-- StudyPaused         trials keep failing in the same way
`-- ClusterError        a Ray cluster that cannot be reached or used
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


class VlstudyError(Exception):
    """A mistake a user can mend: its message says where, what, the value got, and the way out."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One fault of a study file: its place (1-based line and column, dotted path) and what to do about it."""

    line: int
    column: int
    where: str
    message: str

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}"
        return f"{place}, {self.where}: {self.message}" if self.where else f"{place}: {self.message}"


class StudyError(VlstudyError):
    """A study file with at least one problem; `problems` holds them all, in the order of the file."""

    def __init__(self, path: str, problems: Sequence[Problem]) -> None:
        self.path = path
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([f"{path}: {count}", *(f"  {problem}" for problem in self.problems)]))


class DataError(VlstudyError):
    """A data source that is missing, broken or too small for what was asked of it."""


class BackboneError(VlstudyError):
    """A model name, pretrained tag or checkpoint that cannot be loaded."""


class TrainingError(VlstudyError):
    """A training that cannot go on."""


class NonFiniteLoss(TrainingError):
    """A loss that became NaN or infinite at `step`; `last_finite` is the last loss that was a number."""

    def __init__(self, step: int, last_finite: float | None) -> None:
        self.step, self.last_finite = step, last_finite
        last = "no step before it was finite" if last_finite is None else f"the last finite loss was {last_finite:.6g}"
        super().__init__(f"the loss is not finite at step {step}; {last}. Lower train.lr or the noise.")

    def __reduce__(self) -> tuple[type["NonFiniteLoss"], tuple[int, float | None]]:
        return type(self), (self.step, self.last_finite)


class BatchTooLarge(TrainingError):
    """A batch of `images` that does not fit into memory; `fits` images at once do, 0 if not even one."""

    def __init__(self, images: int, fits: int, accumulate: int) -> None:
        self.images, self.fits, self.accumulate = images, fits, accumulate
        parts = accumulate * -(-images // max(1, fits))
        way_out = (
            f"{fits} fit: set train.batch to {fits * accumulate}, or train.accumulate to {parts} (the same batch in "
            f"{parts} parts), or train.checkpoint_activations to true."
            if fits
            else "Not even one fits: set train.checkpoint_activations to true, take a smaller backbone or a larger GPU."
        )
        super().__init__(f"{images} images at once do not fit into the accelerator's memory. {way_out}")

    def __reduce__(self) -> tuple[type["BatchTooLarge"], tuple[int, int, int]]:
        return type(self), (self.images, self.fits, self.accumulate)


class JournalError(VlstudyError):
    """A study folder that cannot be read, written or resumed."""


class StudyBusy(JournalError):
    """A study folder that another living driver writes."""


class StudyChanged(JournalError):
    """A study file that asks for something else than the folder of its name; `differences` are told in words."""

    def __init__(self, message: str, differences: Sequence[str]) -> None:
        self.differences = tuple(differences)
        super().__init__(message)


class StudyPaused(VlstudyError):
    """A study whose trials fail one after the other with the same error."""


class ClusterError(VlstudyError):
    """A Ray cluster that cannot be reached or used."""


def suggest(name: str, known: Iterable[str]) -> str:
    """The way out of a misspelt name: the nearest known name, if one is near, and all known names.

    >>> suggest("fmaa", ["fma", "zero_shot"])
    'Did you mean `fma`? Known: fma, zero_shot.'
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f"Did you mean `{near[0]}`? " if near else ""
    return f"{hint}Known: {', '.join(names)}."
