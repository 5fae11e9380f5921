"""What `vlstudy plan` prints."""

import re
from pathlib import Path

import pytest

from tests.commands import NAME, TEXT, Typed, fresh
from vlstudy.data import load
from vlstudy.study.reading import read


def test_plan_says_what_would_happen_and_starts_nothing(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLSTUDY_CACHE", str(study.parent / "nothing yet"))  # other tests fill the session's
    printed = fresh("plan", study, "--reports", study.parent / "r", absent="ray open_clip")
    words = " ".join(re.sub("[│┃╇━]", " ", printed).split())
    assert f"{NAME}: Does the flow win?" in words
    assert "[bold]probe linear_probe 12 2 0 1 1" in words  # a trial a cell, no steps, one measurement of one point
    assert "flow fma 12 6 6 4 5" in words  # 2 epochs of ceil(12 / 5) steps
    assert "log-uniform 1e-4 .. 0.01" in words and "peak learning rate of AdamW" in words
    assert re.search("uniform 0 .. 1, when .*method.path is bridge", words)
    assert "20 %, 60 %" in words and "seeds 1, 2" in words
    assert "(new)" in words and "to be made at launch" in words
    assert max(map(len, printed.replace(str(study.parent), "").splitlines())) <= 80
    assert not (study.parent / "r").exists()


def test_a_long_list_leaves_room_for_the_meaning(typed: Typed, study: Path) -> None:
    study.write_text(TEXT.replace("[none, bridge]", "[none, bridge, bridge_endpoint, interpolant]"))
    lines = typed("plan", study).splitlines()
    assert any("bridge_endpoint, interpolant │" in line for line in lines)
    assert any(line.endswith("noise on the path; none") for line in map(str.rstrip, lines))


def test_plan_shows_conditions_and_what_an_arm_stands_on(typed: Typed, study: Path) -> None:
    text = TEXT.replace("shots: 4", "shots: {each: [1, 4]}, task: base_to_new").replace("linear_probe", "clip_adapter")
    text = text.replace("method.c: {grid: [1, 10]}", "method.ratio: {grid: [0.2, 0.4]}")
    study.write_text(text.replace("method: fma", 'method: fma\n    on: "[bold]probe"'))
    printed = typed("plan", study)
    words = " ".join(re.sub("[│┃╇━]", " ", printed).split())
    images = [int(count) for count in re.findall(r"zero_shot zero_shot (\d+) 1 0 1 1 \[shots=[14]\]", words)]
    assert len(images) == 2 and images[1] == 4 * images[0]
    assert words.count("fma on") == 2 and words.count("Knobs of flow") == 1
    assert words.index("Knobs of [bold]probe") < words.index("Knobs of flow")
    assert "test/harmonic_mean" in words and "shots each of 1, 4" in words
    assert words.count("feature file features") == 2  # of each condition
    assert max(map(len, printed.replace(str(study.parent), "").splitlines())) <= 80


def test_plan_tells_what_is_cached_and_begun(typed: Typed, study: Path, folder: Path) -> None:
    load(read(study).data, "miniature", None)
    printed = typed("plan", study, "--reports", folder.parent)
    assert "begun" in printed and re.search("feature file features.*cached", printed)


def test_plan_tells_seeds_and_what_ends_the_search(typed: Typed, study: Path) -> None:
    text = TEXT.replace("seed: 7", "seed: 7, replicates: 3").replace("{cpus: 1}", "{cpus: 1, gpus: 1}")
    study.write_text(
        f"{text}budget: {{minutes: 10, gpu_hours: 4, money: 9, price_per_gpu_hour: 2, trial_minutes: 3}}\n"
        "stop: {target: 0.9, patience: 20}\n"
    )
    words = " ".join(re.sub("[│┃╇━]", " ", typed("plan", study)).split())
    assert "9 trials, sampler tpe, seed 7; the good ones on up to 3 seeds each (race: interval), 27 trials" in words
    assert "confirm 6 trainings: the best setting of each arm" in words
    assert "no new trial after 10 minutes or 4 GPU hours or 9 spent on GPUs; a trial fails after 3 minutes" in words
    assert "when val/accuracy reaches 0.9; an arm ends after 20 settings without a better one" in words


def test_plan_tells_every_objective_and_constraint(typed: Typed, study: Path) -> None:
    several = 'objective: [val/accuracy, val/cross_entropy]\nconstraints: {val/accuracy: ">= 0.2"}'
    study.write_text(TEXT.replace("objective: val/accuracy", several))
    words = " ".join(re.sub("[│┃╇━]", " ", typed("plan", study)).split())
    assert "maximize val/accuracy" in words and "minimize val/cross_entropy" in words
    assert "constraint val/accuracy >= 0.2" in words
