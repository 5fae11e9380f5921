"""What `vlstudy plan` prints: the study as it would be launched."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console, RenderableType
from rich.text import Text

from vlstudy import journal
from vlstudy.data import SOURCES, cached, store
from vlstudy.knobs import knobs
from vlstudy.metrics import METRICS
from vlstudy.study.plan import length
from vlstudy.study.settings import meanings
from vlstudy.study.space import describe, plain
from vlstudy.study.spec import Arm, PrunerSpec, ResourceSpec, StudySpec
from vlstudy.terminal import cells, console, table
from vlstudy.tuning.asking import wanted
from vlstudy.tuning.header import confirm_seeds


def show(spec: StudySpec, reports: Path) -> None:
    """Prints the plan.

    Raises:
        DataError: the source is missing or broken.
        BackboneError: the backbone is not known.
    """
    # before anything is printed, so that missing data is all that is told
    images = {arm.name: spec.data_of(arm).training_images() for arm in spec.arms}
    sources = {spec.data_of(arm): None for arm in spec.arms}
    held = dict.fromkeys(
        one for source in sources for one in cached(source, spec.backbone.model, spec.backbone.pretrained)
    )
    out = console()
    out.print(Text(spec.study, style="bold"), Text(spec.question), sep=": ")
    folder = journal.folder_of(spec, reports)
    out.print(f"folder {folder}", "(begun: a launch goes on)" if journal.exists(folder) else "(new)", soft_wrap=True)
    out.print()
    out.print(_arms(spec, images))
    for arm in {arm.family: arm for arm in spec.arms}.values():  # conditions share their family's knobs
        if arm.fixed or arm.space:
            out.print()
            out.print(_knobs(arm))
    out.print("Every other knob has its default: vlstudy methods")
    out.print()
    _how(spec, out)
    out.print()
    _data(spec, held, out)


def _arms(spec: StudySpec, images: Mapping[str, int]) -> RenderableType:
    drawn = table("arm", "method", "images", "trials", "steps a trial", "measured", "points", title="Arms")
    for column in drawn.columns[2:]:
        column.justify = "right"
    for arm in spec.arms:
        one, trials = length(arm, images[arm.name]), str(wanted(arm, spec.search))
        counts = (str(images[arm.name]), trials, _between(one.steps), _between(one.measurements), str(one.points))
        drawn.add_row(*cells(arm.name, _method(arm), *counts))
    drawn.caption = Text(
        "Images: that a trial trains on. A step is an optimiser step. Measured: how often. Points: values of the "
        "inference axes, all measured each time."
    )
    drawn.caption_justify = "left"
    return drawn


def _method(arm: Arm) -> str:
    """The method, with its schedule and the arm that it is trained on where they are not the usual."""
    schedule = "" if arm.schedules == ("fixed",) else f" x {' or '.join(arm.schedules)}"
    return f"{arm.method}{schedule}{f' on {arm.on}' if arm.on else ''}"


def _knobs(arm: Arm) -> RenderableType:
    """Every knob that the arm names; the others have their defaults."""
    drawn = table("knob", "value", "meaning", title=f"Knobs of {arm.family}")
    drawn.expand, drawn.columns[2].ratio = True, 1
    drawn.columns[0].no_wrap = True
    drawn.columns[1].max_width = 28  # a long list breaks into lines, and leaves 80 columns room for the meaning
    about = meanings(arm)
    for name, value in arm.fixed.items():
        drawn.add_row(*cells(name, f"fixed {plain(value)}", about[name]))
    for item in arm.space:
        when = "".join(f", when {name} is {plain(value)}" for name, value in item.when.items())
        drawn.add_row(*cells(item.name, describe(item.distribution) + when, about[item.name]))
    return drawn


def _how(spec: StudySpec, out: Console) -> None:
    """Objective, search, pruner, confirmation, resources and budget, a line each."""
    seeds = confirm_seeds(spec.confirm, spec.search.seed)
    repetitions = len(seeds) * sum(min(spec.confirm.top, wanted(arm, spec.search)) for arm in spec.arms)
    drawn = table("", "", title="How")
    drawn.show_header = False
    for objective in spec.objectives:
        metric = METRICS[objective.split("/", 1)[1]]
        drawn.add_row(*cells("objective", f"{metric.direction} {objective}: {metric.meaning}"))
    for name, bound in spec.constraints.items():
        drawn.add_row(*cells("constraint", f"{name} {bound}"))
    drawn.add_row(*cells("search", _search(spec)))
    drawn.add_row(*cells("pruner", _pruner(spec.pruner)))
    settings = "best setting" if spec.confirm.top == 1 else f"{spec.confirm.top} best settings"
    fresh = f"trained anew on seeds {', '.join(map(str, seeds))} and measured on the test split as {spec.tested}"
    drawn.add_row(*cells("confirm", f"{repetitions} trainings: the {settings} of each arm, {fresh}"))
    drawn.add_row(*cells("resources", _resources(spec.resources)))
    drawn.add_row(*cells("budget", _budget(spec)))
    out.print(drawn)


def _search(spec: StudySpec) -> str:
    settings = sum(wanted(arm, spec.search) for arm in spec.arms)
    told = f"{settings} trials, sampler {spec.search.sampler}, seed {spec.search.seed}"
    if spec.search.replicates == 1:
        return told
    race = f"the good ones on up to {spec.search.replicates} seeds each (race: {spec.search.race})"
    return f"{told}; {race}, {settings * spec.search.replicates} trials at most"


def _budget(spec: StudySpec) -> str:
    """What ends the search before all settings are tried, in the order of the file's keys."""
    budget, stop = spec.budget, spec.stop
    limits = {
        "minutes": budget.minutes,
        "trials in all": budget.trials,
        "GPU hours": budget.gpu_hours,
        "spent on GPUs": budget.money,
    }
    ends = [f"{plain(limit)} {unit}" for unit, limit in limits.items() if limit is not None]
    told = [f"no new trial after {' or '.join(ends)}"] if ends else []
    if budget.trial_minutes is not None:
        told.append(f"a trial fails after {plain(budget.trial_minutes)} minutes")
    if stop.target is not None:
        told.append(f"the search ends when {spec.objective} reaches {plain(stop.target)}")
    if stop.patience is not None:
        told.append(f"an arm ends after {stop.patience} settings without a better one")
    return "; ".join(told) or "no limit"


