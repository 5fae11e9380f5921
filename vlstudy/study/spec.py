"""A study as a value: what `reading` makes of a YAML file and everything after it consumes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from vlstudy.knobs import knob
from vlstudy.study.space import Dimension, plain

PLACES = ("path", "root", "masks")  # knobs of sources that name a file or a folder


@dataclass(frozen=True, kw_only=True)
class BackboneSpec:
    """Which towers: open_clip's model name and pretrained tag or checkpoint path, or `miniature`."""

    model: str = knob("miniature", "open_clip's name of the towers, or miniature")
    pretrained: str | None = knob(
        None,
        "open_clip's tag of the weights, a checkpoint's path (OpenAI's from a file need MODEL-quickgelu), or random",
    )


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A method with its space.

    Attributes:
        fixed: dotted knob (`train.lr`, `method.blocks`, `schedule.x`) -> value for every trial of the arm.
        space: what the search varies and the inference axes it measures; sorted by name, so that the order of the
            file's keys does not change what is drawn.
        on: the family of an earlier arm on whose trained features this one is trained; "" for the backbone's.
        family: the name in the file, which the arms of all conditions share.
        condition: knob of the data -> value, where the file asks for each of several.
        data: the source under that condition; None only in a spec made by hand, whose arms share the study's.
    """

    name: str
    method: str
    schedule: str = "fixed"
    fixed: Mapping[str, Any] = field(default_factory=dict)
    space: tuple[Dimension, ...] = ()
    on: str = ""
    family: str = ""
    condition: Mapping[str, Any] = field(default_factory=dict)
    data: Any = None


@dataclass(frozen=True, kw_only=True)
class SearchSpec:
    """How settings are asked for: `trials` is per arm; an arm without a space has one trial."""

    sampler: Literal["tpe", "random"] = knob("tpe", "how settings are suggested")
    trials: int = knob(24, "trials per arm; an arm that searches only grids has one a cell", low=1)
    seed: int = knob(0, "of the few-shot draw, the trainings and the sampler", low=0)


@dataclass(frozen=True, kw_only=True)
class PrunerSpec:
    """When a trial stops early. `grace` is the fraction of training that no trial is stopped before."""

    name: Literal["asha", "hyperband", "median", "none"] = knob("asha", "Optuna's pruner; asha is successive halving")
    reduction: int = knob(3, "one of this many trials passes a rung", low=2)
    grace: float = knob(0.2, "fraction of the training (whole percent) before which no trial stops", low=0.01, high=1.0)


@dataclass(frozen=True, kw_only=True)
class ConfirmSpec:
    """The `top` settings of each arm on fresh seeds: a count, or the seeds themselves; never the search's seed."""

    top: int = knob(1, "how many settings of each arm are measured on the test split", low=1)
    seeds: int | tuple[int, ...] = knob(5, "how many fresh seeds, or a list of them", low=0)


@dataclass(frozen=True, kw_only=True)
class ResourceSpec:
    """What one trial takes; `concurrent` is how many run at once, `auto` = as many as fit."""

    cpus: float = knob(1.0, "CPUs of one trial", low=0.0)
    gpus: float = knob(0.0, "GPUs of one trial; 0.5 lets two share one", low=0.0)
    concurrent: int | Literal["auto"] = knob("auto", "trials at once; auto: as many as fit", low=1)


@dataclass(frozen=True, kw_only=True)
class BudgetSpec:
    """When the search stops asking for new trials; None = when all are done."""

    minutes: float | None = knob(None, "after which no new trial is asked for; null: no limit", low=0.0)


@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """One question, its arms, and how it is answered.

    Attributes:
        study: the name; any text, made safe before it becomes a folder.
        data: an instance of one of `vlstudy.data.SOURCES`' dataclasses; of the first condition if there are several.
        objective: metric with its split, such as `val/accuracy`; the metric knows its direction.
        text: the file as it was read, for provenance.
        path: where it was read from.
        digest: 64 hex digits of what is asked; comments, key order, path, resources and budget do not change it.
    """

    study: str
    question: str
    data: Any
    backbone: BackboneSpec
    objective: str
    arms: tuple[Arm, ...]
    search: SearchSpec
    pruner: PrunerSpec
    confirm: ConfirmSpec
    resources: ResourceSpec
    budget: BudgetSpec
    text: str
    path: str
    digest: str

    @property
    def tested(self) -> str:
        """The metric that the confirmation reports: the objective's on test, for base to new the harmonic mean."""
        tasks = {getattr(self.data_of(arm), "task", "") for arm in self.arms}  # a source need not know tasks
        if self.objective == "val/accuracy" and tasks == {"base_to_new"}:
            return "test/harmonic_mean"
        return self.objective.replace("val/", "test/", 1)

    def data_of(self, arm: Arm) -> Any:
        """The source that an arm is trained on."""
        return self.data if arm.data is None else arm.data

    def base_of(self, arm: Arm) -> Arm | None:
        """The arm of the same condition on whose trained features this one is trained; None for the backbone's."""
        same = (other for other in self.arms if other.family == arm.on and other.condition == arm.condition)
        return next(same, None) if arm.on else None


def label(condition: Mapping[str, Any]) -> str:
    """A condition as it stands behind an arm's name.

    >>> label({"shots": 4, "held_out": "sketch"})
    '[shots=4, held_out=sketch]'
    """
    return f"[{', '.join(f'{name}={plain(value)}' for name, value in condition.items())}]"


def located(source: Any, folder: Path) -> Any:
    """The source with its relative paths starting at a folder; "" stays, as it means none."""
    given = {name: getattr(source, name, "") for name in PLACES}
    absolute = {name: os.path.abspath(folder / Path(path).expanduser()) for name, path in given.items() if path}
    return replace(source, **absolute) if absolute else source
