"""Ray for tests: workers find the fakes, and nothing is left behind."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a power cut tells a synced file from a written one, and no test makes one."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def ray_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ray starts in a folder of its own, under a short path: its sockets allow about a hundred characters."""
    folder = tempfile.mkdtemp(prefix="vlr", dir="/tmp")
    monkeypatch.setenv("RAY_TMPDIR", folder)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    yield
    shutil.rmtree(folder, ignore_errors=True)
