"""Our studies on pairs, shrunk, through the real work: every arm trains and is measured."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from tests.toy_pairs import toy_pairs
from vlstudy.data.pair_pool import PairPool
from vlstudy.data.sets import Group, Splits
from vlstudy.study.reading import read
from vlstudy.study.spec import Arm, StudySpec
from vlstudy.tuning import work
from vlstudy.tuning.asking import wanted
from vlstudy.tuning.work import Training

STUDIES = Path(__file__).parents[2] / "studies"


class Toy:
    """The toy's pairs in place of the study's data, for any seed."""

    facts: ClassVar[Mapping[str, str]] = {}

    def dev(self, seed: int) -> object:
        return toy_pairs(seed=seed)

    def confirm(self, seed: int) -> Splits:
        dev = toy_pairs(seed=seed)
        return Splits(dev=dev, test=(Group(name="", images=dev.val, classes=dev.classes),))


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def short(arm: Arm) -> Arm:
    lengths = {"train.epochs": 2, "train.batch": 16, "train.evaluations": 1}
    return replace(arm, fixed={**arm.fixed, **({} if arm.method in ("zero_shot", "mean_centring") else lengths)})


@pytest.mark.parametrize("name", ["variance_aware", "tpc_cma", "gap_predicts", "noise"])
def test_every_arm_of_our_studies_trains_and_is_tested(
    name: str, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    spec = read(STUDIES / f"{name}.yaml")
    monkeypatch.setattr(work, "_pool", lambda spec, arm: Toy())
    training = Training()
    for family in {arm.family: arm for arm in spec.arms}.values():
        arm, settings = short(family), {"train.lr": 1e-3} if any(d.name == "train.lr" for d in family.space) else {}
        *_, (measurement, state) = training.train(spec, arm, settings, seed=1, fresh=True, state=None, base=None)
        assert spec.objective in measurement.metrics
        found, evidence = training.test(spec, arm, settings, state, seed=1, base=None, look=False)
        assert spec.tested in found.metrics and evidence == {}


@pytest.mark.parametrize(("name", "arms", "trials"), [("variance_aware", 8, 3), ("tpc_cma", 6, 4), ("noise", 36, 1)])
def test_how_much_they_ask(name: str, arms: int, trials: int) -> None:
    spec: StudySpec = read(STUDIES / f"{name}.yaml")
    assert len(spec.arms) == arms and max(wanted(arm, spec.search) for arm in spec.arms) == trials


def test_the_real_data_of_a_study() -> None:
    spec = read(STUDIES / "noise.yaml")
    arm = next(arm for arm in spec.arms if dict(arm.condition) == {"noise": "pair", "noise_level": 0.5})
    pool = work._pool(spec, arm)
    assert isinstance(pool, PairPool) and pool.noise.on("pair") and pool.noisy_tests == ("caption", "pixel")
