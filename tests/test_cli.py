"""The verbs as a user types them."""

import errno
import itertools
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from tests import commands
from tests.commands import NAME, TEXT, Typed, fresh
from vlstudy import cli

VERBS = ("plan", "doctor", "launch", "status", "report", "list", "methods", "data check")
HEAVY = "torch ray optuna pandas yaml open_clip matplotlib"

study, folder, typed = commands.study, commands.folder, commands.typed  # fixtures belong to the module that names them


def timed(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    printed = fresh("--help", absent=f"{HEAVY} pydantic")
    assert all(verb.split()[0] in printed for verb in VERBS)
    seconds = min(timed([sys.executable, "-m", "vlstudy", "--help"]) for _ in range(3))
    print(f"vlstudy --help: {seconds:.2f} s")
    assert seconds < 1.5  # under half a second on an idle machine


def test_help_of_a_verb_loads_nothing_heavy() -> None:
    assert "auto|HOST:PORT" in fresh("launch", "--help", absent=HEAVY)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_shows_an_example(typed: Typed, verb: str) -> None:
    assert f"Example: vlstudy {verb}" in " ".join(typed(*verb.split(), "--help").split())


def test_report_is_built_again_without_torch_and_ray(folder: Path, tmp_path: Path) -> None:
    assert fresh("report", folder, absent="torch ray open_clip") == f"{folder / 'report.html'}\n"
    page = (folder / "report.html").read_text()
    assert "Does the flow win?" in page and NAME in page


def test_report_goes_where_it_is_told(typed: Typed, folder: Path, tmp_path: Path) -> None:
    typed("report", folder, "--out", tmp_path / "elsewhere.html")
    assert (tmp_path / "elsewhere.html").exists() and not (folder / "report.html").exists()


def test_data_check_tells_what_is_there_and_what_is_missing(typed: Typed, tmp_path: Path) -> None:
    for split, place in itertools.product(("train", "test"), ("cat", "dog")):
        folder = tmp_path / "pets" / split / place
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / "1.png")
    printed = typed("data", "check", "folder", "--root", tmp_path / "pets")
    assert "classes 2, train 2, test 2" in printed
    (tmp_path / "pets" / "train" / "cat" / "1.png").write_bytes(b"no picture")
    assert "cat/1.png" in typed("data", "check", "folder", "--root", tmp_path / "pets", code=1)
    assert "no folder dtd/" in typed("data", "check", "coop", "--root", tmp_path, "--dataset", "dtd", code=1)


def test_data_check_of_what_is_not_known(typed: Typed, tmp_path: Path) -> None:
    assert "Did you mean `folder`?" in typed("data", "check", "foldr", "--root", tmp_path, code=2)
    assert "Did you mean `dtd`?" in typed("data", "check", "coop", "--root", tmp_path, "--dataset", "dtdd", code=2)
    assert "nowhere" in typed("data", "check", "folder", "--root", tmp_path / "nowhere", code=2)


@pytest.mark.parametrize("verb", ["plan", "launch", "status", "report"])
def test_a_users_mistake_has_no_traceback_and_exits_2(typed: Typed, verb: str, study: Path) -> None:
    study.write_text(TEXT.replace("val/accuracy", "val/acuracy"))
    for file, says in ((study.parent / "studi.yaml", "study.yaml`"), (study, "line 4, column 12, objective")):
        printed = typed(verb, file, code=2)
        assert says in printed and "Did you mean" in printed
        assert "Traceback" not in printed


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
    assert asked == {"reports": folder.parent, "address": "auto", "extend": False, "anew": False}
    words = " ".join(printed.split())  # two seeds name no winner, however far apart the arms are
    assert "Cannot tell: flow differs from the strongest baseline, [bold]probe, by +10.0 points" in words
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
