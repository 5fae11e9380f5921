"""One fault a file in what an arm allows: ties, conditions, forbidden combinations, points, and the sampler's reach."""

from pathlib import Path

import pytest

from tests.study.files import one_fault

RATIO = "method.ratio: {uniform: [0.1, 0.9]}"
NOISE = "method.noise: {uniform: [0.0, 1.0], when: {method.path: bridge}}"
ADAPTER = "    method: clip_adapter\n"
FLOW = "    fixed: {method.blocks: 4}\n"

Changes = tuple[tuple[str, str], ...]

# what is changed: line, column, dotted place, what the message says
FAULTS: dict[str, tuple[Changes, tuple[int, int, str], str]] = {
    "tie to a knob that is not always drawn": (
        ((NOISE, NOISE + "\n      method.gamma: {tied: method.noise}"),),
        (20, 28, "arms[2].space.method.gamma.tied"),
        "Give this knob the same `when`, or tie it to a knob that is always drawn: method.path.",
    ),
    "tie that is told when": (
        ((NOISE, NOISE + "\n      method.gamma: {tied: method.noise, when: {method.path: none}}"),),
        (20, 28, "arms[2].space.method.gamma.tied"),
        "`method.noise` has a value only when {method.path: bridge}.",
    ),
    "forbid that never occurs": (
        ((ADAPTER, ADAPTER + '    forbid: [{train.lr: "> 0.01"}]\n'),),
        (11, 14, "arms[1].forbid[0]"),
        "this never occurs: `train.lr` is log-uniform 1e-4 .. 0.01, of which no draw is > 0.01.",
    ),
    "forbid of one real number": (
        ((ADAPTER, ADAPTER + "    forbid: [{train.lr: 0.001}]\n"),),
        (11, 14, "arms[1].forbid[0]"),
        "of which no draw is 0.001.",
    ),
    "forbid against a condition": (
        ((FLOW, FLOW + '    forbid: [{method.path: none, method.noise: "> 0.5"}]\n'),),
        (17, 14, "arms[2].forbid[0]"),
        "`method.noise` and `method.path` are never so in one setting. Change it, or remove it.",
    ),
    "forbids that leave nothing": (
        ((FLOW, FLOW + '    forbid: [{method.path: none}, {method.noise: "<= 0.5"}, {method.noise: "> 0.5"}]\n'),),
        (17, 13, "arms[2].forbid"),
        "together these forbid every setting of the arm. Leave one of them out.",
    ),
    "point with an open condition": (
        ((FLOW, FLOW + "    points: [{method.noise: 0.5}]\n"),),
        (17, 15, "arms[2].points[0]"),
        "matters only when method.path is bridge. Name `method.path` in the point too.",
    ),
    "point twice": (
        (
            (
                ADAPTER,
                ADAPTER + "    points: [{train.lr: 0.001, method.ratio: 0.5}, {method.ratio: 0.5, train.lr: 0.001}]\n",
            ),
        ),
        (11, 52, "arms[1].points[1]"),
        "this setting stands in the list twice. Keep one.",
    ),
    "more points than trials": (
        (
            (ADAPTER, ADAPTER + "    points: [{train.lr: 0.001}, {train.lr: 0.002}, {train.lr: 0.003}]\n"),
            ("trials: 24", "trials: 2"),
        ),
        (11, 13, "arms[1].points"),
        "3 points, but an arm has 2 trials. Set search.trials to 3 or more "
        "(`vlstudy extend STUDY --trials 3` once it was launched).",
    ),
    "point that cannot be filled in": (
        (
            (
                ADAPTER,
                ADAPTER
                + '    forbid: [{train.lr: "> 0.005", method.ratio: ">= 0.1"}]\n    points: [{train.lr: 0.01}]\n',
            ),
        ),
        (12, 14, "arms[1].points[0]"),
        "forbids every setting with these values. Change them, or loosen `forbid`.",
    ),
    "condition with a value that is not there": (
        (("{method.path: bridge}}", "{method.path: [bridge, nome]}}"),),
        (19, 72, "arms[2].space.method.noise.when.method.path[1]"),
        "Did you mean `none`?",
    ),
    "condition twice": (
        (("{method.path: bridge}}", "{method.path: [bridge, none, bridge]}}"),),
        (19, 78, "arms[2].space.method.noise.when.method.path[2]"),
        "`bridge` stands in the list twice. Keep one.",
    ),
    "condition on a tie": (
        (
            (
                RATIO,
                RATIO
                + "\n      train.weight_decay: {tied: train.lr}"
                + "\n      train.warmup_epochs: {choice: [0, 1], when: {train.weight_decay: 0.1}}",
            ),
        ),
        (15, 52, "arms[1].space.train.warmup_epochs.when"),
        "`train.weight_decay` is tied to `train.lr`. Name that knob in its place.",
    ),
    "grid of too many cells": (
        (
            ("sampler: tpe", "sampler: grid"),
            (NOISE, "train.warmup_epochs: {int: [0, 1000]}"),
            (RATIO, "method.ratio: {choice: [0.1, 0.9]}"),
            ("train.lr: {log_uniform: [1e-4, 1e-2]}", "train.lr: {choice: [1e-4, 1e-2]}"),
            (
                "      method.path: {choice: [none, bridge]}\n",
                "      method.path: {choice: [none, bridge]}\n      train.epochs: {int: [1, 10]}\n",
            ),
        ),
        (18, 7, "arms[2].space"),
        "would try 20020 cells, more than 10000. Leave values out, or take sampler `qmc`",
    ),
    "cmaes without a range": (
        (
            ("sampler: tpe", "sampler: cmaes"),
            (NOISE, "method.gamma: {choice: [0, 1]}"),
        ),
        (21, 19, "search.sampler"),
        "arm `flow` has none, so that it would draw at random. Take `tpe` or `grid`.",
    ),
    "cmaes whose ranges wait": (
        (("sampler: tpe", "sampler: cmaes"),),
        (21, 19, "search.sampler"),
        "only ranges that do not always matter, so that it would draw at random. Take `tpe`.",
    ),
    "cmaes with constraints": (
        (
            ("sampler: tpe", "sampler: cmaes"),
            (NOISE, "method.noise: {uniform: [0, 1]}"),
            ("objective: val/accuracy", 'objective: val/accuracy\nconstraints: {val/cross_entropy: "<= 2"}'),
        ),
        (22, 19, "search.sampler"),
        "does not look at constraints, such as val/cross_entropy. Take tpe, nsga2 or gp.",
    ),
}


@pytest.mark.parametrize(("changes", "place", "says"), FAULTS.values(), ids=FAULTS)
def test_one_fault(tmp_path: Path, changes: Changes, place: tuple[int, int, str], says: str) -> None:
    one_fault(tmp_path, changes, place, says)
