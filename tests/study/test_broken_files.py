"""One fault a file: the line, the column and the way out that the reader gives."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import pytest

from tests.study.files import TEXT, changed, problems
from vlstudy.errors import StudyError, VlstudyError
from vlstudy.schedules import SCHEDULES, Schedule
from vlstudy.study.reading import read

ROW = "method.noise: {uniform: [0.0, 1.0], when: {method.path: bridge}}"  # line 19, from column 7
STEPS = "method.solver_steps: {axis: [0, 1, 2, 3, 4, 5]}"  # line 20, from column 7
SPACE = TEXT[TEXT.index("    space:\n      method.path") : TEXT.index("search:")]
GRIDS = "method.gamma: {grid: [0, 0.1, 0.2, 0.3, 0.4]}\n      method.time_scale: {grid: [1, 2, 3, 4, 5]}"

# (before, after): line, column, dotted place, what the message says
FAULTS: dict[str, tuple[tuple[str, str], int, int, str, str]] = {
    # the file's own keys
    "unknown key": (("pruner:", "prunner:"), 22, 1, "", "Did you mean `pruner`?"),
    "unknown key of an arm": (("    fixed:", "    fixd:"), 16, 5, "arms[2]", "Did you mean `fixed`?"),
    "unknown key of a section": (("trials: 24", "trails: 24"), 21, 24, "search", "Did you mean `trials`?"),
    "key twice": (("sampler: tpe", "seed: 3"), 21, 31, "search", "`seed`"),
    "missing question": (("question: Does a flow beat an adapter?\n", ""), 1, 1, "", "`question`"),
    "missing arm name": (("name: adapter\n    method", "method"), 9, 5, "arms[1]", "`name`"),
    "empty section": (("{sampler: tpe, trials: 24, seed: 0}", ""), 21, 8, "search", "sampler, trials, seed"),
    "name that is a number": (("study: fma", "study: 12"), 1, 8, "study", 'Write "12", with quotes.'),
    "no arms": ((TEXT[TEXT.index("arms:") : TEXT.index("search:")], "arms: []\n"), 6, 7, "arms", "at least one arm"),
    "two arms of one name": (("name: adapter", "name: zero_shot"), 9, 11, "arms[1].name", "line 7"),
    # names from the tables
    "source": (("source: miniature", "source: minature"), 3, 16, "data.source", "Did you mean `miniature`?"),
    "field of a source": (("shots: 16", "shot: 16"), 3, 27, "data", "Did you mean `shots`?"),
    "size of a draw": (("shots: 16", "shots: 100"), 3, 34, "data.shots", "0 .. 48"),
    "file without a path": (("source: miniature", "source: feature_file"), 3, 7, "data", "`path`"),
    "method": (("method: clip_adapter", "method: clip_adaptor"), 10, 13, "arms[1].method", "`clip_adapter`?"),
    "schedule": (("    fixed: {", "    schedule: fixt\n    fixed: {"), 16, 15, "arms[2].schedule", "`fixed`?"),
    "sampler": (("sampler: tpe", "sampler: tpee"), 21, 19, "search.sampler", "Did you mean `tpe`?"),
    "pruner": (("name: asha", "name: ashaa"), 22, 16, "pruner.name", "Did you mean `asha`?"),
    "pruner as a word": (
        ("{name: asha, reduction: 3, grace: 0.2}", "hyprband"),
        *(22, 9, "pruner", "Did you mean `hyperband`?"),
    ),
    "metric": (("val/accuracy", "val/acuracy"), 5, 12, "objective", "Did you mean `val/accuracy`?"),
    "metric without split": (("val/accuracy", "accuracy"), 5, 12, "objective", "Did you mean `val/accuracy`?"),
    "metric on test": (("val/accuracy", "test/accuracy"), 5, 12, "objective", "nothing is chosen on the test split"),
    "empty path": (
        ("source: miniature", "source: feature_file, path: ''"),
        *(3, 36, "data.path", "the path of a file"),
    ),
    # knobs
    "unknown knob of the method": (("method.ratio", "method.ration"), 13, 7, "arms[1].space", "`method.ratio`?"),
    "unknown knob of the training": (("train.lr", "train.lrr"), 12, 7, "arms[1].space", "`train.lr`?"),
    "knob without its part": (("train.lr", "lr"), 12, 7, "arms[1].space", "Did you mean `train.lr`?"),
    "knob of another method": (("method.ratio", "method.blocks"), 13, 7, "arms[1].space", "Known: method.ratio"),
    "unknown knob of the schedule": (("method.blocks", "schedule.ramp"), 16, 13, "arms[2].fixed", "`schedule.ramp`"),
    "training of the untrained": (
        ("    method: zero_shot\n", "    method: zero_shot\n    space: {train.lr: {uniform: [0.1, 1]}}\n"),
        *(9, 13, "arms[0].space", "changes nothing"),
    ),
    "knob fixed and searched": (("method.blocks", "method.solver_steps"), 20, 7, "arms[2].space", "under `fixed`"),
    "value of the wrong type": (("blocks: 4", "blocks: four"), 16, 28, "arms[2].fixed.method.blocks", "a whole number"),
    "number in quotes": (("blocks: 4", "blocks: '4'"), 16, 28, "arms[2].fixed.method.blocks", "without quotes"),
    "truth for a number": (("blocks: 4", "blocks: true"), 16, 28, "arms[2].fixed.method.blocks", "got `true`"),
    "value out of range": (("blocks: 4", "blocks: 400"), 16, 28, "arms[2].fixed.method.blocks", "1 .. 24"),
    "word that is no choice": (
        ("[none, bridge]", "[none, brige]"),
        18,
        36,
        "arms[2].space.method.path.choice[1]",
        "`bridge`?",
    ),
    "item of a list": (
        ("method.blocks: 4", "method.readout_steps: [0, x]"),
        *(16, 39, "arms[2].fixed.method.readout_steps[1]", "the text `x`"),
    ),
    "empty list": (
        ("method.blocks: 4", "method.readout_steps: []"),
        *(16, 35, "arms[2].fixed.method.readout_steps", "at least one value"),
    ),
    "seed count of none": (("seeds: 5", "seeds: 0"), 23, 26, "confirm.seeds", "at least one seed"),
    "axis as a fixed list": (
        (f"    fixed: {{method.blocks: 4}}\n{SPACE}", "    fixed: {method.solver_steps: [1, 2]}\n"),
        *(16, 34, "arms[2].fixed.method.solver_steps", "{axis: [1, 2]}"),
    ),
    # distributions
    "value for a distribution": ((ROW, "method.noise: 0.5"), 19, 21, "arms[2].space.method.noise", "`fixed`"),
    "list for a distribution": (
        (ROW, "method.noise: [0, 1]"),
        19,
        21,
        "arms[2].space.method.noise",
        "{choice: [0, 1]}",
    ),
    "unknown distribution": (("log_uniform", "loguniform"), 12, 18, "arms[1].space.train.lr", "`log_uniform`?"),
    "two distributions": (
        ("{uniform: [0.1, 0.9]}", "{uniform: [0.1, 0.9], choice: [0.1]}"),
        *(13, 21, "arms[1].space.method.ratio", "uniform and choice"),
    ),
    "one end": (("uniform: [0.1, 0.9]", "uniform: [0.1]"), 13, 31, "arms[1].space.method.ratio.uniform", "[low, high]"),
    "ends in the wrong order": (
        ("[0.1, 0.9]", "[0.9, 0.1]"),
        13,
        31,
        "arms[1].space.method.ratio.uniform",
        "Write [0.1, 0.9]",
    ),
    "equal ends": (("[0.1, 0.9]", "[0.9, 0.9]"), 13, 31, "arms[1].space.method.ratio.uniform", "`fixed`"),
    "end out of range": (("[0.1, 0.9]", "[0.1, 1.9]"), 13, 37, "arms[1].space.method.ratio.uniform[1]", "0 .. 1"),
    "end that is no number": (
        ("[1e-4, 1e-2]", "[1e-4, no]"),
        12,
        38,
        "arms[1].space.train.lr.log_uniform[1]",
        "text `no`",
    ),
    "end that is not finite": (
        ("[0.1, 0.9]", "[0.1, .inf]"),
        13,
        37,
        "arms[1].space.method.ratio.uniform[1]",
        "finite",
    ),
    "logarithm of zero": (("[1e-4, 1e-2]", "[0, 1e-2]"), 12, 32, "arms[1].space.train.lr.log_uniform[0]", "low > 0"),
    "parts of a whole number": (
        ("method.ratio: {uniform: [0.1, 0.9]}", "method.reduction: {int: [1, 4.5]}"),
        *(13, 35, "arms[1].space.method.reduction.int[1]", "a whole number"),
    ),
    "real draws for whole numbers": (
        ("method.ratio: {uniform: [0.1, 0.9]}", "method.reduction: {log_uniform: [1, 4]}"),
        *(13, 26, "arms[1].space.method.reduction", "`log_int`"),
    ),
    "numbers for words": (
        ("{choice: [none, bridge]}", "{int: [0, 1]}"),
        18,
        21,
        "arms[2].space.method.path",
        "`choice`",
    ),
    "value twice": (
        ("[none, bridge]", "[bridge, none, bridge]"),
        18,
        44,
        "arms[2].space.method.path.choice[2]",
        "twice",
    ),
    "no values": (("[none, bridge]", "[]"), 18, 29, "arms[2].space.method.path.choice", "at least one value"),
    "axis of a training knob": (
        ("{uniform: [0.1, 0.9]}", "{axis: [0.1, 0.9]}"),
        13,
        22,
        "arms[1].space.method.ratio",
        "`grid`",
    ),
    "more cells than trials": ((STEPS, GRIDS), 18, 7, "arms[2].space", "search.trials to 25"),
    # conditions
    "condition on an unknown knob": (
        ("{method.path: bridge}", "{method.pth: bridge}"),
        *(19, 50, "arms[2].space.method.noise.when", "Did you mean `method.path`?"),
    ),
    "condition that is never so": (
        ("{method.path: bridge}", "{method.path: interpolant}"),
        *(19, 63, "arms[2].space.method.noise.when.method.path", "none, bridge"),
    ),
    "condition on another schedule": (
        ("{method.path: bridge}", "{schedule: variance_sim}"),
        *(19, 60, "arms[2].space.method.noise.when.schedule", "fixed"),
    ),
    # the other sections
    "no trials": (("trials: 24", "trials: 0"), 21, 32, "search.trials", "at least 1"),
    "grace beyond the end": (("grace: 0.2", "grace: 1.5"), 22, 43, "pruner.grace", ".. 1"),
    "no grace": (("grace: 0.2", "grace: 0"), 22, 43, "pruner.grace", ".. 1"),
    "reduction by one": (("reduction: 3", "reduction: 1"), 22, 33, "pruner.reduction", "at least 2"),
    "confirmation on the search's seed": (("seeds: 5", "seeds: [1, 0]"), 23, 30, "confirm.seeds[1]", "search.seed"),
    "seed twice": (("seeds: 5", "seeds: [1, 2, 1]"), 23, 33, "confirm.seeds[2]", "twice"),
    "no seeds": (("seeds: 5", "seeds: []"), 23, 26, "confirm.seeds", "at least one value"),
    "seeds in words": (("seeds: 5", "seeds: five"), 23, 26, "confirm.seeds", "a list of whole numbers"),
    "negative CPUs": (("cpus: 1", "cpus: -1"), 24, 19, "resources.cpus", "at least 0"),
    "one GPU and a half": (("gpus: 0", "gpus: 1.5"), 24, 28, "resources.gpus", "whole number"),
    "none at once": (("concurrent: auto", "concurrent: 0"), 24, 43, "resources.concurrent", "at least 1"),
    "word for a number at once": (("concurrent: auto", "concurrent: aut"), 24, 43, "resources.concurrent", "`auto`?"),
    "no time": (("minutes: 10", "minutes: 0"), 25, 19, "budget.minutes", "more than 0"),
}


@pytest.mark.parametrize(("change", "line", "column", "where", "says"), FAULTS.values(), ids=FAULTS)
def test_one_fault(tmp_path: Path, change: tuple[str, str], line: int, column: int, where: str, says: str) -> None:
    (problem,) = problems(tmp_path, changed(change))
    assert (problem.line, problem.column, problem.where) == (line, column, where)
    assert says in problem.message
    assert "pydantic" not in problem.message


# text: line, column, what the message says
SYNTAX: dict[str, tuple[str | bytes, int, int, str]] = {
    "tab": (changed(("    method: zero_shot", "\tmethod: zero_shot")), 8, 1, "spaces, not tabs"),
    "colon in a text": (changed(("question: Does", "question: Flow: does")), 2, 15, "needs quotes"),
    "bracket left open": (changed(("[0.1, 0.9]}", "[0.1, 0.9}")), 13, 40, "not YAML"),
    "second document": (f"{TEXT}---\nstudy: x\n", 26, 1, "found another document. Keep one study in one file."),
    "alias of nothing": (changed(("study: fma", "study: *name")), 1, 8, "undefined alias"),
    "Python object": (changed(("study: fma", "study: !!python/object:os.system x")), 1, 8, "plain value"),
    "control character": (changed(("study: fma", "study: f\x07ma")), 1, 9, "U+0007"),
    "not UTF-8": (b"study: a\nquestion: \xff\n", 2, 11, "0xFF is not UTF-8"),
    "a list": ("- study: fma\n", 1, 1, "needs a mapping"),
    "a text": ("fma\n", 1, 1, "needs a mapping"),
    "nothing": ("", 1, 1, "the file is empty"),
    "only comments": ("# later\n", 1, 1, "the file is empty"),
    "alias inside itself": (f"x: &x [*x]\n{TEXT}", 1, 1, "aliases"),
    "bomb of aliases": (
        "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        + "".join(
            f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]\n" for before, after in pairwise("abcdefghij")
        ),
        *(1, 1, "aliases"),
    ),
    "deep brackets": (f"x: {'[' * 5000}{']' * 5000}\n", 1, 1, "too deeply"),
}


@pytest.mark.parametrize(("text", "line", "column", "says"), SYNTAX.values(), ids=SYNTAX)
def test_what_is_no_study_at_all(tmp_path: Path, text: str | bytes, line: int, column: int, says: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert (problem.line, problem.column) == (line, column)
    assert says in problem.message


def test_all_faults_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    changes = [
        ("val/accuracy", "val/acuracy"),
        ("clip_adapter", "adaptor"),
        ("name: flow", "nam: flow"),
        ("[0.0, 1.0]", "[1, 0]"),
    ]
    file.write_text(changed(*changes, ("trials: 24", "trials: 0"), ("auto}", "auto, budjet: 1}")))
    with pytest.raises(StudyError) as caught:
        read(file)
    first, *told = str(caught.value).splitlines()
    assert first == f"{file}: 7 problems"
    assert [line.split(":")[0].strip() for line in told] == [
        "line 5, column 12, objective",
        "line 10, column 13, arms[1].method",
        "line 14, column 5, arms[2]",
        "line 14, column 5, arms[2]",
        "line 19, column 31, arms[2].space.method.noise.uniform",
        "line 21, column 32, search.trials",
        "line 24, column 49, resources",
    ]


def test_a_fault_does_not_make_others(tmp_path: Path) -> None:
    """With an unknown method nothing is known of its knobs, so that nothing is said of them."""
    (problem,) = problems(tmp_path, changed(("method: fma", "method: fmaa")))
    assert problem.line == 15
    assert "Did you mean `fma`?" in problem.message


def test_a_schedule_needs_its_terms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Ramp(Schedule):
        governs: ClassVar[tuple[str, ...]] = ("gap",)

    monkeypatch.setitem(SCHEDULES, "ramp", Ramp)  # type: ignore[arg-type]
    (problem,) = problems(tmp_path, changed(("    fixed: {", "    schedule: ramp\n    fixed: {")))
    assert (problem.line, problem.column, problem.where) == (16, 15, "arms[2].schedule")
    assert "gap" in problem.message and "flow_matching" in problem.message


def test_conditions_in_a_circle(tmp_path: Path) -> None:
    path = "method.path: {choice: [none, bridge], when: {method.noise: 1}}"
    noise = "method.noise: {choice: [1, 2], when: {method.path: bridge}}"
    circle = f"{path}\n      {noise}"
    found = problems(tmp_path, changed(("method.path: {choice: [none, bridge]}\n      " + ROW, circle)))
    assert {problem.line for problem in found} == {18, 19}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "fma.yaml").write_text(TEXT)
    for wrong, says in (("fmaa.yaml", "fma.yaml`?"), ("", "folder"), ("none/fma.yaml", "none")):
        with pytest.raises(VlstudyError) as caught:
            read(tmp_path / wrong)
        assert says in str(caught.value)
