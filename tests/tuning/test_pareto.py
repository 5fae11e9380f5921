"""Several objectives and constraints in a search: fronts, rungs, and what is chosen."""

from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import TrialState, create_trial

from tests.tuning.fakes import FakeWork, searched, study
from vlstudy.bounds import Bound
from vlstudy.journal import Header, folder_of, read
from vlstudy.journal.folder import write_header
from vlstudy.journal.ledger import Ledger
from vlstudy.journal.records import Objective
from vlstudy.measurement import Measurement, Point
from vlstudy.study.spec import PrunerSpec, SearchSpec, StudySpec
from vlstudy.tuning.pareto import crowding, objectives_of, order, ranks
from vlstudy.tuning.search import Search
from vlstudy.tuning.standing import best_trials

OTHER, LIMIT = "val/cross_entropy", {"val/effective_dimension": Bound(">=", 8.0)}


def asked(folder: Path, **changes: object) -> tuple[StudySpec, Header]:
    """Two objectives, a constraint and successive halving."""
    spec = study(
        folder,
        arms=(searched("a"),),
        search=SearchSpec(sampler="tpe", trials=24, seed=0),
        pruner=PrunerSpec(name="asha", reduction=2, grace=0.2),
    )
    spec = replace(spec, **{"others": (OTHER,), "constraints": LIMIT, **changes})  # type: ignore[arg-type]
    others = tuple(Objective(name=name, direction="minimize", unit="number") for name in spec.others)
    header = FakeWork().header(spec, {})
    return spec, replace(header, others=others, constraints={name: str(b) for name, b in spec.constraints.items()})


def measured(x: float, noise: float, step: int) -> Measurement:
    """Accuracy rises with x and cross entropy too, so that all of them trade; noise makes both worse."""
    share = step / 10
    metrics = {
        "val/accuracy": share * (x - 0.5 * noise),
        OTHER: 2 - share * (1 - x**2 - noise),
        "val/effective_dimension": 20 * (1 - x),
    }
    return Measurement(step=step, progress=share, points=(Point(axis={}, metrics=metrics),), choice=0)


def run(spec: StudySpec, header: Header, reports: Path, *, lives: int = 1000) -> Path:
    """A search trial by trial, in sittings of so many trials."""
    folder = folder_of(spec, reports)
    write_header(folder, header, spec.text)
    while True:
        search, left = Search(spec, Ledger(folder, header), lambda line: None), lives
        while left and (handout := search.next()):
            left -= 1
            x, noise = (1 + _log(handout.settings["train.lr"])) / 2, handout.settings["method.noise"]
            for step in range(1, 11):
                if search.heard(handout.arm, handout.number, measured(x, noise, step)):
                    break
        if search.finished:
            return folder


def _log(rate: float) -> float:
    import math

    return (math.log10(rate) + 3) / 2


def test_fronts_and_crowding_by_hand() -> None:
    assert ranks([(3, 1), (1, 3), (2, 2), (1, 1), (2, 1)]) == [0, 0, 0, 2, 1]
    assert ranks([]) == [] and ranks([(1, 1), (1, 1)]) == [0, 0]
    assert crowding([(0, 4), (1, 2), (4, 0)]) == [float("inf"), 2.0, float("inf")]
    assert crowding([(1, 1), (1, 1), (1, 1)])[1] == 0.0


def test_a_pareto_search_prunes_the_dominated_and_resumes_alike(tmp_path: Path) -> None:
    spec, header = asked(tmp_path)
    whole, parts = read(run(spec, header, tmp_path / "1")), read(run(spec, header, tmp_path / "2", lives=1))
    assert [(t.verdict, t.settings, t.reason) for t in whole.trials] == [
        (t.verdict, t.settings, t.reason) for t in parts.trials
    ]
    pruned = [trial for trial in whole.trials if trial.verdict == "pruned"]
    assert 4 <= len(pruned) <= 20 and all("non-dominated" in trial.reason for trial in pruned)
    complete = [trial for trial in whole.trials if trial.verdict == "complete"]
    worst = [sum(t.settings["method.noise"] for t in some) / len(some) for some in (pruned, complete)]
    assert worst[0] > worst[1]  # noise makes both objectives worse


def test_only_settings_that_hold_are_chosen(tmp_path: Path) -> None:
    spec, header = asked(tmp_path, pruner=PrunerSpec(name="none"))
    folder = run(spec, header, tmp_path)
    ledger = Ledger(folder, header)
    best = best_trials(ledger, "a", 3)
    trials = {trial.number: trial for trial in read(folder).trials}
    holds = {n: t.measurements[-1].metrics["val/effective_dimension"] >= 8 for n, t in trials.items()}
    assert all(holds[trial.number] for trial in best) and not all(holds.values())
    primary = [trials[trial.number].measurements[-1].metrics["val/accuracy"] for trial in best]
    assert primary[0] == max(t.measurements[-1].metrics["val/accuracy"] for n, t in trials.items() if holds[n])
    assert primary == sorted(primary, reverse=True)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "gp"])
def test_samplers_learn_what_holds(tmp_path: Path, sampler: str) -> None:
    narrow = {"val/effective_dimension": Bound(">=", 14.0)}
    spec, header = asked(tmp_path, pruner=PrunerSpec(name="none"), others=(), constraints=narrow)
    spec = replace(spec, search=SearchSpec(sampler=sampler, trials=32, seed=1))  # type: ignore[arg-type]
    trials = read(run(spec, header, tmp_path)).trials
    near = 13.5  # a Gaussian process sits on the limit itself, where the best of those that hold is
    holds = [trial.measurements[-1].metrics["val/effective_dimension"] >= near for trial in trials]
    assert sum(holds[20:]) / 12 > sum(holds[:10]) / 10


def test_without_a_setting_that_holds_the_least_violation_is_first() -> None:
    trials = []
    for number, (value, excess) in enumerate([(0.9, 3.0), (0.5, 1.0), (0.7, 1.0)]):
        trial = create_trial(state=TrialState.COMPLETE, value=value, constraints={"x": excess})
        trial.number = number
        trials.append(trial)
    assert [trial.number for trial in order(trials, ["maximize"])] == [2, 1, 0]


def test_a_metric_that_is_missing_is_named(tmp_path: Path) -> None:
    spec, _ = asked(tmp_path)
    point = Point(axis={}, metrics={"val/accuracy": 0.5, OTHER: 1.0})
    now = Measurement(step=1, progress=0.1, points=(point,), choice=0)
    assert objectives_of(now, spec) == "val/effective_dimension was not measured"
    assert objectives_of(measured(0.5, 0.0, 10), spec) == (0.5, 1.25)
