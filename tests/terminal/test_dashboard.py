"""optuna-dashboard on a copy: it shows the study, follows it, and cannot reach it."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vlstudy.journal.folder import JOURNAL, read_header
from vlstudy.journal.ledger import Ledger
from vlstudy.terminal import dashboard
from vlstudy.terminal.dashboard import Copy


@pytest.fixture
def server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The example of `--help` on a free port: its address and its process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vlstudy", "dashboard", str(folder), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split("/dashboard")[0], process
    finally:
        process.kill()
        process.communicate()


def asked(address: str, path: str, method: str = "GET", body: dict[str, Any] | None = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"{address}{path}", data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        content = answer.read()
    return json.loads(content) if content else None


def test_a_viewer_cannot_harm_the_study(server: tuple[str, subprocess.Popen[str]], folder: Path) -> None:
    address, process = server
    before = (folder / JOURNAL).read_bytes(), (folder / JOURNAL).stat().st_mtime_ns
    shown = {study["study_name"]: study["study_id"] for study in asked(address, "/api/studies")["study_summaries"]}
    assert "search/flow" in shown and "confirm/flow" in shown
    trials = asked(address, f"/api/studies/{shown['search/flow']}?after=0")["trials"]
    assert [trial["state"] for trial in trials] == ["Complete"] and trials[0]["values"] == [0.7]
    asked(address, f"/api/studies/{shown['search/flow']}/note", "PUT", {"body": "a viewer's note", "version": 1})
    assert ((folder / JOURNAL).read_bytes(), (folder / JOURNAL).stat().st_mtime_ns) == before
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and "ended; the study was not touched" in output


def test_the_copy_follows_a_study_that_runs(server: tuple[str, subprocess.Popen[str]], folder: Path) -> None:
    address, _ = server
    Ledger(folder, read_header(folder)).begin("flow", {}, {}, {})
    names = {study["study_name"]: study["study_id"] for study in asked(address, "/api/studies")["study_summaries"]}
    for _ in range(100):
        if len(asked(address, f"/api/studies/{names['search/flow']}?after=0")["trials"]) == 2:
            return
        time.sleep(0.1)
    raise AssertionError("the new trial is not shown")


def test_the_copy_takes_whole_lines_and_stops_when_it_is_written_to(tmp_path: Path) -> None:
    source, copy = tmp_path / "journal.log", Copy(tmp_path / "journal.log", tmp_path / "copy.log")
    source.write_bytes(b'{"a": 1}\n{"b"')
    assert copy.follow() and copy.path.read_bytes() == b'{"a": 1}\n'
    source.write_bytes(b'{"a": 1}\n{"b": 2}\n')
    assert copy.follow() and copy.path.read_bytes() == source.read_bytes()
    with open(copy.path, "ab") as file:
        file.write(b'{"note": 1}\n')
    assert not copy.follow()


def test_a_missing_package_and_a_taken_port_are_told(typed: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "optuna_dashboard", None)
        assert "pip install optuna-dashboard" in typed("dashboard", folder, code=2)
    taken = dashboard.make_server("127.0.0.1", 0, lambda *given: [])
    port = taken.server_port
    assert f"127.0.0.1:{port} cannot be served" in typed("dashboard", folder, "--port", port, code=2)
    taken.server_close()
