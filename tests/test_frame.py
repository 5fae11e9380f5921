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
LONG = 250
LOOKED_AT = {"vlstudy/training.py": 300}  # one idea, told in long docstrings; path -> the lines it may have


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_one_idea(path: Path) -> None:
    opening = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()
    assert opening and opening[0].endswith("."), "a module opens with one sentence"
    assert len(path.read_text().splitlines()) <= LOOKED_AT.get(path.relative_to(ROOT).as_posix(), LONG)


def test_names_say_what_a_file_is_about() -> None:
    paths = [path for folder in ("vlstudy", "tests", "studies", "cluster") for path in (ROOT / folder).rglob("*")]
    names = {part for path in paths for part in path.relative_to(ROOT).with_suffix("").parts}
    assert "vlstudy" in names and not BANNED & {name.removeprefix("test_") for name in names}


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
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    others = [path for path in (ROOT / "vlstudy").rglob("*.*") if path.is_file() and path.suffix not in {".py", ".pyc"}]
    assert {"miniature.safetensors", "template.html"} <= {path.name for path in others}
    for path in others:
        package = ".".join(path.relative_to(ROOT).parent.parts)
        assert any(path.match(pattern) for pattern in patterns.get(package, [])), path


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
