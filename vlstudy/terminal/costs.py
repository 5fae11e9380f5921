"""What `vlstudy plan --measure` prints after the plan: what the study will take."""

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console, RenderableType
from rich.text import Text

from vlstudy.data import store
from vlstudy.study.spec import Arm, StudySpec
from vlstudy.terminal import cells, console, table
from vlstudy.terminal.amounts import duration, number, size
from vlstudy.tuning.cost import Cost, Span, cost, in_all, wall
from vlstudy.tuning.machine import Machine, here, slots
from vlstudy.tuning.measure import Measured, measure
from vlstudy.tuning.rehearsal import Rehearsal


def show(spec: StudySpec, reports: Path) -> bool:
    """Measures the arms and prints what the study will take; True if all arms could be measured.

    Raises:
        VlstudyError: the data or the backbone cannot be used.
    """
    out = console()
    measured = measure(spec, lambda line: out.print(f"measuring: {line}", soft_wrap=True))
    return draw(spec, measured, here(), reports, out)


def draw(spec: StudySpec, measured: Measured, machine: Machine, reports: Path, out: Console) -> bool:
    """Prints the tables of what was measured; True if all arms could be."""
    known = {name: found for name, found in measured.arms.items() if isinstance(found, Rehearsal)}
    costs = {
        arm.name: cost(spec, arm, known[arm.name], _below(spec, arm, known)) for arm in spec.arms if arm.name in known
    }
    out.print()
    out.print(_measured(known))
    out.print()
    out.print(_expected(spec, costs))
    out.print()
    out.print(_in_all(spec, measured, costs, machine, reports))
    for name, found in measured.arms.items():
        if not isinstance(found, Rehearsal):
            out.print(Text(f"{name} could not be measured and is not counted: {found}", style="red"), soft_wrap=True)
    if spec.resources.gpus and not machine.gpus:
        out.print(
            "The study asks for GPUs and this machine has none: these are times of its CPU. Measure where it will run.",
            style="yellow",
        )
    return len(known) == len(measured.arms)


def _below(spec: StudySpec, arm: Arm, known: Mapping[str, Rehearsal]) -> Rehearsal | None:
    base = spec.base_of(arm)
    return known.get(base.name) if base else None


def _measured(known: Mapping[str, Rehearsal]) -> RenderableType:
    gpu = any(one.gpu_memory is not None for one in known.values())
    titles = ["start", "steps", "measured", "memory", *(["on the GPU"] if gpu else []), "checkpoint"]
    drawn = table("arm", *titles, title="Measured: one training of each arm")
    for column in drawn.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for name, one in known.items():
        times = [duration(one.start), f"{one.steps} x {duration(one.step)}" if one.steps else "-"]
        times += [f"{one.measurements} x {duration(one.measurement)}"]
        video = [] if not gpu else ["-" if one.gpu_memory is None else size(one.gpu_memory)]
        drawn.add_row(*cells(name, *times, size(one.memory), *video, size(one.checkpoint)))
    drawn.caption = Text(
        "With the middle of every range, alone on this machine; what only the first training of a process pays is left "
        "out. Memory: the most that the process had."
    )
    drawn.caption_justify = "left"
    return drawn


def _expected(spec: StudySpec, costs: Mapping[str, Cost]) -> RenderableType:
    """Hours of one worker; the sum in the last row."""
    seeds = spec.search.replicates > 1
    titles = ["arm", "trials", *(["seeds"] if seeds else []), "confirm", "least", "expected", "most"]
    drawn = table(*titles, title="Expected: time of one worker, search and confirmation")
    for column in drawn.columns[2:]:
        column.justify = "right"
    for name, one in costs.items():
        more = [f"+{number(one.seeds.expected)}"] if seeds else []
        drawn.add_row(*cells(name, _trials(one), *more, str(one.confirmations), *_span(one.search + one.confirm)))
    drawn.add_section()
    more = [f"+{number(sum(one.seeds.expected for one in costs.values()))}"] if seeds else []
    trials, confirms = sum(one.settings for one in costs.values()), sum(one.confirmations for one in costs.values())
    drawn.add_row(*cells("in all", str(trials), *more, str(confirms), *_span(_sum(costs))), style="bold")
    drawn.caption_justify, drawn.caption = "left", Text(_law(spec))
    return drawn


def _trials(one: Cost) -> str:
    """How many begin, come to each rung, and end, where some are stopped."""
    return " > ".join([str(one.settings), *(number(count) for count in one.reaching[1:])])


def _law(spec: StudySpec) -> str:
    rungs = spec.pruner.rungs
    shares = f"Trials: begun > past {', '.join(f'{rung} %' for rung in rungs)} (estimate). " if rungs else ""
    seeds = "Seeds: further ones that the race asks for (estimate). " if spec.search.replicates > 1 else ""
    first = "all but one trial of an arm stopped at the first rung" if rungs else "no trial stopped"
    return f"{shares}{seeds}Least: the fewest steps, {first}. Most: the most steps, none stopped, all seeds."


