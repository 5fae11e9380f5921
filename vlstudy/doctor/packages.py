"""Whether Python and the packages are those that vlstudy needs, and work together."""

import json
import platform
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from vlstudy.doctor.finding import Finding, ok, warning, wrong

ROOT = Path(__file__).parents[2]  # of a checkout; an installed package has no pyproject.toml there
INSTALL = "pip install -c constraints.txt -e ."
BAD = {"torch": ("2.13.0", "its CPU build lacks torchvision::nms, without which torchvision and open_clip break")}
_TOGETHER = """
import json, torch, torchvision, open_clip
torchvision.ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
cuda = torch.cuda.is_available()
seen = {"torch": torch.__version__, "torchvision": torchvision.__version__, "built for": torch.version.cuda}
print(json.dumps({**seen, "devices": torch.cuda.device_count() if cuda else 0}))
"""
_PATIENCE = 180  # seconds; torch on a slow network disk

Installed = Callable[[str], str | None]


def version_of(package: str) -> str | None:
    """The installed version; None if there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def look(root: Path = ROOT, installed: Installed = version_of, python: str | None = None) -> Iterator[Finding]:
    """Python, then every package that is missing, too old or known to be bad, then those that were not tested.

    Args:
        root: where pyproject.toml and constraints.txt are, if it is a checkout.
        installed: package -> its version.
        python: a version; by default the one that runs.
    """
    needed, requirements = _needed(root)
    here = python or platform.python_version()
    if needed.contains(here, prereleases=True):
        yield ok("Python", here)
    else:
        yield wrong("Python", f"{here}; vlstudy needs {needed}", "make a virtual environment with such a Python.")
    faults = [fault for one in requirements if (fault := _fault(one, installed(one.name)))]
    yield from faults
    yield from _tested(root, [one.name for one in requirements], installed, bool(faults))


def _needed(root: Path) -> tuple[SpecifierSet, list[Requirement]]:
    """What Python and which packages, from the checkout or from what was installed."""
    file = root / "pyproject.toml"
    if file.is_file():
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        python, lines = project["requires-python"], project["dependencies"]
    else:
        about = metadata.metadata("vlstudy")
        python, lines = about["Requires-Python"] or "", metadata.requires("vlstudy") or []
    found = [Requirement(line) for line in lines]
    return SpecifierSet(python), [one for one in found if one.marker is None or one.marker.evaluate({"extra": ""})]


def _fault(needed: Requirement, version: str | None) -> Finding | None:
    if version is None:
        return wrong(needed.name, f"not installed; vlstudy needs {needed.name}{needed.specifier}", f"{INSTALL}")
    bad, why = BAD.get(needed.name, ("", ""))
    if Version(version).public == bad:
        return wrong(needed.name, f"{version}: {why}", f"{INSTALL} (or: pip install '{needed.name}{needed.specifier}')")
    if not needed.specifier.contains(version, prereleases=True):
        return wrong(needed.name, f"{version}; vlstudy needs {needed.specifier}", INSTALL)
    return None


def _tested(root: Path, names: list[str], installed: Installed, faulty: bool) -> Iterator[Finding]:
    """One line for all packages that fit."""
    file = root / "constraints.txt"
    if not file.is_file():
        if not faulty:
            yield ok("packages", f"{len(names)} are as new as vlstudy needs")
        return
    lines = [line.split("==") for line in file.read_text(encoding="utf-8").splitlines() if "==" in line]
    pinned = {_plain(name): version.strip() for name, version in lines}
    others = [
        f"{name} {version} (tested {pinned[_plain(name)]})"
        for name in names
        if (version := installed(name)) and pinned.get(_plain(name), version) != Version(version).public
    ]
    if others:
        yield warning("packages", f"not the versions that were tested together: {', '.join(others)}", INSTALL)
    elif not faulty:
        yield ok("packages", f"{len(names)} have the versions that were tested together (constraints.txt)")


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-")


def together(environment: Mapping[str, str] | None = None) -> tuple[Finding, dict[str, Any]]:
    """Whether torch, torchvision and open_clip work with each other, and what torch sees; in a process of their own.

    A pair that does not fit raises when it is imported, or ends the process; metadata cannot tell.
    """
    check, command = "torch, torchvision", [sys.executable, "-c", _TOGETHER]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return wrong(check, f"cannot be imported within {_PATIENCE} s", "put the environment on a faster disk."), {}
    if done.returncode:
        told = done.stderr.strip().splitlines() or [f"the process ended with {done.returncode}"]
        return wrong(check, f"do not work together: {told[-1]}", f"install a pair that was tested: {INSTALL}"), {}
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return ok(check, f"{seen['torch']} and {seen['torchvision']} work together (operator nms), with open_clip"), seen
