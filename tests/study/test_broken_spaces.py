"""One fault a file in the space of an arm: ties, forbidden combinations, points, blocks."""

from pathlib import Path

import pytest

from tests.study.files import one_fault

RATIO = "method.ratio: {uniform: [0.1, 0.9]}"
NOISE = "method.noise: {uniform: [0.0, 1.0], when: {method.path: bridge}}"
ADAPTER = "    method: clip_adapter\n"
FLOW = "    fixed: {method.blocks: 4}\n"
ALSO = {"grid over a range": (("sampler: tpe", "sampler: grid"), (RATIO, "method.ratio: {choice: [0.1, 0.9]}"))}

# (before, after): line, column, dotted place, what the message says
FAULTS: dict[str, tuple[tuple[str, str], int, int, str, str]] = {
    "tie to nothing": (
        (RATIO, "method.ratio: {tied: train.lrr}"),
        13,
        28,
        "arms[1].space.method.ratio.tied",
        "Did you mean `train.lr`?",
    ),
    "tie to an axis": (
        (NOISE, "method.noise: {tied: method.solver_steps}"),
        19,
        28,
        "arms[2].space.method.noise.tied",
        "Tie to a knob that is drawn: method.path",
    ),
    "tie to a number": (
        (RATIO, "method.ratio: {tied: 0.5}"),
        13,
        28,
        "arms[1].space.method.ratio.tied",
        "the name of a searched knob",
    ),
    "tie to itself": (
        (RATIO, "method.ratio: {tied: method.ratio}"),
        13,
        28,
        "arms[1].space.method.ratio.tied",
        "Tie to a knob that is drawn: train.lr",
    ),
    "tie out of range": (
        (RATIO, "method.ratio: {tied: train.lr, times: 1000}"),
        13,
        28,
        "arms[1].space.method.ratio.tied",
        "makes 10: must be in 0 .. 1",
    ),
    "tie of another type": (
        (NOISE, "method.noise: {tied: method.path}"),
        19,
        28,
        "arms[2].space.method.noise.tied",
        "can be none",
    ),
    "factor that is no number": (
        (RATIO, "method.ratio: {tied: train.lr, times: twice}"),
        13,
        45,
        "arms[1].space.method.ratio.times",
        "a number above 0",
    ),
    "tie with a range": (
        (RATIO, "method.ratio: {tied: train.lr, uniform: [0, 1]}"),
        13,
        38,
        "arms[1].space.method.ratio",
        "unknown key `uniform`",
    ),
    "forbid that is no list": (
        (ADAPTER, ADAPTER + "    forbid: {train.lr: 0.01}\n"),
        11,
        13,
        "arms[1].forbid",
        'needs a list of combinations such as {train.lr: "> 0.01", method.block',
    ),
    "forbid of an unknown knob": (
        (ADAPTER, ADAPTER + '    forbid: [{train.lrr: "> 0.001"}]\n'),
        11,
        15,
        "arms[1].forbid[0]",
        "Did you mean `train.lr`?",
    ),
    "forbid with an unknown value": (
        (FLOW, FLOW + '    forbid: [{method.path: brige, method.noise: "> 0.5"}]\n'),
        17,
        28,
        "arms[2].forbid[0].method.path",
        "Did you mean `bridge`?",
    ),
    "forbid of everything": (
        (ADAPTER, ADAPTER + '    forbid: [{train.lr: "> 0"}]\n'),
        11,
        14,
        "arms[1].forbid[0]",
        "this forbids every setting of the arm. Name the knobs and values that ",
    ),
    "forbid without a number": (
        (ADAPTER, ADAPTER + '    forbid: [{train.lr: "> much"}]\n'),
        11,
        25,
        "arms[1].forbid[0].train.lr",
        'needs a comparison with a number, such as ">= 8"; got the text `> much',
    ),
    "forbid that orders words": (
        (FLOW, FLOW + '    forbid: [{method.path: "> bridge"}]\n'),
        17,
        28,
        "arms[2].forbid[0].method.path",
        "`method.path` is one of none, bridge, which has no order. List values.",
    ),
    "forbid of an axis": (
        (FLOW, FLOW + "    forbid: [{method.solver_steps: 0}]\n"),
        17,
        15,
        "arms[2].forbid[0]",
        "`method.solver_steps` is measured at all its values in every trial, so",
    ),
    "empty combination": (
        (ADAPTER, ADAPTER + "    forbid: [{}]\n"),
        11,
        14,
        "arms[1].forbid[0]",
        "needs a mapping of searched knobs to what is forbidden together, got a",
    ),
    "points that are no list": (
        (ADAPTER, ADAPTER + "    points: {train.lr: 0.001}\n"),
        11,
        13,
        "arms[1].points",
        "needs a list of settings such as {train.lr: 0.001}, got a mapping.",
    ),
    "point of an unknown knob": (
        (ADAPTER, ADAPTER + "    points: [{train.rate: 0.001}]\n"),
        11,
        15,
        "arms[1].points[0]",
        "Did you mean `train.lr`?",
    ),
    "point out of range": (
        (ADAPTER, ADAPTER + "    points: [{train.lr: 0.5}]\n"),
        11,
        25,
        "arms[1].points[0].train.lr",
        "0.5 cannot be drawn: `train.lr` is log-uniform 1e-4 .. 0.01.",
    ),
    "point of another type": (
        (ADAPTER, ADAPTER + "    points: [{train.lr: fast}]\n"),
        11,
        25,
        "arms[1].points[0].train.lr",
        "needs a number, got the text `fast`.",
    ),
    "point of a fixed knob": (
        (FLOW, FLOW + "    points: [{method.blocks: 2}]\n"),
        17,
        15,
        "arms[2].points[0]",
        "`method.blocks` is fixed at 4. Remove it.",
    ),
    "point of a knob that does not matter": (
        (FLOW, FLOW + "    points: [{method.path: none, method.noise: 0.5}]\n"),
        17,
        34,
        "arms[2].points[0]",
        "`method.noise` matters only when method.path is bridge; here it is non",
    ),
    "point that is forbidden": (
        (ADAPTER, ADAPTER + '    forbid: [{train.lr: "> 0.005"}]\n    points: [{train.lr: 0.01}]\n'),
        12,
        14,
        "arms[1].points[0]",
        "this setting is one that the arm forbids. Change it, or loosen `forbid",
    ),
    "point that is a number": (
        (ADAPTER, ADAPTER + "    points: [0.01]\n"),
        11,
        14,
        "arms[1].points[0]",
        "needs a mapping of searched knobs to values, got `0.01`.",
    ),
    "block with an unknown schedule": (
        (RATIO, RATIO + "\n      schedule: {choice: [fixed, three_phases]}"),
        14,
        34,
        "arms[1].space.schedule.choice[1]",
        "Did you mean `three_phase`?",
    ),
    "block that does not fit": (
        (RATIO, RATIO + "\n      schedule: {choice: [fixed, variance_sim]}"),
        14,
        34,
        "arms[1].space.schedule.choice[1]",
        "schedule `variance_sim` governs the loss terms image_to_text, text_to_",
    ),
    "one block": (
        (RATIO, RATIO + "\n      schedule: {choice: [fixed]}"),
        14,
        26,
        "arms[1].space.schedule.choice",
        "needs a list of two schedules or more, each a name or a mapping with `",
    ),
    "block without a name": (
        (RATIO, RATIO + "\n      schedule: {choice: [fixed, {schedule.beta: 0.5}]}"),
        14,
        34,
        "arms[1].space.schedule.choice[1]",
        "missing key `name`. A schedule with knobs is written {name: three_phas",
    ),
    "block twice": (
        (RATIO, RATIO + "\n      schedule: {choice: [fixed, fixed]}"),
        14,
        34,
        "arms[1].space.schedule.choice[1]",
        "schedule `fixed` stands in the list twice. Keep one.",
    ),
    "grid over a range": (
        ("method.noise: {uniform: [0.0, 1.0], when: {method.path: bridge}}\n", "method.gamma: {choice: [0, 1]}\n"),
        12,
        17,
        "arms[1].space.train.lr",
        "`train.lr` is log-uniform 1e-4 .. 0.01, and sampler `grid` tries every",
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
