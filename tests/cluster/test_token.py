"""A cluster with token authentication lets in who has the token, and nobody else."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.cluster

CONNECT = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False); print('nodes', len(ray.nodes()))"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(token: str | None, home: Path) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")}
    env |= {"HOME": str(home), "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token" if token else "disabled"}
    return env | ({"RAY_AUTH_TOKEN": token} if token else {})


@pytest.fixture
def brief() -> Iterator[Path]:
    """A folder with a short path: Ray's sockets live below it, and a socket's path has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def head(tmp_path: Path, brief: Path) -> Iterator[str]:
    port = free_port()
    (brief / "env").symlink_to(sys.prefix)  # `ray start` ends at once where its interpreter's path has a space
    python = brief / "env" / "bin" / Path(sys.executable).name
    command = [str(python), "-m", "ray.scripts.scripts", "start", "--head", "--block", "--node-ip-address=127.0.0.1"]
    command += [f"--port={port}", "--include-dashboard=false", "--num-cpus=1", "--object-store-memory=100000000"]
    command += [f"--temp-dir={brief / 'ray'}"]
    with (tmp_path / "head.log").open("w") as log:
        process = subprocess.Popen(
            command, env=environment("right" * 8, tmp_path), stdout=log, stderr=log, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 90
        while "Ray runtime started" not in (tmp_path / "head.log").read_text():
            assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "head.log").read_text()
            time.sleep(0.5)
        yield f"127.0.0.1:{port}"
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends the head with everything it started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, sign)
            process.wait(5)


def connect(address: str, token: str | None, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CONNECT, address]
    return subprocess.run(
        command, env=environment(token, home), capture_output=True, text=True, timeout=120, check=False
    )


def test_only_the_token_opens_the_door(head: str, tmp_path: Path) -> None:
    welcome = connect(head, "right" * 8, tmp_path)
    assert welcome.returncode == 0 and "nodes 1" in welcome.stdout, welcome.stderr
    for token in ("wrong" * 8, None):
        refused = connect(head, token, tmp_path)
        assert refused.returncode != 0 and "nodes" not in refused.stdout
        assert "auth" in refused.stderr.lower()
