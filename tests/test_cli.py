"""The verbs as a user types them."""

import errno
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vlstudy import cli
from vlstudy.data import load
from vlstudy.journal import ConfirmRecord, folder_of
from vlstudy.journal.folder import HEADER, STUDY, read_header, write_header
from vlstudy.journal.ledger import Ledger
from vlstudy.journal.lock import driver_lock
from vlstudy.measurement import Measurement, Point
from vlstudy.study.reading import read
from vlstudy.tuning.header import header_of

Typed = Callable[..., str]

VERBS = ("plan", "launch", "status", "report", "list", "methods")
HEAVY = "torch ray optuna pandas yaml open_clip matplotlib"
NAME = "[red]a/../b[/red]"
TEXT = f"""\
study: "{NAME}"
question: Does the flow win?
data: {{source: feature_file, path: features.npz, shots: 4}}
objective: val/accuracy
arms:
  - name: zero_shot
    method: zero_shot
  - name: "[bold]probe"
    method: linear_probe
    space:
      method.c: {{grid: [1, 10]}}
  - name: flow
    method: fma
    fixed: {{train.epochs: 2, train.batch: 5, train.evaluations: 4}}
    space:
      train.lr: {{log_uniform: [1e-4, 1e-2]}}
      method.path: {{choice: [none, bridge]}}
      method.noise: {{uniform: [0, 1], when: {{method.path: bridge}}}}
      method.solver_steps: {{axis: [0, 1, 2, 3, 4]}}
search: {{trials: 6, seed: 7}}
confirm: {{seeds: [1, 2]}}
resources: {{cpus: 1}}
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study of 3 classes whose features stand beside its file."""
    rng = np.random.default_rng(0)
    labels, centres = np.repeat(np.arange(3), 12), rng.standard_normal((3, 16))
    images = centres[labels] + 0.3 * rng.standard_normal((36, 16))
    text = centres + 0.5 * rng.standard_normal((3, 16))
    np.savez(tmp_path / "features.npz", x=images, y=labels, classnames=np.array(["a", "b", "c"]), text=text)
    path = tmp_path / "study.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def folder(study: Path) -> Path:
    """The study's folder after one trial and one confirmation of each arm, made without Ray."""
    spec = read(study)
    folder = folder_of(spec, study.parent / "reports")
    header = header_of(spec, {})
    write_header(folder, header, spec.text)
    ledger = Ledger(folder, header)
    for place, arm in enumerate(header.arms):
        ledger.begin(arm.name, {}, {}, {})
        found = measurement("val", 0.5 + place / 10)
        ledger.record(arm.name, 0, found)
        ledger.complete(arm.name, 0, 0.5 + place / 10)
        for seed in header.confirm_seeds:
            tested = measurement("test", 0.4 + place / 10 + seed / 100)
            record = ConfirmRecord(
                arm=arm.name,
                rank=0,
                trial=0,
                seed=seed,
                settings={},
                axis={},
                metrics=tested.metrics,
                measurement=tested,
                seconds=1.0,
            )
            ledger.confirm(record, tested.metrics["test/accuracy"])
    return folder


