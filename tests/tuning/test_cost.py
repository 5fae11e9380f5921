"""The law of a study's cost, with planted times."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import optuna
import pytest

from tests.tuning.fakes import study
from vlstudy.study.space import Choice, Dimension, Int, LogUniform
from vlstudy.study.spec import Arm, ConfirmSpec, PrunerSpec, SearchSpec, StudySpec
from vlstudy.tuning.cost import Span, cost, further_seeds
from vlstudy.tuning.pruning import pruner_of
from vlstudy.tuning.rehearsal import Rehearsal
from vlstudy.tuning.shares import surviving

PLANTED = Rehearsal(
    once=5.0,
    start=2.0,
    step=0.1,
    measurement=1.0,
    steps=100,
    measurements=10,
    checkpoint=1000,
    line=600,
    memory=10**9,
    gpu_memory=None,
)  # 2 + 100 * 0.1 + 10 * 1 = 22 seconds


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """A source of 50 images; with a batch of 10, 20 epochs are 100 steps."""

    def training_images(self) -> int:
        return 50


def planned(folder: Path, pruner: PrunerSpec, *space: Dimension, on: str = "", **search: object) -> StudySpec:
    lr = Dimension(name="train.lr", distribution=LogUniform(1e-4, 1e-2))
    fixed = {"train.batch": 10, "train.epochs": 20}
    fixed = {name: value for name, value in fixed.items() if name not in {item.name for item in space}}
    low = Arm(name="low", family="low", method="fma", fixed=fixed, space=(lr,))
    arm = Arm(name="arm", family="arm", method="fma", fixed=fixed, space=(lr, *space), on=on)
    spec = study(folder, arms=(low, arm), pruner=pruner, confirm=ConfirmSpec(top=2, seeds=5))
    return replace(spec, data=Pictures(), search=SearchSpec(**{"sampler": "random", "trials": 24, **search}))  # type: ignore[arg-type]


def test_without_a_pruner_every_trial_is_trained_to_its_end(tmp_path: Path) -> None:
    spec = planned(tmp_path, PrunerSpec(name="none"))
    found = cost(spec, spec.arms[1], PLANTED)
    assert found.reaching == (24.0,) and found.settings == 24
    assert (found.search.least, found.search.expected, found.search.most) == pytest.approx((528, 528, 528))
    assert found.confirmations == 10 and found.longest == pytest.approx(22)
    assert found.confirm.expected == pytest.approx(10 * (22 + 1))  # the test is a measurement more


def test_a_pruned_trial_costs_its_share_of_steps_and_measurements(tmp_path: Path) -> None:
    spec = planned(tmp_path, PrunerSpec(name="asha", reduction=3, grace=0.2))
    found = cost(spec, spec.arms[1], PLANTED)
    at_20, at_60, whole = 2 + 2 + 2, 2 + 6 + 6, 22
    _, first, second = found.reaching
    assert 8 < first < 10 and 2 < second < 5
    assert found.search.least == pytest.approx(whole + 23 * at_20)
    assert found.search.most == pytest.approx(24 * whole)
    assert found.search.expected == pytest.approx((24 - first) * at_20 + (first - second) * at_60 + second * whole)


def test_a_rung_is_met_at_the_next_measurement_and_the_end_stops_nobody(tmp_path: Path) -> None:
    pruner = PrunerSpec(name="asha", reduction=3, grace=0.2)
    spec = planned(tmp_path, pruner, Dimension(name="train.evaluations", distribution=Choice((2,))))
    two = cost(spec, spec.arms[1], replace(PLANTED, measurements=2))  # at 50 % and at the end
    assert len(two.reaching) == 2
    assert two.search.least == pytest.approx(14 + 23 * (2 + 5 + 1))
    at_once = replace(PLANTED, steps=0, step=0.0, measurements=1)
    probe = replace(spec.arms[1], method="linear_probe", fixed={}, space=())
    assert cost(spec, probe, at_once).reaching == (1.0,)


def test_the_ends_of_the_space_are_the_least_and_the_most(tmp_path: Path) -> None:
    spec = planned(tmp_path, PrunerSpec(name="none"), Dimension(name="train.epochs", distribution=Int(10, 40)))
    found = cost(spec, spec.arms[1], PLANTED)
    assert found.search.least == pytest.approx(24 * (2 + 5 + 10))
    assert found.search.most == pytest.approx(24 * (2 + 20 + 10)) and found.longest == pytest.approx(32)


def test_further_seeds_are_whole_trainings(tmp_path: Path) -> None:
    spec = planned(tmp_path, PrunerSpec(name="none"), replicates=3)
    found = cost(spec, spec.arms[1], PLANTED)
    assert found.seeds == Span(0, 12 + 6, 48) == further_seeds(24, 24, 3)
    assert found.search.expected == pytest.approx((24 + 18) * 22) and found.search.most == pytest.approx(72 * 22)


def test_the_arm_below_is_trained_again_for_each_seed(tmp_path: Path) -> None:
    spec = planned(tmp_path, PrunerSpec(name="none"), on="low")
    alone, above = cost(spec, spec.arms[1], PLANTED), cost(spec, spec.arms[1], PLANTED, replace(PLANTED, start=8.0))
    assert above.search.expected - alone.search.expected == pytest.approx(28)
    assert above.confirm.expected - alone.confirm.expected == pytest.approx(10 * 28)


@pytest.mark.parametrize("name", ["asha", "median", "hyperband"])
def test_the_shares_are_those_of_optunas_pruners(name: str) -> None:
    spec = PrunerSpec(name=name, reduction=3, grace=0.1)  # type: ignore[arg-type]
    simulated = [_simulated(spec, 30, seed) for seed in range(40)]
    seen = [fmean(column) for column in zip(*simulated, strict=True)]
    assert list(surviving(spec, 30)) == pytest.approx(seen, rel=0.15, abs=0.5)


def _simulated(spec: PrunerSpec, trials: int, seed: int) -> list[int]:
    """Trials of a synthetic study that met each rung, one after the other, whose values do not change as they train."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    places, pruner = random.Random(seed), pruner_of(spec)
    made = optuna.create_study(study_name=f"study {seed}", pruner=pruner, sampler=optuna.samplers.RandomSampler(seed))
    passed: list[int] = []
    for _ in range(trials):
        passed.append(_run(made, spec, places.random))
    return [trials, *(sum(count > place for count in passed) for place in range(len(spec.rungs)))]


def _run(made: optuna.Study, spec: PrunerSpec, value: Callable[[], float]) -> int:
    """How many rungs a trial passed."""
    trial, height, stops = made.ask(), value(), [*spec.rungs, 100]
    for passed, percent in enumerate(stops):
        trial.report(height, percent)
        if percent < 100 and trial.should_prune():
            made.tell(trial, state=optuna.trial.TrialState.PRUNED)
            return passed
    made.tell(trial, height)
    return len(spec.rungs)
