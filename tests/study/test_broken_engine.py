"""One fault a file in what the engine is asked: seeds, objectives, constraints, budgets, sinks."""

from pathlib import Path

import pytest

from tests.study.files import one_fault

SEARCH = "{sampler: tpe, trials: 24, seed: 0}"
BUDGET = "budget: {minutes: 10}\n"
OBJECTIVE = "objective: val/accuracy"
PARETO = (OBJECTIVE, "objective: [val/accuracy, val/cross_entropy]")
ALSO = {
    "sampler of one objective": (PARETO,),
    "pruner of one objective": (PARETO,),
    "replicates of a Pareto study": (PARETO,),
}

# (before, after): line, column, dotted place, what the message says
FAULTS: dict[str, tuple[tuple[str, str], int, int, str, str]] = {
    "race of one": (
        (SEARCH, "{sampler: tpe, trials: 24, seed: 0, race: wilcoxon}"),
        21,
        45,
        "search",
        "`race` decides who gets another seed, and there is one. Set replicates",
    ),
    "unknown race": (
        (SEARCH, "{sampler: tpe, trials: 24, replicates: 3, race: wilcoxn}"),
        21,
        57,
        "search.race",
        "Did you mean `wilcoxon`?",
    ),
    "no replicates": (
        (SEARCH, "{sampler: tpe, trials: 24, replicates: 0}"),
        21,
        48,
        "search.replicates",
        "must be at least 1, got `0`.",
    ),
    "objective twice": (
        (OBJECTIVE, "objective: [val/accuracy, val/accuracy]"),
        5,
        27,
        "objective[1]",
        "`val/accuracy` stands in the list twice. Keep one.",
    ),
    "objectives: one unknown": (
        (OBJECTIVE, "objective: [val/accuracy, val/raw_gapp]"),
        5,
        27,
        "objective[1]",
        "Did you mean `val/raw_gap`?",
    ),
    "objectives: one on test": (
        (OBJECTIVE, "objective: [val/accuracy, test/raw_gap]"),
        5,
        27,
        "objective[1]",
        "Did you mean `val/raw_gap`?",
    ),
    "four objectives": (
        (OBJECTIVE, "objective: [val/accuracy, val/cross_entropy, val/mean_class_accuracy, val/worst_class_accuracy]"),
        5,
        12,
        "objective",
        "4 objectives; on more than 3 nearly every setting is non-dominated. Le",
    ),
    "objective that needs captions": (
        (OBJECTIVE, "objective: [val/accuracy, val/mean_recall]"),
        5,
        27,
        "objective[1]",
        "`val/mean_recall` compares images with captions, and the data has none",
    ),
    "sampler of one objective": (
        ("sampler: tpe", "sampler: cmaes"),
        21,
        19,
        "search.sampler",
        "`cmaes` has one objective, and there are 2. Take one of tpe, random, n",
    ),
    "pruner of one objective": (
        ("name: asha", "name: median"),
        22,
        9,
        "pruner",
        "`median` compares one number. With 2 objectives take asha or none.",
    ),
    "replicates of a Pareto study": (
        ("seed: 0", "replicates: 3"),
        21,
        48,
        "search.replicates",
        "settings of a Pareto study have one seed: racing compares one number. ",
    ),
    "constraint without a sign": (
        (BUDGET, BUDGET + "constraints: {val/effective_dimension: 8}\n"),
        26,
        40,
        "constraints.val/effective_dimension",
        'needs a comparison with a number, such as ">= 8"; got `8`. Write ">= 8',
    ),
    "constraint of an unknown metric": (
        (BUDGET, BUDGET + 'constraints: {val/efective_dimension: ">= 8"}\n'),
        26,
        15,
        "constraints",
        "Did you mean `val/effective_dimension`?",
    ),
    "constraint on test": (
        (BUDGET, BUDGET + 'constraints: {test/raw_gap: "< 1"}\n'),
        26,
        15,
        "constraints",
        "Did you mean `val/raw_gap`?",
    ),
    "constraint that is a word": (
        (BUDGET, BUDGET + "constraints: {val/raw_gap: small}\n"),
        26,
        28,
        "constraints.val/raw_gap",
        'needs a comparison with a number, such as ">= 8"; got the text `small`',
    ),
    "constraints that are a list": (
        (BUDGET, BUDGET + "constraints: [val/raw_gap]\n"),
        26,
        14,
        "constraints",
        'needs a mapping such as {val/effective_dimension: ">= 8"}, got a list.',
    ),
    "money without a price": (
        (BUDGET, "budget: {money: 10}\n"),
        25,
        17,
        "budget.money",
        "needs the price of an hour: set budget.price_per_gpu_hour too.",
    ),
    "money without GPUs": (
        (BUDGET, "budget: {money: 10, price_per_gpu_hour: 2}\n"),
        25,
        17,
        "budget.money",
        "counts hours of GPUs, and a trial takes none. Set resources.gpus, or l",
    ),
    "hours of no GPU": (
        (BUDGET, "budget: {gpu_hours: 4}\n"),
        25,
        21,
        "budget.gpu_hours",
        "counts hours of GPUs, and a trial takes none. Set resources.gpus, or l",
    ),
    "a trial of no minutes": (
        (BUDGET, "budget: {trial_minutes: 0}\n"),
        25,
        25,
        "budget.trial_minutes",
        "must be more than 0. Leave the key out for no limit.",
    ),
    "trials that are no number": (
        (BUDGET, "budget: {trials: many}\n"),
        25,
        18,
        "budget.trials",
        "needs a whole number or null, got the text `many`.",
    ),
    "unknown budget": ((BUDGET, "budget: {gpu_hour: 4}\n"), 25, 10, "budget", "Did you mean `gpu_hours`?"),
    "patience of nothing": (
        (BUDGET, BUDGET + "stop: {patience: 0}\n"),
        26,
        18,
        "stop.patience",
        "must be at least 1, got `0`.",
    ),
    "unknown stop": ((BUDGET, BUDGET + "stop: {targt: 0.9}\n"), 26, 8, "stop", "Did you mean `target`?"),
    "target that is a word": (
        (BUDGET, BUDGET + "stop: {target: best}\n"),
        26,
        16,
        "stop.target",
        "needs a number or null, got the text `best`.",
    ),
    "pause after nothing": (
        (BUDGET, BUDGET + "failures: {pause_after: 0}\n"),
        26,
        25,
        "failures.pause_after",
        "must be at least 1, got `0`.",
    ),
    "unknown sink": ((BUDGET, BUDGET + "sinks: {tensorbord: true}\n"), 26, 9, "sinks", "Did you mean `tensorboard`?"),
    "sink that is a word": (
        (BUDGET, BUDGET + "sinks: {tensorboard: yes}\n"),
        26,
        22,
        "sinks.tensorboard",
        "needs true or false, got the text `yes`. Write true.",
    ),
    "confirm on a replicate's seed": (
        (
            "trials: 24, seed: 0}\npruner: {name: asha, reduction: 3, grace: 0.2}\nconfirm: {top: 1, seeds: 5}",
            "trials: 9, replicates: 3}\npruner: none\nconfirm: {top: 1, seeds: [1, 10000]}",
        ),
        23,
        30,
        "confirm.seeds[1]",
        "10000 is the search's seed of replicate 1. Take another.",
    ),
}


@pytest.mark.parametrize(("change", "line", "column", "where", "says"), FAULTS.values(), ids=FAULTS)
def test_one_fault(
    tmp_path: Path,
    change: tuple[str, str],
    line: int,
    column: int,
    where: str,
    says: str,
    request: pytest.FixtureRequest,
) -> None:
    one_fault(tmp_path, (change, *ALSO.get(request.node.callspec.id, ())), (line, column, where), says)
