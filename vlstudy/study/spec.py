"""A study as a value: what `reading` makes of a YAML file and everything after it consumes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from vlstudy.bounds import Bound
from vlstudy.knobs import knob
from vlstudy.study.space import Choice, Dimension, Grid, plain

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
        points: settings that are tried first: dotted knob -> value; a searched knob that is left out is sampled.
        forbid: combinations that no trial has: dotted knob -> `Bound` or values, all of which hold in the combination.
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
    points: tuple[Mapping[str, Any], ...] = ()
    forbid: tuple[Mapping[str, Any], ...] = ()

    @property
    def schedules(self) -> tuple[str, ...]:
        """The loss schedules that a trial may have: the arm's own, or those that it chooses from."""
        chosen = next((item.distribution for item in self.space if item.name == "schedule"), None)
        return chosen.values if isinstance(chosen, Choice | Grid) else (self.schedule,)


@dataclass(frozen=True, kw_only=True)
class SearchSpec:
    """How settings are asked for: `trials` is per arm; an arm without a space has one trial."""

    sampler: Literal["tpe", "random", "grid", "cmaes", "gp", "nsga2", "qmc"] = knob("tpe", "how settings are suggested")
    trials: int = knob(24, "settings per arm; an arm that searches only grids has one a cell", low=1)
    seed: int = knob(0, "of the few-shot draw, the trainings and the sampler", low=0)
    replicates: int = knob(1, "seeds that a setting is trained on at most; it is judged by their mean", low=1)
    race: Literal["interval", "wilcoxon"] = knob(
        "interval", "the test that decides whether a setting deserves another seed"
    )

    def seed_of(self, replicate: int) -> int:
        """The seed of a setting's nth training; far from the confirmation's, which follow the search's."""
        return self.seed + 10_000 * replicate


@dataclass(frozen=True, kw_only=True)
class PrunerSpec:
    """When a trial stops early. `grace` is the fraction of training that no trial is stopped before."""

    name: Literal["asha", "hyperband", "median", "none"] = knob("asha", "Optuna's pruner; asha is successive halving")
    reduction: int = knob(3, "one of this many trials passes a rung", low=2)
    grace: float = knob(0.2, "fraction of the training (whole percent) before which no trial stops", low=0.01, high=1.0)

    @property
    def rungs(self) -> tuple[int, ...]:
        """The percentages of the training from which a trial is compared with others; () if none is ever pruned.

        >>> PrunerSpec(name="asha", reduction=3, grace=0.2).rungs, PrunerSpec(name="none").rungs
        ((20, 60), ())
        """
        grace = max(1, round(100 * self.grace))
        if self.name == "none":
            return ()
        if self.name == "median":
            return (grace,)
        return tuple(rung for power in range(7) if (rung := grace * self.reduction**power) < 100)  # 2^7 > 100


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

    minutes: float | None = knob(None, "of search, after which no new trial is asked for; null: no limit", low=0.0)
    trials: int | None = knob(None, "of all arms together, after which no new one is asked for", low=1)
    gpu_hours: float | None = knob(None, "of all trials together, after which no new one is asked for", low=0.0)
    money: float | None = knob(None, "as gpu_hours, in the currency of price_per_gpu_hour", low=0.0)
    price_per_gpu_hour: float | None = knob(None, "what an hour of one GPU costs", low=0.0)
    trial_minutes: float | None = knob(None, "of training, after which a trial fails; null: no limit", low=0.0)


@dataclass(frozen=True, kw_only=True)
class StopSpec:
    """What ends a search because it has found enough; None = nothing does."""

    target: float | None = knob(None, "value of the (first) objective that a complete setting must reach")
    patience: int | None = knob(None, "finished settings of an arm without a better one, after which it ends", low=1)


@dataclass(frozen=True, kw_only=True)
class FailureSpec:
    """When trials that do not work are given up."""

    pause_after: int = knob(3, "equal errors in a row of ended trials, after which the study pauses", low=1)
    stall_minutes: float = knob(30.0, "without a sign of life, after which a trial's worker is replaced", low=0.1)


@dataclass(frozen=True, kw_only=True)
class SinkSpec:
    """Other programs that are shown the measurements too; the journal stays the truth."""

    tensorboard: bool = knob(False, "event files in the study's folder, under tensorboard/")
    mlflow: str | None = knob(None, "tracking URI, such as file:./mlruns; null: none")
    wandb: str | None = knob(None, "project of Weights & Biases; null: none")


@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """One question, its arms, and how it is answered.

    Attributes:
        study: the name; any text, made safe before it becomes a folder.
        data: an instance of one of `vlstudy.data.SOURCES`' dataclasses; of the first condition if there are several.
        objective: metric with its split, such as `val/accuracy`; the metric knows its direction.
        others: further objectives of a Pareto study.
        constraints: metric -> what a setting must hold to be chosen.
        text: the file as it was read, for provenance.
        path: where it was read from.
        digest: 64 hex digits of what is asked; comments, key order, path, resources, budget, stop,
            failures and sinks do not change it.
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
    others: tuple[str, ...] = ()
    constraints: Mapping[str, Bound] = field(default_factory=dict)
    stop: StopSpec = field(default_factory=StopSpec)
    failures: FailureSpec = field(default_factory=FailureSpec)
    sinks: SinkSpec = field(default_factory=SinkSpec)

    @property
    def objectives(self) -> tuple[str, ...]:
        """All objectives; the first decides where one must."""
        return (self.objective, *self.others)

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
