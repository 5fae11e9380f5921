"""A study as a value: what `reading` makes of a YAML file and everything after it consumes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vlstudy.knobs import knob
from vlstudy.study.space import Dimension


@dataclass(frozen=True, kw_only=True)
class BackboneSpec:
    """Which towers: open_clip's model name and pretrained tag or checkpoint path, or `miniature`."""

    model: str = knob("miniature", "open_clip's name of the towers, or miniature")
    pretrained: str | None = knob(None, "open_clip's tag of the weights, or a checkpoint's path; null: the default")


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A method with its space.

    Attributes:
        fixed: dotted knob (`train.lr`, `method.blocks`, `schedule.x`) -> value for every trial of the arm.
        space: what the search varies and the inference axes it measures; sorted by name, so that the order of the
            file's keys does not change what is drawn.
    """

    name: str
    method: str
    schedule: str = "fixed"
    fixed: Mapping[str, Any] = field(default_factory=dict)
    space: tuple[Dimension, ...] = ()


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
        data: an instance of one of `vlstudy.data.SOURCES`' dataclasses.
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
