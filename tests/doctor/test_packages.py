"""Packages: each fault planted, and the environment as it is."""

import os
from pathlib import Path

import pytest

from vlstudy.doctor.finding import Finding
from vlstudy.doctor.packages import look, together, version_of

PROJECT = '[project]\nrequires-python = ">=3.11"\ndependencies = ["torch>=2.15", "rich>=13.9"]\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout that wants two packages."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "constraints.txt").write_text("# tested\ntorch==2.15.0\nRich==15.0.0\n")
    return tmp_path


def found(root: Path, python: str = "3.11.7", **versions: str | None) -> list[Finding]:
    here = {"torch": "2.15.0+cu132", "rich": "15.0.0", **versions}
    return list(look(root, here.get, python))


def test_what_was_tested_is_well(root: Path) -> None:
    assert [(one.check, one.state) for one in found(root)] == [("Python", "ok"), ("packages", "ok")]


def test_this_environment_has_nothing_missing_or_too_old() -> None:
    assert "wrong" not in {one.state for one in look()}
    assert version_of("no-such-package") is None


def test_an_old_python_is_wrong(root: Path) -> None:
    first = found(root, python="3.10.2")[0]
    assert (
        first.state == "wrong"
        and "3.10.2; vlstudy needs >=3.11" in first.found
        and "virtual environment" in first.way_out
    )


@pytest.mark.parametrize(
    ("version", "says"),
    [(None, "not installed"), ("2.14.1", "2.14.1; vlstudy needs >=2.15"), ("2.13.0+cpu", "torchvision::nms")],
)
def test_a_missing_an_old_and_a_bad_package_are_wrong(root: Path, version: str | None, says: str) -> None:
    (fault,) = [one for one in found(root, torch=version) if one.state == "wrong"]
    assert fault.check == "torch" and says in fault.found and "pip install -c constraints.txt" in fault.way_out


def test_a_version_that_was_not_tested_is_a_warning(root: Path) -> None:
    last = found(root, torch="2.16.0")[-1]
    assert last.state == "warning" and "torch 2.16.0 (tested 2.15.0)" in last.found and "rich" not in last.found


def test_without_constraints_the_lower_bounds_count(root: Path) -> None:
    (root / "constraints.txt").unlink()
    assert found(root, torch="2.16.0")[-1].found == "2 are as new as vlstudy needs"


def test_the_pair_works_together_here() -> None:
    finding, seen = together()
    assert finding.state == "ok" and "nms" in finding.found
    assert seen["devices"] >= 0 and "built for" in seen


def test_a_pair_that_cannot_be_imported_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    finding, seen = together({**os.environ, "PYTHONPATH": str(tmp_path)})
    assert finding.state == "wrong" and "operator torchvision::nms does not exist" in finding.found and seen == {}
    assert "constraints.txt" in finding.way_out


def test_a_pair_that_ends_the_process_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("import os\nos.abort()")
    finding, _ = together({**os.environ, "PYTHONPATH": str(tmp_path)})
    assert finding.state == "wrong" and "ended with -6" in finding.found
