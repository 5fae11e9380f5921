"""Studies on captions: what is wrong between methods, data, schedules and objectives, each with its line."""

from pathlib import Path

import pytest

from tests.study.files import problems
from vlstudy.study.reading import read

TEXT = """\
study: pairs
question: Does it?
data: {source: miniature, task: captions, images: 50}
backbone: {model: miniature}
objective: val/mean_recall
arms:
  - name: zero_shot
    method: zero_shot
  - name: aligned
    method: cma
    schedule: three_phase
    fixed: {train.epochs: 2, schedule.anchor: 0.2}
    space:
      schedule.ramp: {grid: [0.2, 0.4]}
pruner: {name: none}
"""


def changed(before: str, after: str) -> str:
    assert TEXT.count(before) == 1, before
    return TEXT.replace(before, after)


def test_a_study_on_captions_is_read(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(TEXT)
    assert [arm.schedule for arm in read(file).arms] == ["fixed", "three_phase"]


WRONG = [
    (changed("method: zero_shot", "method: linear_probe"), (8, 13), "`linear_probe` learns from labels", "zero_shot, "),
    (changed("task: captions, images: 50", "task: few_shot"), (10, 13), "the data has no captions", "linear_probe"),
    (changed("val/mean_recall", "val/mean_recal"), (5, 12), "unknown metric", "val/mean_recall"),
    (
        changed("method: cma", "method: contrastive"),
        (11, 15),
        "which method `contrastive` does not have",
        "variance_sim",
    ),
    (changed("grid: [0.2, 0.4]", "grid: [0.2, 0.9]"), (11, 15), "1.1", "ramp"),
    (changed("name: none", "name: asha"), (11, 15), "pruned from 20% on", "Set pruner.grace to 0.6"),
    (changed("pruner: {name: none}\n", ""), (11, 15), "reaches its last weights at 60%", "pruner: none"),
    (
        changed("    method: zero_shot\n", "    method: zero_shot\n    fixed: {schedule.total: convex}\n"),
        (9, 13),
        "changes nothing",
        "Remove it",
    ),
]


@pytest.mark.parametrize(("text", "place", "said", "way_out"), WRONG)
def test_what_does_not_fit(text: str, place: tuple[int, int], said: str, way_out: str, tmp_path: Path) -> None:
    found = [problem for problem in problems(tmp_path, text) if (problem.line, problem.column) == place]
    assert found, [(problem.line, problem.column, problem.message) for problem in problems(tmp_path, text)]
    assert said in found[0].message and way_out in found[0].message


def test_a_grace_behind_the_ramp_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(changed("{name: none}", "{name: asha, grace: 0.6}"))
    assert read(file).pruner.grace == 0.6


def test_captions_have_no_accuracy_without_classes(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    text = changed("{source: miniature, task: captions, images: 50}", "{source: flickr8k, root: f}")
    (problem,) = problems(tmp_path, text.replace("val/mean_recall", "val/accuracy"))
    assert (problem.line, problem.column) == (5, 12) and "source `flickr8k` has none" in problem.message
    assert "val/mean_recall" in problem.message


def test_classes_have_no_recall_without_captions(tmp_path: Path) -> None:
    text = changed("task: captions, images: 50", "task: few_shot").replace("method: cma", "method: fma")
    text = text.replace("    schedule: three_phase\n", "").replace(", schedule.anchor: 0.2", "")
    text = text.replace("    space:\n      schedule.ramp: {grid: [0.2, 0.4]}\n", "")
    (problem,) = problems(tmp_path, text)
    assert (problem.line, problem.column) == (5, 12) and "val/accuracy" in problem.message


def test_towers_are_not_trained_on_features(tmp_path: Path) -> None:
    text = changed("{source: miniature, task: captions, images: 50}", "{source: pairs_file, path: p.npz}")
    text = text.replace("train.epochs: 2,", "train.epochs: 2, method.trains: all,")
    (problem,) = problems(tmp_path, text)
    assert problem.line == 12 and "has features only. Take `heads`" in problem.message


def test_a_total_of_two_directions_needs_them(tmp_path: Path) -> None:
    text = changed("    schedule: three_phase\n", "").replace("schedule.anchor: 0.2", "schedule.total: base_plus")
    text = text.replace("    space:\n      schedule.ramp: {grid: [0.2, 0.4]}\n", "")
    (problem,) = problems(tmp_path, text)
    assert problem.line == 11 and "`schedule.total` changes nothing" in problem.message
