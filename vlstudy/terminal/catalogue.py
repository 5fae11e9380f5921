"""What `vlstudy methods` prints: everything that a study file may name, from the dataclasses."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, get_args, get_origin

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vlstudy.data import SOURCES
from vlstudy.errors import VlstudyError, suggest
from vlstudy.knobs import Knob, knobs
from vlstudy.methods import METHODS
from vlstudy.metrics import METRICS, Metric
from vlstudy.schedules import SCHEDULES
from vlstudy.study.reading.fields import takes
from vlstudy.study.space import plain
from vlstudy.study.spec import BackboneSpec, BudgetSpec, ConfirmSpec, PrunerSpec, ResourceSpec, SearchSpec
from vlstudy.terminal import cells, console, table
from vlstudy.training import TrainSettings

Page = Callable[[Console], None]
_SECTIONS: Mapping[str, type] = {
    "backbone": BackboneSpec,
    "search": SearchSpec,
    "pruner": PrunerSpec,
    "confirm": ConfirmSpec,
    "resources": ResourceSpec,
    "budget": BudgetSpec,
}


# a method's class attribute -> what it means for a study file
_TRAITS: Mapping[str, str] = {
    "towers": "Needs a source with pictures.",
    "pixels": "Trains on pictures.",
    "closed": "Cannot score classes that it was not trained on.",
    "carries": "Other arms can be trained on its features.",
    "stacks": "Can be trained on another arm: `on: ARM`.",
}


def show(name: str | None) -> None:
    """Prints the pages of a name, or of everything; a metric may be named as in a study file, `val/accuracy`.

    Raises:
        VlstudyError: nothing has that name.
    """
    pages = _pages()
    wanted = [page for key, page in pages if name is None or key == name.removeprefix("val/").removeprefix("test/")]
    if not wanted:
        raise VlstudyError(f"unknown name `{name}`. {suggest(str(name), dict(pages))}")
    for page in wanted:
        page(console())
        print()


def _pages() -> list[tuple[str, Page]]:
    """Name -> what is known of it, in the order in which they are printed."""
    methods = [(name, partial(_method, name, kind)) for name, kind in METHODS.items()]
    schedules = [(name, partial(_owner, "schedule", name, kind)) for name, kind in SCHEDULES.items()]
    sources = [(name, partial(_owner, "data", name, kind)) for name, kind in SOURCES.items()]
    metrics = [(name, partial(_metric, name, metric)) for name, metric in METRICS.items()]
    return [
        *methods,
        *schedules,
        ("train", _train),
        *sources,
        *metrics,
        ("study", _study),
    ]


def _method(name: str, kind: Any, out: Console) -> None:
    out.print(Text(f"method {name}", style="bold"), Text(kind.summary), sep=": ")
    terms = ", ".join(kind.terms) or "none, so that `train` does not apply"
    out.print(f"  Source: {kind.source}. Loss terms: {terms}. Learns from {' or '.join(kind.trains_on)}.")
    traits = [sentence for trait, sentence in _TRAITS.items() if getattr(kind, trait)]
    if traits:
        out.print(f"  {' '.join(traits)}")
    _knobs("method.", kind, out)


def _owner(part: str, name: str, kind: Any, out: Console) -> None:
    title = f"source {name}" if part == "data" else f"{part} {name}"
    out.print(Text(title, style="bold"), Text(kind.summary), sep=": ")
    if governs := getattr(kind, "governs", ()):
        out.print(f"  Needs the loss terms: {', '.join(governs)}.")
    if source := getattr(kind, "source", ""):
        out.print(f"  Source: {source}.")
    if part == "data":
        out.print(f"  {'Pictures' if kind.has_pixels else 'Features only'}. Any knob may be {{each: [..]}}.")
    _knobs(f"{part}.", kind, out)


def _train(out: Console) -> None:
    out.print(Text("train", style="bold"), "how every method with loss terms is optimised", sep=": ")
    _knobs("train.", TrainSettings, out)


def _study(out: Console) -> None:
    out.print(Text("the other sections of a study file", style="bold"))
    out.print("  With `data: {shots: {each: [1, 4]}}` every arm is searched and confirmed once per value.")
    out.print("  An arm with `on: ARM` is trained on the features of that earlier arm's best trial.")
    drawn = _knob_table()
    for section, kind in _SECTIONS.items():
        for knob in knobs(kind).values():
            drawn.add_row(*_row(f"{section}.", kind, knob))
    out.print(drawn)


def _metric(name: str, metric: Metric, out: Console) -> None:
    only = metric.split == "test"
    out.print(Text(f"metric {'test' if only else 'val'}/{name}", style="bold"), Text(metric.meaning), sep=": ")
    bounds = f"{_end(metric.low, '-inf')} .. {_end(metric.high, 'inf')}"
    out.print(f"  {metric.direction}, {metric.unit}, {bounds}; source: {metric.source}.")
    if only:
        out.print("  Measured on test images only, so that it can be no objective.")


def _knobs(prefix: str, kind: type, out: Console) -> None:
    if not knobs(kind):
        out.print("  No knobs.")
        return
    drawn = _knob_table()
    for knob in knobs(kind).values():
        drawn.add_row(*_row(prefix, kind, knob))
    out.print(drawn)


def _knob_table() -> Table:
    drawn = table("knob", "default", "range", "meaning")
    drawn.columns[0].no_wrap = True
    drawn.columns[1].max_width = drawn.columns[2].max_width = 16  # the meaning gets what is left
    return drawn


def _row(prefix: str, owner: type, knob: Knob) -> list[Text]:
    needed = knob.default == "" and knob.name in ("path", "root")
    default = "must be given" if needed else plain(knob.default) or "none"
    meaning = f"{knob.meaning} (axis: one trial measures many values)" if knob.axis else knob.meaning
    return cells(prefix + knob.name, default, _range(owner, knob), meaning)


def _range(owner: type, knob: Knob) -> str:
    """Its words and the range of its numbers; its type where it has neither."""
    literals = [str(word) for kind in takes(owner, knob.name) if get_origin(kind) is Literal for word in get_args(kind)]
    numbers = f"{_end(knob.low, '')} .. {_end(knob.high, '')}".strip()
    return ", ".join([*knob.choices, *literals, *([numbers] if numbers != ".." else [])]) or knob.type


def _end(value: float | None, otherwise: str) -> str:
    return otherwise if value is None else plain(value)
