"""The frame: what the repository promises of its own files."""

import ast
import os
import re
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "vlstudy").rglob("*.py"))
BANNED = {"utils", "util", "helpers", "helper", "core", "common", "manager", "misc"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_one_idea(path: Path) -> None:
    opening = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()
    assert opening and opening[0].endswith("."), "a module opens with one sentence"
    assert len(path.read_text().splitlines()) <= 300
    assert not BANNED & set(path.relative_to(ROOT).with_suffix("").parts)


def test_constraints_pin_versions_and_name_no_address() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines and all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line) for line in lines)


def test_every_dependency_is_pinned_at_or_above_its_lower_bound() -> None:
    from packaging.requirements import Requirement

    pins = dict(line.lower().replace("_", "-").split("==") for line in _lines("constraints.txt"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = chain(project["dependencies"], *project["optional-dependencies"].values())
    for requirement in map(Requirement, wanted):
        pin = pins[requirement.name.lower().replace("_", "-")]
        assert requirement.specifier.contains(pin.split("+")[0], prereleases=True), (requirement, pin)


def test_the_package_carries_its_weights_and_page() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for package, patterns in data.items():
        folder = ROOT / package.replace(".", "/")
        others = [path for path in folder.iterdir() if path.is_file() and path.suffix not in {".py", ".pyc"}]
        assert all(any(path.match(pattern) for pattern in patterns) for path in others), folder


def test_every_study_asks_before_it_answers() -> None:
    for path in sorted((ROOT / "studies").glob("*.yaml")):
        keys = re.findall(r"^([a-z]+):", path.read_text(), flags=re.MULTILINE)
        assert keys[:2] == ["study", "question"], path


def test_ci_is_a_script_that_can_run() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / ".ci/run")], check=True)


def test_nothing_tracked_is_large() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        limit = 6_000_000 if path.suffix == ".safetensors" else 1_500_000
        assert not path.exists() or path.stat().st_size <= limit, name


def _lines(name: str) -> list[str]:
    return [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
