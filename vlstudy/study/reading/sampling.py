"""What a sampler and a pruner cannot do with a study."""

import math
from collections.abc import Collection, Sequence

from vlstudy.study.order import searched
from vlstudy.study.reading.place import Place
from vlstudy.study.space import Choice, Dimension, Grid, Int, LogInt, LogUniform, Uniform, describe
from vlstudy.study.spec import Arm, PrunerSpec, SearchSpec

_MODELS = "tpe, random, nsga2 and gp"  # samplers that take several objectives
_MOST_CELLS = 10_000  # more trials than any search of ours; the cells are enumerated


def check_sampler(
    search: Place | None, spec: SearchSpec, places: Sequence[Place], arms: Sequence[Arm], constraints: Collection[str]
) -> None:
    """Tells a grid that cannot be enumerated, and CMA-ES where there is nothing that it could move in.

    Args:
        search: the section, if the file has one.
        spec: what it says.
        places: the arms in the file.
        arms: what they say.
        constraints: metrics that a setting must hold.
    """
    if search is None or spec.sampler not in ("grid", "cmaes"):
        return
    at = search.children().get("sampler", search)
    if spec.sampler == "cmaes" and constraints:
        at.wrong(f"`cmaes` does not look at constraints, such as {min(constraints)}. Take tpe, nsga2 or gp.")
    for place, arm in zip(places, arms, strict=True):
        if spec.sampler == "grid":
            _check_grid(place, arm)
        else:
            _check_moves(at, arm)


def _check_grid(place: Place, arm: Arm) -> None:
    space = place.children().get("space", place)
    real = [item for item in searched(arm) if isinstance(item.distribution, Uniform | LogUniform)]
    for item in real[:1]:
        _entry(space, item).wrong(
            f"`{item.name}` is {describe(item.distribution)}, and sampler `grid` tries every value. "
            "Write {choice: [..]}, or take sampler `qmc`, which covers a range evenly."
        )
    cells = math.prod(_count(item) for item in searched(arm) if not item.when)
    if not real and cells > _MOST_CELLS:
        space.wrong(
            f"sampler `grid` would try {cells} cells, more than {_MOST_CELLS}. Leave values out, or take sampler "
            "`qmc`, which covers a space evenly."
        )


def _check_moves(at: Place, arm: Arm) -> None:
    drawn = [item for item in searched(arm) if not isinstance(item.distribution, Grid)]
    ranges = [item for item in drawn if not isinstance(item.distribution, Choice)]
    if drawn and all(item.when for item in ranges):
        why = "only ranges that do not always matter" if ranges else "none"
        at.wrong(
            f"`cmaes` moves in ranges of numbers, and arm `{arm.name}` has {why}, so that it would draw at random. "
            f"Take `tpe`{'' if ranges else ' or `grid`'}."
        )


def check_objectives(
    place: Place, search: Place | None, spec: SearchSpec, pruner: Place | None, pruning: PrunerSpec, objectives: int
) -> None:
    """Tells what works with one objective only."""
    if objectives < 2:
        return
    keys = search.children() if search else {}
    if spec.sampler == "cmaes":
        keys["sampler"].wrong(f"`cmaes` has one objective, and there are {objectives}. Take one of {_MODELS}.")
    if spec.replicates > 1:
        keys["replicates"].wrong("settings of a Pareto study have one seed: racing compares one number. Set it to 1.")
    if pruning.name not in ("asha", "none"):
        (pruner or place).wrong(
            f"`{pruning.name}` compares one number. With {objectives} objectives take asha or none."
        )


def _entry(space: Place, dimension: Dimension) -> Place:
    """Where a knob stands: under `space`, or in the block that has it."""
    if dimension.name in space.children():
        return space.children()[dimension.name]
    listed = space.children()["schedule"].children()["choice"].items()
    blocks = [block.children() for block in listed if dimension.name in block.children()]
    own = [block for block in blocks if "name" in block and block["name"].value() == dimension.when["schedule"]]
    return own[0][dimension.name]


def _count(dimension: Dimension) -> int:
    match dimension.distribution:
        case Choice(values) | Grid(values):
            return len(values)
        case Int(low, high) | LogInt(low, high):
            return high - low + 1
        case _:
            return 1
