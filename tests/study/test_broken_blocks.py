"""One fault a file in the blocks of an arm that chooses its schedule."""

from pathlib import Path

import pytest

from tests.study.blocks import BLOCKS
from tests.study.files import one_fault

Changes = tuple[tuple[str, str], ...]

# what is changed: line, column, dotted place, what the message says
FAULTS: dict[str, tuple[Changes, tuple[int, int, str], str]] = {
    "block with a condition": (
        (("{uniform: [0.5, 1.0]}", "{uniform: [0.5, 1.0], when: {train.batch: 32}}"),),
        (24, 51, "arms[0].space.schedule.choice[1].schedule.gamma"),
        "because it stands in its block. Remove `when`.",
    ),
    "block with an unknown knob": (
        (("schedule.total", "schedule.totl"),),
        (26, 13, "arms[0].space.schedule.choice[1]"),
        "Did you mean `schedule.total`?",
    ),
    "knob of a block outside": (
        (("      schedule:\n", "      schedule.gamma: {uniform: [0, 1]}\n      schedule:\n"),),
        (19, 7, "arms[0].space"),
        "Write it in the block of that schedule.",
    ),
    "tie in a block to nothing": (
        (("{tied: schedule.gamma, times: 0.1}", "{tied: schedule.gama}"),),
        (25, 36, "arms[0].space.schedule.choice[1].schedule.a_min.tied"),
        "Did you mean `schedule.gamma`?",
    ),
    "tie in a block to another block": (
        (
            ("{choice: [0.1, 0.9]}}", "{tied: schedule.gamma}}"),
            ("      - {schedule: entropy_out, schedule.beta: 0.9}\n", ""),
        ),
        (26, 55, "arms[0].space.schedule.choice[2].schedule.beta.tied"),
        "tie it to a knob that is always drawn: schedule, train.batch, train.lr.",
    ),
    "tie in a block out of range": (
        (("{tied: schedule.gamma, times: 0.1}", "{tied: schedule.gamma}"),),
        (25, 36, "arms[0].space.schedule.choice[1].schedule.a_min.tied"),
        "`schedule.gamma` can be 1, which makes 1: must be in 0 .. 0.5, got `1`.",
    ),
    "point of another block": (
        (("{schedule: entropy_out, schedule.beta: 0.9}", "{schedule: entropy_out, schedule.gamma: 0.9}"),),
        (13, 33, "arms[0].points[1]"),
        "matters only when schedule is variance_sim; here it is entropy_out.",
    ),
    "point of a block out of range": (
        (("{schedule: entropy_out, schedule.beta: 0.9}", "{schedule: entropy_out, schedule.beta: 0.5}"),),
        (13, 48, "arms[0].points[1].schedule.beta"),
        "0.5 cannot be drawn: `schedule.beta` is one of 0.1, 0.9.",
    ),
    "forbid across blocks": (
        (('{schedule.beta: ">= 0.8", schedule: variance_sim}', '{schedule.gamma: ">= 0.8", schedule: entropy_out}'),),
        (10, 9, "arms[0].forbid[1]"),
        "`schedule` and `schedule.gamma` are never so in one setting.",
    ),
    "grid over a range in a block": (
        (
            ("search: {", "search: {sampler: grid, "),
            ("train.lr: {log_uniform: [1e-4, 1e-2]}", "train.lr: {choice: [1e-4, 5e-4, 5e-3]}"),
        ),
        (23, 28, "arms[0].space.schedule.choice[1].schedule.beta"),
        "Write {choice: [..]}, or take sampler `qmc`",
    ),
    "schedule searched and given": (
        (("    forbid:\n", "    schedule: fixed\n    forbid:\n"),),
        (8, 5, "arms[0]"),
        "the schedule is searched under `space` as well. Keep one of the two.",
    ),
    "a value no schedule has": (
        (("schedule.total: base_plus", "schedule.total: base"),),
        (26, 29, "arms[0].space.schedule.choice[1].schedule.total"),
        "Did you mean `base_plus`?",
    ),
    "a condition on a block that is not there": (
        (("[variance_sim, entropy_out]}}", "[variance_sim, variance_emb]}}"),),
        (18, 77, "arms[0].space.train.warmup_epochs.when.schedule[1]"),
        "schedule is searched as one of fixed, variance_sim, entropy_out. Change the value",
    ),
}


@pytest.mark.parametrize(("changes", "place", "says"), FAULTS.values(), ids=FAULTS)
def test_one_fault(tmp_path: Path, changes: Changes, place: tuple[int, int, str], says: str) -> None:
    one_fault(tmp_path, changes, place, says, BLOCKS)
