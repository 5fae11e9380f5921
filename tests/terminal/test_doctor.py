"""What `vlstudy doctor` prints, and its exit code."""

import re
from pathlib import Path

import pytest
from rich.console import Console

from tests.commands import TEXT, Typed
from vlstudy.doctor import examine, packages
from vlstudy.doctor.finding import Finding, ok, warning, wrong
from vlstudy.terminal.doctor import draw

FINDINGS = [
    ok("Python", "3.11.7"),
    warning("shared memory", "0.1 GiB free in /dev/shm; a launch takes 256 MiB", "docker run --shm-size=1g."),
    wrong("data [shots=16]", "coop: no folder " + "/a/very/long/path/to/the/pictures" * 4, "vlstudy data check coop."),
]


@pytest.fixture(autouse=True)
def pair(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pair's own process takes seconds, and has tests of its own."""
    seen = {"devices": 0, "built for": None}
    monkeypatch.setattr(packages, "together", lambda: (ok("torch, torchvision", "work together"), seen))


def printed(findings: list[Finding], width: int) -> str:
    out = Console(width=width, highlight=False, markup=False, emoji=False)
    with out.capture() as captured:
        assert draw(findings, out) == ("wrong" not in {one.state for one in findings})
    return captured.get()


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_and_tells_the_way_out(width: int) -> None:
    said = printed(FINDINGS, width)
    assert max(map(len, said.splitlines())) <= width
    assert re.search(r"shared memory +│ warning │ 0.1 GiB free", said)
    assert "│ -> docker run --shm-size=1g." in said and "│ -> vlstudy data check coop." in said
    assert said.splitlines()[-1] == "1 wrong, 1 warning, of 3 checks"


def test_a_table_without_a_fault_says_so() -> None:
    assert printed(FINDINGS[:1], 80).splitlines()[-1] == "all 1 are well"


def test_a_good_study_exits_0(typed: Typed, study: Path) -> None:
    said = typed("doctor", study, "--reports", study.parent / "r")
    assert re.search(r"study +│ ok", said) and re.search(r"data +│ ok", said) and re.search(r"weights +│ ok", said)
    assert not (study.parent / "r").exists()


def test_the_machine_alone(typed: Typed, tmp_path: Path) -> None:
    said = typed("doctor", "--reports", tmp_path)
    assert "Python" in said and "reports" in said and "data" not in said


def test_something_wrong_exits_1_and_the_rest_is_still_told(typed: Typed, study: Path) -> None:
    (study.parent / "features.npz").unlink()
    said = typed("doctor", study, "--reports", "/proc/r", code=1)
    assert re.search(r"data +│ wrong", said) and re.search(r"reports +│ wrong", said) and "2 wrong" in said
    study.write_text(TEXT.replace("val/accuracy", "val/acuracy"))
    said = typed("doctor", study, "--reports", study.parent, code=1)
    assert re.search(r"study +│ wrong", said) and "Did you mean" in said and re.search(r"reports +│ ok", said)


def test_without_torch_the_rest_is_not_looked_at(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "together", lambda: (wrong("torch, torchvision", "do not work together"), {}))
    *_, pair, last = examine(study, study.parent, None)
    assert pair.state == "wrong" and last.check == "the rest" and "needs torch" in last.found


def test_a_folder_is_looked_at_as_what_it_was_begun_with(typed: Typed, folder: Path) -> None:
    assert re.search(r"study +│ ok", typed("doctor", folder, "--reports", folder.parent))


def test_a_cluster_that_is_not_there(typed: Typed, study: Path) -> None:
    said = typed("doctor", study, "--address", "127.0.0.1:1", "--reports", study.parent / "r", code=1)
    assert "Ray's token" in said and re.search(r"Ray +│ wrong", said)
    assert "room" not in said  # what a trial takes is a matter of the cluster