def measurement(split: str, accuracy: float) -> Measurement:
    metrics = {f"{split}/accuracy": accuracy, f"{split}/worst_class_accuracy": 0.1, f"{split}/cross_entropy": 1.0}
    return Measurement(step=4, progress=1.0, points=(Point(axis={}, metrics=metrics),), choice=0)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """What this process prints when the words are typed; it must exit with `code`."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: object, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["vlstudy", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        assert (caught.value.code or 0) == code, out + err
        assert not (code == 2 and out), "a mistake is told on standard error"
        return out + err

    return run


def fresh(*words: object, absent: str = "") -> str:
    """What a process of its own prints; it fails if it has loaded one of the `absent` modules."""
    check = f"loaded = set('{absent}'.split()) & set(sys.modules); assert not loaded, loaded"
    script = f"import sys\nfrom vlstudy.cli import main\ntry:\n    main()\nfinally:\n    {check}"
    arguments = [sys.executable, "-c", script, *map(str, words)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=250, env={**os.environ, "COLUMNS": "80"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def timed(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    printed = fresh("--help", absent=f"{HEAVY} pydantic")
    assert all(verb in printed for verb in VERBS)
    seconds = min(timed([sys.executable, "-m", "vlstudy", "--help"]) for _ in range(3))
    print(f"vlstudy --help: {seconds:.2f} s")
    assert seconds < 1.5  # under half a second on an idle machine


def test_help_of_a_verb_loads_nothing_heavy() -> None:
    assert "auto|HOST:PORT" in fresh("launch", "--help", absent=HEAVY)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_shows_an_example(typed: Typed, verb: str) -> None:
    assert f"Example: vlstudy {verb}" in " ".join(typed(verb, "--help").split())


def test_plan_says_what_would_happen_and_starts_nothing(study: Path) -> None:
    printed = fresh("plan", study, "--reports", study.parent / "r", absent="ray open_clip")
    words = " ".join(re.sub("[│┃╇━]", " ", printed).split())
    assert f"{NAME}: Does the flow win?" in words
    assert "[bold]probe linear_probe 2 0 1 1" in words  # a trial a cell, no steps, one measurement of one point
    assert "flow fma 6 6 4 5" in words  # 2 epochs of ceil(12 / 5) steps
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


def test_plan_tells_what_is_cached_and_begun(typed: Typed, study: Path, folder: Path) -> None:
    load(read(study).data, "miniature", None)
    printed = typed("plan", study, "--reports", folder.parent)
    assert "begun" in printed and re.search("feature file features.*cached", printed)


def test_status_needs_neither_torch_nor_ray(study: Path, folder: Path) -> None:
    by_folder = fresh("status", folder, absent="torch ray")
    by_file = fresh("status", study, "--reports", folder.parent, absent="torch ray")
    assert by_folder == by_file
    assert NAME in by_folder and "[bold]probe" in by_folder and "1/2" in by_folder and "70.00 %" in by_folder


def test_a_study_is_found_when_its_file_was_commented_since(typed: Typed, study: Path, folder: Path) -> None:
    study.write_text(f"# asked again\n{TEXT}")
    assert str(folder) in typed("status", study, "--reports", folder.parent)


def test_list_shows_every_study_even_a_damaged_one(folder: Path) -> None:
    damaged = folder.parent / "damaged-00000000"
    damaged.mkdir()
    (damaged / HEADER).write_text("{")
    (damaged / STUDY).write_text("")
    incomplete = folder.parent / "incomplete-00000000"
    shutil.copytree(folder, incomplete)
    (incomplete / STUDY).unlink()
    (folder.parent / "something else").mkdir()
    printed = fresh("list", "--reports", folder.parent, absent="torch ray")
    assert f"{folder}\n" in printed and f"{damaged}\n" in printed
    words = " ".join(printed.split())
    assert f"{NAME}: Does the flow win?" in words
    assert "3/9 trials, 6/6 confirmed, best flow 70.00 %" in words
    assert words.count("damaged:") == 2
    assert "something else" not in words


def test_list_of_nothing_says_how_to_begin(typed: Typed, tmp_path: Path) -> None:
    assert "vlstudy launch" in typed("list", "--reports", tmp_path / "none")


def test_a_study_is_running_while_its_driver_lives(typed: Typed, folder: Path) -> None:
    with driver_lock(folder):
        assert "running, in" in typed("status", folder)
    assert "finished, in" in typed("status", folder)


def test_a_study_that_a_launch_would_go_on_with_is_stopped(typed: Typed, folder: Path) -> None:
    Ledger(folder, read_header(folder)).begin("flow", {}, {}, {})
    assert "stopped, in" in typed("status", folder)


def test_a_study_without_confirmation_is_finished_with_its_search(typed: Typed, folder: Path) -> None:
    header = replace(read_header(folder), confirm_seeds=())
    arms = tuple(replace(arm, trials=1) for arm in header.arms)
    (folder / "journal.log").unlink()
    write_header(folder, replace(header, arms=arms), TEXT)
    ledger = Ledger(folder, header)
    for arm in arms:
        assert "stopped, in" in typed("status", folder)
        ledger.begin(arm.name, {}, {}, {})
        ledger.fail(arm.name, 0, "no memory")
    assert "finished, in" in typed("status", folder)


def test_report_is_built_again_without_torch_and_ray(folder: Path, tmp_path: Path) -> None:
    assert fresh("report", folder, absent="torch ray open_clip") == f"{folder / 'report.html'}\n"
    page = (folder / "report.html").read_text()
    assert "Does the flow win?" in page and NAME in page


def test_report_goes_where_it_is_told(typed: Typed, folder: Path, tmp_path: Path) -> None:
    typed("report", folder, "--out", tmp_path / "elsewhere.html")
    assert (tmp_path / "elsewhere.html").exists() and not (folder / "report.html").exists()


def test_methods_prints_everything_that_a_file_may_name(typed: Typed) -> None:
    printed = typed("methods")
    for name in (
        *("method.blocks", "method.solver_steps", "method.ratio", "method.c", "train.lr", "data.views", "data.path"),
        *("val/accuracy", "minimize", "search.trials", "tpe, random", "schedule fixed", "interpolant", "1 .. 24"),
    ):
        assert name in printed, name
    assert max(map(len, printed.splitlines())) <= 80


def test_methods_of_one_name(typed: Typed) -> None:
    printed = typed("methods", "clip_adapter")
    assert "method.ratio" in printed and "method.blocks" not in printed
    assert "Did you mean `fma`?" in typed("methods", "fmaa", code=2)
    assert typed("methods", "val/accuracy") == typed("methods", "accuracy")


@pytest.mark.parametrize("verb", ["plan", "launch", "status", "report"])
def test_a_users_mistake_has_no_traceback_and_exits_2(typed: Typed, verb: str, study: Path) -> None:
    study.write_text(TEXT.replace("val/accuracy", "val/acuracy"))
    for file, says in ((study.parent / "studi.yaml", "study.yaml`"), (study, "line 4, column 12, objective")):
        printed = typed(verb, file, code=2)
        assert says in printed and "Did you mean" in printed
        assert "Traceback" not in printed


def test_a_study_that_was_never_launched(typed: Typed, study: Path) -> None:
    printed = typed("status", study, "--reports", study.parent / "reports", code=2)
    assert "not launched yet" in printed and "vlstudy launch" in printed


def test_a_folder_that_is_no_study(typed: Typed, tmp_path: Path) -> None:
    assert "holds no study" in typed("status", tmp_path, code=2)


def test_missing_data_is_a_users_mistake(typed: Typed, study: Path) -> None:
    (study.parent / "features.npz").unlink()
    assert "features.npz" in typed("plan", study, code=2)


def test_a_place_that_cannot_be_used_is_a_users_mistake(
    typed: Typed, study: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Traceback" not in typed("list", "--reports", study, code=2)
    assert "Traceback" not in typed("report", folder, "--out", study.parent, code=2)
    assert f"{study}: File exists." in typed("report", folder, "--out", study / "page.html", code=2)
    assert "Not a directory." in typed("launch", study, "--reports", study / "reports", code=2)

    def refused(spec: object, **options: object) -> Path:
        raise PermissionError(errno.EACCES, "Permission denied", "/data/reports")

    monkeypatch.setattr("vlstudy.tuning.launch.launch", refused)
    assert typed("launch", study, code=2).startswith("/data/reports: Permission denied.")


def test_launch_prints_the_answer_and_where_the_report_is(
    typed: Typed, study: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def launched(spec: object, **options: object) -> Path:
        asked.update(options)
        return folder

    monkeypatch.setattr("vlstudy.tuning.launch.launch", launched)
    printed = typed("launch", study, "--reports", folder.parent, "--address", "auto")
    assert asked == {"reports": folder.parent, "address": "auto"}
    assert "Yes: flow beats the strongest baseline, [bold]probe, by 10.0 points" in " ".join(printed.split())
    assert printed.splitlines()[-1] == str(folder / "report.html")
    assert (folder / "report.html").exists()


def test_ctrl_c_exits_130(typed: Typed, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(spec: object, **options: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr("vlstudy.tuning.launch.launch", interrupted)
    assert "Traceback" not in typed("launch", study, code=130)


@pytest.mark.parametrize("bug", [ZeroDivisionError("ours"), FileNotFoundError(errno.ENOENT, "ours", "page.css")])
def test_a_bug_keeps_its_traceback(study: Path, monkeypatch: pytest.MonkeyPatch, bug: Exception) -> None:
    def broken(path: object) -> None:
        raise bug

    monkeypatch.setattr("vlstudy.study.reading.read", broken)
    monkeypatch.setattr(sys, "argv", ["vlstudy", "plan", str(study)])
    with pytest.raises(type(bug)):
        cli.main()


@pytest.mark.ray
def test_a_small_study_from_its_file_to_its_report(study: Path) -> None:
    reports = study.parent / "reports"
    printed = fresh("launch", study, "--reports", reports)
    page = Path(printed.splitlines()[-1])
    assert page.parent.parent == reports and "Does the flow win?" in page.read_text()
    assert "finished, in" in fresh("status", study, "--reports", reports)
    assert "9/9 trials" in fresh("list", "--reports", reports)
    assert fresh("launch", study, "--reports", reports).splitlines()[-1] == str(page)
