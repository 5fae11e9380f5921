"""Files whose arms are searched under several conditions, or on top of each other."""

from pathlib import Path

import pytest

from tests.study.files import changed, problems
from vlstudy.data import SOURCES
from vlstudy.data.miniature.source import Miniature
from vlstudy.methods import METHODS
from vlstudy.metrics import METRICS
from vlstudy.study.reading import read
from vlstudy.study.spec import StudySpec

EACH = ("shots: 16", "shots: {each: [1, 4]}")
TASKS = ("source: miniature", "task: {each: [few_shot, base_to_new]}, source: miniature")
ON = ("    fixed: {method.blocks: 4}", "    on: adapter\n    fixed: {method.blocks: 4}")  # line 16, value from column 9
PROBE = ("method: zero_shot", "method: linear_probe")
FEATURES = ("source: miniature", "source: feature_file, path: x.npz")


def spec_of(folder: Path, *changes: tuple[str, str]) -> StudySpec:
    (folder / "study.yaml").write_text(changed(*changes))
    return read(folder / "study.yaml")


def test_arms_of_a_study_without_conditions_share_its_source(tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    assert [(arm.name, arm.family, arm.condition, arm.on) for arm in spec.arms] == [
        (name, name, {}, "") for name in ("zero_shot", "adapter", "flow")
    ]
    assert {arm.data for arm in spec.arms} == {spec.data} == {Miniature(shots=16)}


def test_every_arm_once_per_condition(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, EACH)
    names = ["zero_shot", "adapter", "flow"]
    assert [arm.name for arm in spec.arms] == [f"{name} [shots={shots}]" for shots in (1, 4) for name in names]
    assert [arm.family for arm in spec.arms] == names * 2
    assert all(arm.data == Miniature(shots=arm.condition["shots"]) for arm in spec.arms)
    assert spec.data == Miniature(shots=1)


@pytest.mark.parametrize("first", [True, False], ids=["as declared", "the other way round"])
def test_several_knobs_make_a_product_whose_names_do_not_depend_on_the_files_order(tmp_path: Path, first: bool) -> None:
    views = "views: {each: [0, 2]}"
    spec = spec_of(tmp_path, ("shots: 16", f"{EACH[1]}, {views}" if first else f"{views}, {EACH[1]}"))
    zero_shots = [arm for arm in spec.arms if arm.family == "zero_shot"]
    assert [arm.name for arm in zero_shots] == [
        f"zero_shot [shots={shots}, views={views}]" for shots in (1, 4) for views in (0, 2)
    ]
    assert {arm.data for arm in zero_shots} == {Miniature(shots=s, views=v) for s in (1, 4) for v in (0, 2)}


def test_conditions_are_part_of_what_is_asked(tmp_path: Path) -> None:
    alone = ("shots: 16", "shots: {each: [16]}")
    specs = [spec_of(tmp_path, *changes) for changes in ((), (EACH,), (alone,), (ON,))]
    assert len({spec.digest for spec in specs}) == 4  # one value is a condition too: it is in the arms' names
    swapped = ("{source: miniature, shots: 16}", "{shots: {each: [1, 4]}, source: miniature}")
    assert spec_of(tmp_path, swapped).digest == specs[1].digest


def test_paths_of_every_kind_start_at_the_files_folder(tmp_path: Path) -> None:
    both = ("source: miniature", "source: folder, root: {each: [a, ../b]}, masks: m")
    spec = spec_of(tmp_path, both)
    assert {arm.data.root for arm in spec.arms} == {str(tmp_path / "a"), str(tmp_path.parent / "b")}
    assert {arm.data.masks for arm in spec.arms} == {str(tmp_path / "m")}
    assert spec.arms[0].name == "zero_shot [root=a]"
    assert spec_of(tmp_path, ("source: miniature", "source: folder, root: a")).data.masks == ""  # none stays none


def test_a_checkpoint_beside_the_file_is_found_and_a_tag_stays_a_tag(tmp_path: Path) -> None:
    pretrained = ("{model: miniature}", "{model: ViT-B-16, pretrained: weights.pt}")
    before = spec_of(tmp_path, pretrained)
    assert before.backbone.pretrained == "weights.pt"
    (tmp_path / "weights.pt").touch()
    after = spec_of(tmp_path, pretrained)
    assert after.backbone.pretrained == str(tmp_path / "weights.pt")
    assert after.digest == before.digest


def test_the_arm_below_is_that_of_the_same_condition(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, ON, EACH)
    bases = {arm.name: base and base.name for arm in spec.arms for base in [spec.base_of(arm)]}
    assert bases["flow [shots=4]"] == "adapter [shots=4]" and bases["flow [shots=1]"] == "adapter [shots=1]"
    assert bases["adapter [shots=4]"] is None


def test_the_tested_metric(tmp_path: Path) -> None:
    task = ("source: miniature", "source: miniature, task: base_to_new")
    assert spec_of(tmp_path).tested == "test/accuracy"
    assert spec_of(tmp_path, task).tested == "test/harmonic_mean"
    assert spec_of(tmp_path, task, ("val/accuracy", "val/cross_entropy")).tested == "test/cross_entropy"
    assert spec_of(tmp_path, TASKS).tested == "test/accuracy"  # which every condition measures


# change: line, column, dotted place, what the message says
FAULTS: dict[str, tuple[tuple[tuple[str, str], ...], int, int, str, str]] = {
    "value twice": (
        ((EACH[0], "shots: {each: [1, 4, 1]}"),),
        3,
        48,
        "data.shots.each[2]",
        "`1` stands in the list twice",
    ),
    "no values": (((EACH[0], "shots: {each: []}"),), 3, 41, "data.shots.each", "at least one value, got an empty list"),
    "no list": (((EACH[0], "shots: {each: 4}"),), 3, 41, "data.shots.each", "at least one value, got `4`"),
    "another word": (((EACH[0], "shots: {grid: [1, 4]}"),), 3, 34, "data.shots", "{each: [..]}"),
    "two words": (((EACH[0], "shots: {each: [1], grid: [4]}"),), 3, 34, "data.shots", "got a mapping"),
    "out of range": (((EACH[0], "shots: {each: [1, 400]}"),), 3, 45, "data.shots.each[1]", "0 .. 48"),
    "wrong type": (((EACH[0], "shots: {each: [1, four]}"),), 3, 45, "data.shots.each[1]", "a whole number"),
    "an empty path": (
        (("source: miniature", "source: folder, root: {each: [a, '']}"),),
        *(3, 41, "data.root.each[1]", "an empty text"),
    ),
    "too many": (
        ((EACH[0], f"shots: {{each: {list(range(48))}}}, views: {{each: {list(range(48))}}}"),),
        *(3, 7, "data", "more than 1000 conditions"),
    ),
    "each source": (
        (("source: miniature", "source: {each: [miniature]}"),),
        *(3, 16, "data.source", "needs the name of a source"),
    ),
    "on an unknown arm": (
        ((ON[0], ON[1].replace("on: adapter", "on: adaptor")),),
        *(16, 9, "arms[2].on", "Did you mean `adapter`?"),
    ),
    "on itself": (((ON[0], ON[1].replace("on: adapter", "on: flow")),), 16, 9, "arms[2].on", "this arm itself"),
    "on a later arm": (
        (("  - name: zero_shot\n    method: zero_shot", "  - {name: zero_shot, method: fma, on: adapter}"),),
        *(7, 40, "arms[0].on", "Put it before this one"),
    ),
    "on an arm that carries nothing": (
        (PROBE, (ON[0], ON[1].replace("on: adapter", "on: zero_shot"))),
        *(16, 9, "arms[2].on", "method `linear_probe` of arm `zero_shot` has no features to give"),
    ),
    "a method that does not stack": (
        (("method: clip_adapter", "method: clip_adapter\n    on: zero_shot"),),
        *(11, 9, "arms[1].on", "Methods that can: fma."),
    ),
    "the first arm on nothing": (
        (("  - name: zero_shot\n    method: zero_shot", "  - {name: zero_shot, method: fma, on: coop}"),),
        *(7, 40, "arms[0].on", "There is none before this one."),
    ),
    "towers without pictures": (
        (FEATURES, ("method: zero_shot", "method: coop")),
        *(8, 13, "arms[0].method", "`coop` needs the backbone's towers, and source `feature_file` has features only"),
    ),
    "pictures without pictures": (
        (FEATURES, ("method: zero_shot", "method: alignclip")),
        *(8, 13, "arms[0].method", "Sources with pictures: miniature"),
    ),
    "new classes for a closed method": (
        (PROBE, ("source: miniature", "source: miniature, task: open_class")),
        *(8, 13, "arms[0].method", "as task `open_class` asks"),
    ),
    "new classes under one of the conditions": ((PROBE, TASKS), 8, 13, "arms[0].method", "as task `base_to_new` asks"),
    "objective on test only": (
        (("val/accuracy", "val/harmonic_mean"),),
        *(5, 12, "objective", "measured on test images only, on which nothing is chosen"),
    ),
}


@pytest.mark.parametrize(("changes", "line", "column", "where", "says"), FAULTS.values(), ids=FAULTS)
def test_one_fault(
    tmp_path: Path, changes: tuple[tuple[str, str], ...], line: int, column: int, where: str, says: str
) -> None:
    (problem,) = problems(tmp_path, changed(*changes))
    assert (problem.line, problem.column, problem.where) == (line, column, where)
    assert says in problem.message


def test_an_unknown_method_below_is_told_once(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, changed(ON, ("method: clip_adapter", "method: adaptor")))
    assert problem.where == "arms[1].method"


def test_the_tables_say_what_the_reader_asks_them() -> None:
    assert [name for name, method in METHODS.items() if method.stacks] == ["fma"]
    assert {name for name, method in METHODS.items() if method.carries} >= {
        "zero_shot",
        "clip_adapter",
        "coop",
        "clip_lora",
    }
    assert not SOURCES["feature_file"].has_pixels and SOURCES["miniature"].has_pixels
    assert METRICS["harmonic_mean"].split == "test" and METRICS["accuracy"].split == "both"
