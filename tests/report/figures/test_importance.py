"""Which knobs mattered, in arms whose knobs follow others, wait for others, or belong to one of several schedules."""

import math
import random
from typing import Any

import pytest

from tests.report.records import LR, arm_header, header, trial
from vlstudy.journal import StudyRecord
from vlstudy.report.figures import importance

SPACE = {
    LR: "log-uniform 1e-4 .. 0.01",
    "train.weight_decay": f"tied to {LR}, times 0.1",
    "method.noise": "uniform 0 .. 1",
    "schedule": "one of a, b",
    "schedule.beta": "uniform 0 .. 0.5 when schedule = a; log-uniform 1 .. 9 when schedule = b",
}


def settings_of(chance: random.Random) -> dict[str, Any]:
    rate, block = 10 ** chance.uniform(-4, -2), chance.choice("ab")
    beta = chance.uniform(0, 0.5) if block == "a" else 9 ** chance.random()
    own = {LR: rate, "train.weight_decay": 0.1 * rate, "method.noise": chance.random()}
    return {**own, "schedule": block, "schedule.beta": beta}


def record_of(height: Any, space: dict[str, str] = SPACE) -> StudyRecord:
    chance = random.Random(0)
    drawn = [settings_of(chance) for _ in range(200)]
    trials = [trial("a", number, {1.0: height(own)}, settings=own) for number, own in enumerate(drawn)]
    return StudyRecord(folder="", text="", header=header(arm_header("a", space=space)), trials=tuple(trials))


def shares(record: StudyRecord) -> dict[str, float]:
    frame = importance.numbers(record).set_index("knob")
    return {str(knob): float(share) for knob, share in frame["importance"].items()}


def test_a_tied_knob_takes_no_share() -> None:
    found = shares(record_of(lambda own: -abs(own[LR] - 1e-3)))
    alone = {name: words for name, words in SPACE.items() if name != "train.weight_decay"}
    assert found == shares(record_of(lambda own: -abs(own[LR] - 1e-3), alone))
    assert found.keys() == alone.keys() and found[LR] > 0.9


def test_a_knob_of_two_blocks_does_not_answer_for_their_choice() -> None:
    """Its value tells the block, as their ranges do not meet; the block alone matters here."""
    found = shares(record_of(lambda own: (own["schedule"] == "b") + 0.01 * math.sin(1e7 * own[LR])))
    assert found["schedule.beta"] < found["schedule"]


@pytest.mark.parametrize("block", ["a", "b"])
def test_a_knob_that_matters_in_one_block_is_found(block: str) -> None:
    best = {"a": 0.25, "b": 3.0}[block]
    found = shares(record_of(lambda own: -abs(own["schedule.beta"] / best - 1) if own["schedule"] == block else -2.0))
    assert found["schedule.beta"] > 2 * max(found[LR], found["method.noise"])
