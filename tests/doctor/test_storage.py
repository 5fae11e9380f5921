"""Folders: each fault planted, and a good one."""

import errno
import fcntl
import os
import shutil
import time
from collections import namedtuple
from pathlib import Path

import pytest

from vlstudy.doctor.finding import Finding
from vlstudy.doctor.storage import look

Usage = namedtuple("Usage", "total used free")


def found(folder: Path) -> Finding:
    (one,) = look("reports", folder, "--reports")
    return one


def test_a_good_folder_need_not_exist_and_is_left_as_it_was(tmp_path: Path) -> None:
    one = found(tmp_path / "not" / "yet")
    assert one.state == "ok" and "can be written, synced" in one.found and "GiB are free" in one.found
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (fcntl, "flock")])
def test_a_folder_that_does_not_sync_or_lock_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, name: str
) -> None:
    def refused(*given: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(owner, name, refused)
    one = found(tmp_path)
    assert one.state == "wrong" and "Invalid argument" in one.found and "--reports" in one.way_out


def test_a_file_in_the_way_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert found(tmp_path / "file" / "reports").state == "wrong"


def test_a_folder_that_cannot_be_written_is_wrong() -> None:
    one = found(Path("/proc/reports"))
    assert one.state == "wrong" and "/proc/reports" in one.found


@pytest.mark.parametrize(("free", "state"), [(50 * 2**20, "wrong"), (2**30, "warning"), (2**35, "ok")])
def test_little_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**40, 0, free))
    one = found(tmp_path)
    assert one.state == state and f"{free / 2**30:.1f} GiB are free" in one.found
    assert bool(one.way_out) == (state != "ok")


def test_a_slow_disk_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: time.sleep(0.6))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**40, 0, 2**35))
    one = found(tmp_path)
    assert one.state == "warning" and "one sync" in one.way_out