def _in_all(
    spec: StudySpec, measured: Measured, costs: Mapping[str, Cost], machine: Machine, reports: Path
) -> RenderableType:
    """Sums, a line each, with how they are known."""
    drawn = table("", "", "", title="In all")
    drawn.show_header = False
    drawn.columns[0].no_wrap = drawn.columns[2].no_wrap = True
    at_once = slots(spec.resources, machine)
    lines = [
        _wall(spec, measured, costs, at_once),
        ("GPU hours", *_gpu_hours(spec, costs)),
        ("money", *_money(spec, costs)),
        *_memory(spec, measured, machine, at_once),
        _disk(measured, costs, max(1, at_once), reports),
        _features(measured),
    ]
    for name, said, known in lines:
        drawn.add_row(*cells(name, said, known))
    return drawn


def _wall(spec: StudySpec, measured: Measured, costs: Mapping[str, Cost], at_once: int) -> tuple[str, str, str]:
    once = max((found.once for found in measured.arms.values() if isinstance(found, Rehearsal)), default=0.0)
    span = wall(list(costs.values()), max(1, at_once), boot=measured.boot, once=once)
    where = f"with {at_once} at once on this machine" if at_once else "one at a time; this machine cannot hold a trial"
    minutes = spec.budget.minutes
    limit = "" if minutes is None else f"; no new trial after {duration(60 * minutes)} (budget.minutes)"
    return "wall clock", f"{_between(span, duration)}, {where}{limit}", "estimate"


def _gpu_hours(spec: StudySpec, costs: Mapping[str, Cost]) -> tuple[str, str]:
    if not spec.resources.gpus:
        return "none: trials ask for no GPU", ""
    limit = spec.budget.gpu_hours
    capped = "" if limit is None else f"; no new trial after {limit:g} (budget.gpu_hours)"
    return _between(_hours(spec, costs), number) + capped, "estimate"


def _money(spec: StudySpec, costs: Mapping[str, Cost]) -> tuple[str, str]:
    budget = spec.budget
    if not spec.resources.gpus:
        return "none: budget.price_per_gpu_hour is the price of GPUs", ""
    if budget.price_per_gpu_hour is None:
        return "set budget.price_per_gpu_hour to see it", ""
    cost = _hours(spec, costs).times(budget.price_per_gpu_hour)
    capped = "" if budget.money is None else f"; no new trial after {budget.money:g} (budget.money)"
    return f"{_between(cost, _price)} at {budget.price_per_gpu_hour:g} an hour of a GPU{capped}", "estimate"


def _memory(spec: StudySpec, measured: Measured, machine: Machine, at_once: int) -> list[tuple[str, str, str]]:
    known = [found for found in measured.arms.values() if isinstance(found, Rehearsal)]
    peak, video = (max((value or 0 for value in values), default=0) for values in _columns(known))
    together = f", {size(at_once * peak)} for {at_once}" if at_once > 1 else ""
    short = " - too little: lower resources.concurrent" if max(1, at_once) * peak > machine.memory else ""
    lines = [("memory", f"{size(peak)} a trial{together}, of {size(machine.memory)}{short}", "measured")]
    if video:
        share = min((gpu.memory for gpu in machine.gpus), default=0) * min(1.0, spec.resources.gpus)
        tight = " - too little: raise resources.gpus" if video > share else ""
        lines.append(("GPU memory", f"{size(video)} a trial, of {size(share)} that it may take{tight}", "measured"))
    return lines


def _columns(known: Sequence[Rehearsal]) -> tuple[list[int], list[int | None]]:
    return [one.memory for one in known], [one.gpu_memory for one in known]


def _disk(measured: Measured, costs: Mapping[str, Cost], open_trials: int, reports: Path) -> tuple[str, str, str]:
    """In the study's folder: checkpoints of the trials that are open at once, and the journal."""
    known = [found.checkpoint for found in measured.arms.values() if isinstance(found, Rehearsal)]
    checkpoint = max(known, default=0)
    journal = math.fsum(one.journal for one in costs.values())
    free = shutil.disk_usage(_standing(reports)).free
    short = " - too little" if open_trials * checkpoint + journal > free else ""
    held = (
        f"{size(open_trials * checkpoint)} of checkpoints (measured x {open_trials} open) + {size(journal)} of journal"
    )
    return "disk", f"{held}, {size(free)} are free{short}", "estimate"


def _features(measured: Measured) -> tuple[str, str, str]:
    """In the store, once a machine."""
    made = (
        f"{size(measured.made)} made now in {duration(measured.encoding)}" if measured.made else "none had to be made"
    )
    if not measured.lacking:
        return "features", f"{made}, in {store.folder()}", "measured"
    more = "of unknown size" if measured.to_make is None else f"about {size(measured.to_make)}"
    return "features", f"{made}; {measured.lacking} to be made at confirmation, {more}", "estimate"


def _standing(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    path = folder.resolve()
    return next(place for place in (path, *path.parents) if place.is_dir())


def _hours(spec: StudySpec, costs: Mapping[str, Cost]) -> Span:
    return _sum(costs).times(spec.resources.gpus / 3600)


def _sum(costs: Mapping[str, Cost]) -> Span:
    return in_all(span for one in costs.values() for span in (one.search, one.confirm))


def _span(span: Span) -> tuple[str, str, str]:
    return duration(span.least), duration(span.expected), duration(span.most)


def _between(span: Span, shown: Callable[[float], str]) -> str:
    least, expected, most = (shown(value) for value in (span.least, span.expected, span.most))
    return expected if least == most else f"{expected} ({least} .. {most})"


def _price(value: float) -> str:
    return f"{value:.2f}"
