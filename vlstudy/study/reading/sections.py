"""The parts of a study file that have keys of their own: search, pruner, confirm, budget, stop and their like."""

from typing import TypeVar

from vlstudy.knobs import knobs
from vlstudy.study.reading.fields import checked
from vlstudy.study.reading.place import Place
from vlstudy.study.spec import (
    BackboneSpec,
    BudgetSpec,
    ConfirmSpec,
    FailureSpec,
    PrunerSpec,
    ResourceSpec,
    SearchSpec,
    SinkSpec,
    StopSpec,
)

Section = TypeVar(
    "Section",
    BackboneSpec,
    BudgetSpec,
    ConfirmSpec,
    FailureSpec,
    PrunerSpec,
    ResourceSpec,
    SearchSpec,
    SinkSpec,
    StopSpec,
)


def section(kind: type[Section], place: Place | None) -> Section:
    """A section with its defaults; the fields that are wrong are told and left at theirs."""
    if place is None:
        return kind()
    if not place.is_mapping():
        place.wrong(f"needs a mapping with keys from {', '.join(knobs(kind))}; got {place.got()}.")
    return kind(**checked(kind, place.children()))


def search(place: Place | None) -> SearchSpec:
    """How settings are asked for."""
    found = section(SearchSpec, place)
    if place and "race" in place.children() and found.replicates == 1:
        place.children()["race"].wrong_key(
            "`race` decides who gets another seed, and there is one. Set replicates to 2 or more."
        )
    return found


def pruner(place: Place | None) -> PrunerSpec:
    """A word, or a mapping with `name`."""
    if place is None or place.is_mapping():
        return section(PrunerSpec, place)
    return PrunerSpec(**checked(PrunerSpec, {"name": place}))


def confirm(place: Place | None, search: SearchSpec) -> ConfirmSpec:
    """The seeds of the confirmation, none of which the search has seen."""
    found = section(ConfirmSpec, place)
    inner = place.children().get("seeds") if place else None
    seen = {search.seed_of(replicate): replicate for replicate in range(search.replicates)}
    if inner is None:
        return found
    if found.seeds == 0:
        inner.wrong("needs at least one seed: without it nothing is measured on the test split.")
    listed = found.seeds if isinstance(found.seeds, tuple) else ()
    for index, item in enumerate(inner.items() if listed else ()):
        if listed[index] == search.seed:
            item.wrong(f"{search.seed} is search.seed, on whose draw the settings were chosen. Take another.")
        elif listed[index] in seen:
            item.wrong(f"{listed[index]} is the search's seed of replicate {seen[listed[index]]}. Take another.")
        elif listed[index] in listed[:index]:
            item.wrong(f"seed {listed[index]} stands in the list twice. Keep one.")
    return found


def resources(place: Place | None) -> ResourceSpec:
    """What one trial takes."""
    found = section(ResourceSpec, place)
    if place and found.gpus > 1 and not found.gpus.is_integer():
        place.children()["gpus"].wrong("only one GPU can be shared in parts. Write a whole number, or one below 1.")
    return found


def budget(place: Place | None, asked: ResourceSpec) -> BudgetSpec:
    """When the search stops asking; money needs a price, and GPU hours a GPU."""
    found = section(BudgetSpec, place)
    if place is None:
        return found
    keys = place.children()
    for name in ("minutes", "gpu_hours", "money", "trial_minutes"):
        if getattr(found, name) == 0:
            keys[name].wrong("must be more than 0. Leave the key out for no limit.")
    if found.money is not None and found.price_per_gpu_hour is None:
        keys["money"].wrong("needs the price of an hour: set budget.price_per_gpu_hour too.")
    for name in ("money", "gpu_hours"):
        if getattr(found, name) is not None and not asked.gpus:
            keys[name].wrong("counts hours of GPUs, and a trial takes none. Set resources.gpus, or limit `minutes`.")
    return found
