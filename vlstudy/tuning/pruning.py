"""Whether a trial stops early: Optuna's pruners, asked about the journal."""

from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, SuccessiveHalvingPruner

from vlstudy.journal.entries import JUDGED, REPLICATE
from vlstudy.journal.ledger import Ledger
from vlstudy.study.spec import PrunerSpec
from vlstudy.tuning.groups import groups_of, shown
from vlstudy.tuning.pareto import RANK, dominated
from vlstudy.tuning.racing import falls_behind

_WHY = {
    "asha": "not among the best 1/{reduction} of its rung",
    "hyperband": "not among the best 1/{reduction} of its bracket's rung",
    "median": "worse than the median of the complete trials",
}


def pruner_of(spec: PrunerSpec) -> BasePruner | None:
    """Optuna's pruner, with resource counted in whole percent of the training; None if no trial is pruned."""
    grace = max(1, round(100 * spec.grace))
    match spec.name:
        case "asha":
            return SuccessiveHalvingPruner(
                min_resource=grace, reduction_factor=spec.reduction, min_early_stopping_rate=0, bootstrap_count=0
            )
        case "hyperband":
            return HyperbandPruner(
                min_resource=grace, max_resource=100, reduction_factor=spec.reduction, bootstrap_count=0
            )
        case "median":
            return MedianPruner(n_startup_trials=5, n_warmup_steps=grace, interval_steps=1, n_min_trials=1)
        case "none":
            return None


def judge(ledger: Ledger, arm: str, number: int, spec: PrunerSpec) -> bool:
    """True if the trial ends as pruned; asked once for each percentage, also across interruptions.

    A setting's first seed is compared with the settings' means, a further one by its setting's mean with the means of
    as many seeds at equal progress. The pruner looks at the journal through a rehearsal: what it
    notes (a rung that was reached) is written together with its decision, so that a crash between the two cannot turn
    a pruned trial into one that passed.
    """
    pruner, trial = pruner_of(spec), ledger.trial(arm, number)
    percent = trial.last_step
    if pruner is None or percent is None or percent <= trial.user_attrs.get(JUDGED, {}).get("percent", -1):
        return False
    why = _WHY.get(spec.name, "").format(reduction=spec.reduction)
    if len(ledger.header.objectives) > 1:
        pruned, notes = dominated(ledger, arm, number, percent, spec)
        said = f"rank {notes[RANK]} of the non-dominated fronts"
    elif trial.user_attrs.get(REPLICATE, 0):
        before, notes = trial.user_attrs.get(JUDGED, {}).get("percent", -1), {}
        rung = any(before < rung <= percent for rung in spec.rungs)
        direction = ledger.header.direction
        pruned = rung and falls_behind(groups_of(ledger.trials(arm)), number, percent, direction=direction)
        said, why = "a further seed", "with which its setting is not in the better half of those with as many seeds"
    else:
        study, notes = ledger.rehearsal(arm, pruner=pruner, view=shown)
        pruned = pruner.prune(study, trial)
        said = f"{trial.intermediate_values[percent]:.4g}"
    reason = f"{spec.name} at {percent} % of the training: {said}, {why}"
    ledger.judge(arm, number, percent, reason=reason if pruned else "", notes=notes)
    return pruned
