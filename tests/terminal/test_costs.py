"""What `vlstudy plan --measure` prints, from planted times."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.commands import TEXT, Typed
from vlstudy.study.reading import read
from vlstudy.study.spec import StudySpec
from vlstudy.terminal.costs import draw
from vlstudy.tuning.machine import Gpu, Machine
from vlstudy.tuning.measure import Measured
from vlstudy.tuning.rehearsal import Rehearsal

MACHINE = Machine(cpus=4, gpus=(), memory=8 * 2**30)
GPU = Gpu(name="NVIDIA H100", memory=80 * 2**30, used=0, driver="580.1")


def rehearsed(steps: int, **changes: object) -> Rehearsal:
    one = Rehearsal(
        once=0.0,
        start=60.0,
        step=0.5,
        measurement=30.0,
        steps=steps,
        measurements=4 if steps else 1,
        checkpoint=10 * 2**20,
        line=500,
        memory=3 * 2**30,
        gpu_memory=None,
    )
    return replace(one, **changes)  # type: ignore[arg-type]


def measured(spec: StudySpec, **changes: object) -> Measured:
    arms = {arm.name: rehearsed(6 if arm.method == "fma" else 0) for arm in spec.arms}
    return replace(Measured(arms=arms, boot=10.0, encoding=0.1, made=0, lacking=0, to_make=0), **changes)  # type: ignore[arg-type]


def drawn(spec: StudySpec, found: Measured, folder: Path, machine: Machine = MACHINE, width: int = 200) -> str:
    out = Console(width=width, highlight=False, markup=False, emoji=False)
    with out.capture() as captured:
        assert draw(spec, found, machine, folder, out) == all(isinstance(one, Rehearsal) for one in found.arms.values())
    return captured.get()


def words(printed: str) -> str:
    return " ".join(re.sub("[│┃╇━─┼]", " ", printed).split())


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("gpus", [0, 0.5])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_broken(study: Path, width: int, gpus: float) -> None:
    study.write_text(
        TEXT.replace("{cpus: 1}", f"{{cpus: 1, gpus: {gpus}}}").replace("seed: 7", "seed: 7, replicates: 3")
    )
    spec = read(study)
    found, machine = measured(spec), replace(MACHINE, gpus=(GPU,))
    arms = {name: replace(one, gpu_memory=2**30) for name, one in found.arms.items() if isinstance(one, Rehearsal)}
    printed = drawn(spec, replace(found, arms=arms), study.parent / "reports", machine, width)
    assert max(map(len, printed.splitlines())) <= width
    assert re.search(r"flow +│ +60 s │ +6 x 500 ms │ +4 x 30 s │ +3 GiB │ +1 GiB │ +10 MiB", printed)


def test_the_tables_say_what_was_measured_and_what_follows(study: Path) -> None:
    spec = read(study)
    said = words(drawn(spec, measured(spec), study.parent / "reports"))
    assert "flow 60 s 6 x 500 ms 4 x 30 s 3 GiB 10 MiB" in said
    # 60 + 6 * 0.5 + 4 * 30 = 183 seconds; confirmed on two seeds with a measurement more
    flow = re.search(r"flow 6 > ([\d.]+) > ([\d.]+) 2 (\S+ \w+) (\S+ \w+) (\S+ \w+)", said)
    assert flow and 2 < float(flow[1]) < 4 and flow[5] == "25 min" and flow[3] != flow[4] != flow[5]
    assert re.search(r"in all 9 6 \S+ \w+ \S+ \w+ \S+ \w+", said)
    assert re.search(r"wall clock .* with 4 at once on this machine.* estimate", said)
    assert "GPU hours none: trials ask for no GPU" in said
    assert "3 GiB a trial, 12 GiB for 4, of 8 GiB - too little: lower resources.concurrent measured" in said
    assert "40 MiB of checkpoints (measured x 4 open)" in said and "are free" in said
    assert not (study.parent / "reports").exists()


def test_gpu_hours_and_money(study: Path) -> None:
    study.write_text(TEXT.replace("{cpus: 1}", "{cpus: 1, gpus: 0.5}\nbudget: {price_per_gpu_hour: 2, money: 7}"))
    spec = read(study)
    machine, found = replace(MACHINE, gpus=(GPU,)), measured(spec)
    arms = {name: replace(one, gpu_memory=50 * 2**30) for name, one in found.arms.items() if isinstance(one, Rehearsal)}
    said = words(drawn(spec, replace(found, arms=arms), study.parent, machine))
    hours = re.search(r"GPU hours ([\d.]+) \(([\d.]+) \.\. ([\d.]+)\) estimate", said)
    money = re.search(r"money ([\d.]+) \(([\d.]+) \.\. ([\d.]+)\) at 2 an hour of a GPU; no new trial after 7", said)
    assert hours and money
    assert [float(cost) for cost in money.groups()] == pytest.approx(
        [2 * float(each) for each in hours.groups()], rel=0.1
    )
    assert "with 2 at once" in said
    assert "50 GiB a trial, of 40 GiB that it may take - too little: raise resources.gpus" in said


def test_without_a_price_the_key_is_told_and_without_a_gpu_that_there_is_none(study: Path) -> None:
    study.write_text(TEXT.replace("{cpus: 1}", "{cpus: 1, gpus: 1}"))
    spec = read(study)
    said = words(drawn(spec, measured(spec), study.parent))
    assert "set budget.price_per_gpu_hour to see it" in said
    assert "this machine cannot hold a trial" in said and "this machine has none" in said


def test_seeds_and_features_that_are_still_to_be_made(study: Path) -> None:
    study.write_text(TEXT.replace("seed: 7", "seed: 7, replicates: 3"))
    spec = read(study)
    found = measured(spec, made=3 * 2**20, encoding=7.0, lacking=2, to_make=5 * 2**20)
    said = words(drawn(spec, found, study.parent))
    assert re.search(r"flow 6 > [\d.]+ > [\d.]+ \+[\d.]+ 2 ", said) and "Seeds: further ones" in said
    assert "3 MiB made now in 7 s; 2 to be made at confirmation, about 5 MiB estimate" in said
    assert "of unknown size" in words(drawn(spec, replace(found, to_make=None), study.parent))


def test_an_arm_that_could_not_be_measured_is_named(study: Path) -> None:
    spec = read(study)
    found = measured(spec)
    said = words(drawn(spec, replace(found, arms={**found.arms, "flow": "NonFiniteLoss: it is not"}), study.parent))
    assert "flow could not be measured and is not counted: NonFiniteLoss: it is not" in said
    assert re.search("in all 3 4 ", said)
    assert "in all 0 0 0 s" in words(drawn(spec, replace(found, arms=dict.fromkeys(found.arms, "no")), study.parent))


def test_the_command_measures_and_writes_nothing_into_the_study(
    typed: Typed, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLSTUDY_CACHE", str(study.parent / "cache"))
    first, last = TEXT.index("  - name: zero_shot"), TEXT.index("  - name: flow")
    study.write_text(TEXT[:first] + TEXT[last:])  # one process to start
    printed = typed("plan", study, "--measure", "--reports", study.parent / "r")
    said = words(printed)
    assert "Does the flow win?" in said and "measuring: flow: a few steps" in said
    assert re.search(r"flow \S+ \w+ 6 x \S+ \w+ 4 x ", said)
    assert not (study.parent / "r").exists()


def test_the_exit_code_tells_that_an_arm_could_not_be_measured(
    typed: Typed, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measured(read(study))
    monkeypatch.setattr("vlstudy.terminal.costs.measure", lambda spec, tell: replace(found, arms={"flow": "no"}))
    assert "flow could not be measured" in typed("plan", study, "--measure", code=1)


def test_ends_that_are_equal_are_told_once(study: Path) -> None:
    study.write_text(TEXT.replace("resources:", "pruner: {name: none}\nresources:"))
    spec = read(study)
    assert re.search(r"wall clock [\d.]+ min, with 4 at once", words(drawn(spec, measured(spec), study.parent)))
