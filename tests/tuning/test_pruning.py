"""Trial pruning as the journal has it: Optuna's own for single seeds, by the setting's mean for further ones."""

import random
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import Trial, TrialState

from tests.tuning.fakes import FakeWork, searched, study
from vlstudy.journal.entries import GROUP, REASON, REPLICATE
from vlstudy.journal.folder import write_header
from vlstudy.journal.ledger import Ledger
from vlstudy.measurement import Measurement, Point
from vlstudy.study.spec import PrunerSpec
from vlstudy.tuning.pruning import judge, pruner_of

ASHA = PrunerSpec(name="asha", reduction=3, grace=0.3)
STEPS = 10


def ledger_in(folder: Path, objective: str = "val/accuracy") -> Ledger:
    """An empty journal of one arm, `a`."""
    spec = study(folder, arms=(searched("a"),), objective=objective)
    header = FakeWork().header(spec, {})
    write_header(folder, header, spec.text)
    return Ledger(folder, header)


def heard(ledger: Ledger, number: int, step: int, value: float, spec: PrunerSpec) -> bool:
    """Whether the trial ends as pruned at this measurement; the last one completes it."""
    point = Point(axis={}, metrics={ledger.header.objective: value})
    measurement = Measurement(step=step, progress=step / STEPS, points=(point,), choice=0)
    assert ledger.record("a", number, measurement)
    if step == STEPS:
        ledger.complete("a", number, [value])
        return False
    return judge(ledger, "a", number, spec)


@pytest.mark.parametrize("objective", ["val/accuracy", "val/cross_entropy"])
@pytest.mark.parametrize("name", ["asha", "hyperband", "median"])
def test_with_one_seed_a_setting_random_journals_are_pruned_as_by_optuna_itself(
    tmp_path: Path, name: Any, objective: str
) -> None:
    """The same arrivals in an Optuna study in memory that knows nothing of groups; up to four trials run at once."""
    spec, draw = PrunerSpec(name=name, reduction=2, grace=0.2), random.Random(f"{name} {objective}")
    ledger = ledger_in(tmp_path, objective)
    memory = optuna.create_study(
        study_name="search/a", direction=ledger.header.direction, pruner=pruner_of(spec)
    )  # Hyperband's bracket follows from the study's name and the trial's number
    running: dict[int, tuple[Trial, int]] = {}
    ours, theirs = [], []
    while len(memory.trials) < 16 or running:
        if len(memory.trials) < 16 and ((len(running) < 4 and draw.random() < 0.5) or not running):
            trial = memory.ask()
            assert ledger.begin("a", {}, {}, {}) == trial.number
            running[trial.number] = (trial, 0)
            continue
        number = draw.choice(sorted(running))
        trial, step = running.pop(number)
        value, percent = draw.random(), round(100 * (step + 1) / STEPS)
        ours.append((number, percent, heard(ledger, number, step + 1, value, spec)))
        trial.report(value, percent)
        stops = step + 1 < STEPS and trial.should_prune()
        theirs.append((number, percent, stops))
        if stops or step + 1 == STEPS:
            memory.tell(trial, None if stops else value, TrialState.PRUNED if stops else TrialState.COMPLETE)
        else:
            running[number] = (trial, step + 1)
    assert ours == theirs
    assert any(stops for _, _, stops in ours)
    assert [trial.state for trial in ledger.trials("a")] == [trial.state for trial in memory.trials]


def complete(ledger: Ledger, values: list[float]) -> int:
    """A setting whose first seed was measured so until 30 % and at the end."""
    number = ledger.begin("a", {}, {}, {})
    for step in (1, 2, 3):
        assert not heard(ledger, number, step, values[0], PrunerSpec(name="none"))
    heard(ledger, number, STEPS, values[1], ASHA)
    return number


def again(ledger: Ledger, group: int, replicate: int = 1) -> int:
    """A further seed of a setting."""
    return ledger.begin("a", {}, {}, {}, attributes={GROUP: group, REPLICATE: replicate})


def test_a_further_seed_is_judged_by_the_mean_of_its_setting_and_the_reason_says_so(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    best, other = complete(ledger, [0.8, 0.9]), complete(ledger, [0.5, 0.6])
    unlucky, lucky = again(ledger, best), again(ledger, other)
    assert not heard(ledger, unlucky, 3, 0.5, ASHA)  # 0.65 in the mean
    assert heard(ledger, lucky, 3, 0.7, ASHA)  # 0.6 in the mean, though 0.7 > 0.5
    trial = ledger.trial("a", lucky)
    assert trial.state == TrialState.PRUNED
    assert trial.user_attrs[REASON].startswith("asha at 30 % of the training: a further seed")


def test_a_further_seed_is_judged_at_the_rungs_only(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    best, other = complete(ledger, [0.8, 0.9]), complete(ledger, [0.5, 0.6])
    ahead, behind = again(ledger, best), again(ledger, other)
    for step in (1, 2):
        assert not heard(ledger, ahead, step, 0.8, ASHA)
        assert not heard(ledger, behind, step, 0.1, ASHA)
    assert not heard(ledger, ahead, 3, 0.8, ASHA)
    assert heard(ledger, behind, 3, 0.1, ASHA)


def test_no_seed_is_pruned_where_the_study_prunes_nothing(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    best, other = complete(ledger, [0.8, 0.9]), complete(ledger, [0.5, 0.6])
    for group, value in ((best, 0.8), (other, 0.1)):
        assert not heard(ledger, again(ledger, group), 3, value, PrunerSpec(name="none"))


def test_a_new_setting_is_compared_with_settings_however_many_seeds_these_have(tmp_path: Path) -> None:
    """The median of five settings is 0.2; that of their nine trials is 0.8."""
    ledger, median = ledger_in(tmp_path), PrunerSpec(name="median", grace=0.3)
    numbers = [complete(ledger, [value, value]) for value in (0.2, 0.2, 0.2, 0.8, 0.8)]
    for number in numbers[3:]:
        for replicate in (1, 2):
            further = again(ledger, number, replicate)
            assert not heard(ledger, further, 3, 0.8, PrunerSpec(name="none"))
            heard(ledger, further, STEPS, 0.8, ASHA)
    assert not heard(ledger, ledger.begin("a", {}, {}, {}), 3, 0.5, median)
    assert heard(ledger, ledger.begin("a", {}, {}, {}), 3, 0.1, median)


def test_a_decision_on_a_further_seed_is_the_same_after_the_journal_is_opened_again(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    best, other = complete(ledger, [0.8, 0.9]), complete(ledger, [0.5, 0.6])
    assert not heard(ledger, again(ledger, best), 3, 0.8, ASHA)
    behind = again(ledger, other)
    opened = Ledger(tmp_path, ledger.header)
    assert heard(opened, behind, 3, 0.1, ASHA)
    assert not judge(opened, "a", behind, ASHA)  # asked once for each percentage