def _pruner(pruner: PrunerSpec) -> str:
    """When a trial is compared with others."""
    percents = ", ".join(f"{rung} %" for rung in pruner.rungs)
    if pruner.name == "none":
        return "none: every trial is trained to its end"
    if pruner.name == "median":
        return f"median: at every measurement from {percents} of the training"
    brackets = " (each trial from the rung of its bracket)" if pruner.name == "hyperband" else ""
    return f"{pruner.name}: the best 1/{pruner.reduction} go on after {percents} of the training{brackets}"


def _resources(resources: ResourceSpec) -> str:
    at_once = "as many at once as fit" if resources.concurrent == "auto" else f"{resources.concurrent} at once"
    return f"CPUs: {plain(resources.cpus)}, GPUs: {plain(resources.gpus)} for each trial, {at_once}"


def _data(spec: StudySpec, held: Iterable[tuple[str, Path, bool]], out: Console) -> None:
    """What the cache holds and what a launch must encode first."""
    name = next(name for name, kind in SOURCES.items() if type(spec.data) is kind)
    shown = {knob: plain(getattr(spec.data, knob)) for knob in knobs(type(spec.data))}
    for knob in spec.arms[0].condition:
        values = dict.fromkeys(plain(arm.condition[knob]) for arm in spec.arms)
        shown[knob] = f"each of {', '.join(values)}"
    given = ", ".join(f"{knob} {value}" for knob, value in shown.items() if value)
    towers = f", backbone {spec.backbone.model} {spec.backbone.pretrained or ''}".rstrip()
    out.print(Text("Data", style="bold italic"))
    out.print(f"{name}: {given}{towers if spec.data.uses_backbone else ''}", soft_wrap=True)
    out.print(f"features in {store.folder()}", soft_wrap=True)
    drawn = table("features", "state")
    for label, _, there in held:
        drawn.add_row(*cells(label, "cached" if there else "to be made at launch"))
    out.print(drawn)


def _between(ends: tuple[int, int]) -> str:
    return str(ends[0]) if ends[0] == ends[1] else f"{ends[0]} .. {ends[1]}"
