"""Ties, conditions, blocks, points and forbidden combinations, from the file to values."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.study.blocks import BLOCKS
from tests.study.files import TEXT, changed, problems
from vlstudy.bounds import Bound
from vlstudy.schedules.entropy_out import EntropyOut
from vlstudy.schedules.fixed import Fixed
from vlstudy.schedules.variance_sim import VarianceSim
from vlstudy.study.forbidding import allowed, forbidden, occurs
from vlstudy.study.plan import length
from vlstudy.study.reading import read
from vlstudy.study.settings import meanings, resolve
from vlstudy.study.space import AnyOf, Choice, Dimension, Int, LogInt, LogUniform, Tied, Uniform
from vlstudy.study.spec import Arm
from vlstudy.tuning.header import header_of


def arm_of(folder: Path, text: str = BLOCKS, index: int = 0) -> Arm:
    (folder / "study.yaml").write_text(text)
    return read(folder / "study.yaml").arms[index]


def test_an_arm_with_blocks(tmp_path: Path) -> None:
    arm = arm_of(tmp_path)
    one, other = {"schedule": "variance_sim"}, {"schedule": "entropy_out"}
    assert arm.schedules == ("fixed", "variance_sim", "entropy_out") and arm.schedule == "fixed"
    assert set(map(repr, arm.space)) == set(
        map(
            repr,
            (
                Dimension(name="schedule", distribution=Choice(("fixed", "variance_sim", "entropy_out"))),
                Dimension(name="schedule.a_min", distribution=Tied("schedule.gamma", 0.1), when=one),
                Dimension(name="schedule.beta", distribution=Uniform(0.1, 0.9), when=one),
                Dimension(name="schedule.beta", distribution=Choice((0.1, 0.9)), when=other),
                Dimension(name="schedule.gamma", distribution=Uniform(0.5, 1.0), when=one),
                Dimension(name="schedule.total", distribution=Choice(("base_plus",)), when=one),
                Dimension(name="train.batch", distribution=Choice((32, 64, 128))),
                Dimension(name="train.lr", distribution=LogUniform(1e-4, 1e-2)),
                Dimension(
                    name="train.warmup_epochs",
                    distribution=Choice((0, 1)),
                    when={"schedule": AnyOf(("variance_sim", "entropy_out"))},
                ),
                Dimension(name="train.weight_decay", distribution=Tied("train.lr", 0.1)),
            ),
        )
    )
    assert arm.points == ({"train.lr": 5e-4, "schedule": "fixed"}, {"schedule": "entropy_out", "schedule.beta": 0.9})
    assert arm.forbid == (
        {"train.lr": Bound(">", 1e-3), "train.batch": (64, 128)},
        {"schedule.beta": Bound(">=", 0.8), "schedule": ("variance_sim",)},
    )


def test_a_setting_has_the_schedule_of_its_block(tmp_path: Path) -> None:
    arm = arm_of(tmp_path)
    assert resolve(arm, {"schedule": "fixed", "train.lr": 1e-3}).schedule == Fixed()
    assert resolve(arm, {"schedule": "entropy_out", "schedule.beta": 0.1}).schedule == EntropyOut(beta=0.1)
    settings = {"schedule": "variance_sim", "schedule.beta": 0.5, "schedule.gamma": 1.0, "schedule.a_min": 0.1}
    assert resolve(arm, settings).schedule == VarianceSim(beta=0.5, gamma=1.0, a_min=0.1)
    assert {"schedule", "schedule.beta", "train.lr"} <= meanings(arm).keys()


def test_the_header_tells_each_block(tmp_path: Path) -> None:
    arm_of(tmp_path)
    (header,) = header_of(read(tmp_path / "study.yaml"), {}).arms
    assert header.schedule == "fixed or variance_sim or entropy_out" and not header.baseline
    assert header.space["schedule.beta"] == (
        "uniform 0.1 .. 0.9 when schedule = variance_sim; one of 0.1, 0.9 when schedule = entropy_out"
    )
    assert header.space["train.weight_decay"] == "tied to train.lr, times 0.1"
    assert header.space["train.warmup_epochs"] == "one of 0, 1 when schedule = variance_sim or entropy_out"
    assert set(header.meanings) == set(header.space)


def test_a_condition_on_lists_is_not_a_list_of_conditions(tmp_path: Path) -> None:
    steps, noise = "method.readout_steps: {choice: [[0, 4], [0, 8]]}", "method.noise: {uniform: [0.0, 1.0], when: "
    before = "method.noise: {uniform: [0.0, 1.0], when: {method.path: bridge}}"
    for when, wanted in (("[0, 4]", (0, 4)), ("[[0, 4], [0, 8]]", AnyOf(((0, 4), (0, 8))))):
        text = changed((before, f"{steps}\n      {noise}{{method.readout_steps: {when}}}}}"))
        found = next(item for item in arm_of(tmp_path, text, 2).space if item.name == "method.noise")
        assert found.when == {"method.readout_steps": wanted}
        assert found.matters({"method.readout_steps": (0, 4)}) and not found.matters({"method.path": "bridge"})


def test_what_is_new_leaves_the_digests_of_older_files(tmp_path: Path) -> None:
    texts = [
        TEXT,
        *(changed(("    method: clip_adapter\n", f"    method: clip_adapter\n    {line}\n")) for line in LINES),
    ]
    digests = []
    for text in texts:
        (tmp_path / "study.yaml").write_text(text)
        digests.append(read(tmp_path / "study.yaml").digest)
    assert digests[0][:16] == "74f9cbb514f16939" and len(set(digests)) == len(texts)


LINES = ('forbid: [{train.lr: "> 0.001", method.ratio: "< 0.5"}]', "points: [{train.lr: 0.001}]")


def test_a_tied_length_has_the_ends_of_what_it_is_tied_to() -> None:
    epochs = Dimension(name="train.epochs", distribution=Tied("method.blocks"))
    arm = Arm(name="flow", method="fma", space=(Dimension(name="method.blocks", distribution=Int(2, 8)), epochs))
    assert length(replace(arm, fixed={"train.batch": 100}), images=100).steps == (2, 8)


FORBID = Arm(
    name="a",
    method="fma",
    fixed={"train.batch": 32},
    space=(
        Dimension(name="method.blocks", distribution=LogInt(1, 10**9)),
        Dimension(name="method.path", distribution=Choice(("none", "bridge"))),
        Dimension(name="method.noise", distribution=Uniform(0.0, 1.0), when={"method.path": "bridge"}),
    ),
)


@pytest.mark.parametrize(
    ("combination", "possible"),
    [
        ({"method.noise": Bound(">", 0.5)}, True),
        ({"method.noise": Bound(">", 1.0)}, False),
        ({"method.noise": Bound(">=", 1.0)}, True),
        ({"method.noise": (0.5,)}, False),  # no draw hits it
        ({"method.noise": Bound(">", 0.5), "method.path": ("none",)}, False),
        ({"method.blocks": (77_777,)}, True),
        ({"method.blocks": Bound("<", 1)}, False),
        ({"method.blocks": Bound(">", 123_456.5), "method.path": ("none",)}, True),
        ({"train.batch": (32,), "method.path": ("none",)}, True),
        ({"train.batch": (64,), "method.path": ("none",)}, False),
    ],
)
def test_whether_a_combination_occurs(combination: dict[str, object], possible: bool) -> None:
    assert occurs(FORBID, combination) is possible


def test_what_is_left_is_found() -> None:
    few = (
        {"method.blocks": Bound("<", 12_345)},
        {"method.blocks": Bound(">", 12_345), "method.path": ("bridge",)},
        {"method.path": ("none",)},
        {"method.noise": Bound("<", 0.75)},
    )
    arm = replace(FORBID, forbid=few)
    found = allowed(arm, {})
    assert found is not None and not forbidden(arm, found)
    assert (found["method.path"], found["method.blocks"]) == ("bridge", 12_345) and 0.75 < found["method.noise"] < 1
    assert allowed(arm, {"method.noise": 0.5}) is None
    assert allowed(replace(arm, forbid=(*few, {"method.blocks": Bound(">=", 12_345)})), {}) is None


def test_a_searched_schedule_is_not_taken_for_the_first_one(tmp_path: Path) -> None:
    arm = replace(arm_of(tmp_path), forbid=({"train.batch": (32,), "schedule": ("fixed",)},))
    found = allowed(arm, {"train.batch": 32})
    assert found is not None and found["schedule"] != "fixed"
    assert not forbidden(arm, {"train.batch": 32}) and forbidden(arm, {"train.batch": 32, "schedule": "fixed"})


@pytest.mark.parametrize(
    ("tie", "where", "says"),
    [
        ("{tied: schedule.anchor}", "arms[0].schedule", "anchor + ramp is 0.6 + 0.6 = 1.2"),
        ("{tied: schedule.ramp}", "arms[0].space.schedule.ramp.tied", "`schedule.ramp` is tied itself"),
        ("{tied: schedule.shape}", "arms[0].space.schedule.ramp.tied", "can be linear, which `schedule.ramp` cannot"),
    ],
)
def test_ties_count_where_knobs_of_a_schedule_contradict_each_other(
    tmp_path: Path, tie: str, where: str, says: str
) -> None:
    head = BLOCKS[: BLOCKS.index("arms:")].encode()
    arm = f"""\
arms:
  - name: a
    method: cma
    schedule: three_phase
    space:
      schedule.anchor: {{uniform: [0.1, 0.6]}}
      schedule.shape: {{choice: [linear, cosine]}}
      schedule.ramp: {tie}
pruner: none
"""
    (problem,) = problems(tmp_path, head + arm.encode())
    assert problem.where == where and says in problem.message


def test_a_block_without_a_name_hides_no_other_fault(tmp_path: Path) -> None:
    text = BLOCKS.replace("search: {", "search: {sampler: grid, ").replace(
        "{log_uniform: [1e-4, 1e-2]}", "{choice: [1e-4]}"
    )
    text = text.replace("- name: variance_sim\n            ", "- ").replace(
        "{choice: [0.1, 0.9]}}", "{uniform: [0.1, 0.9]}}"
    )
    found = {problem.message.split(".")[0] for problem in problems(tmp_path, text)}
    assert "missing key `name`" in found
    assert any("sampler `grid` tries every value" in message for message in map(str, problems(tmp_path, text)))
