"""The cluster: tokens and nodes planted, and a real one of two nodes."""

import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from tests.cluster.test_token import brief, head
from tests.tuning.conftest import ray_here
from vlstudy.doctor.cluster import look, token, visited
from vlstudy.doctor.finding import Finding

__all__ = ["brief", "head", "ray_here"]  # fixtures
NODE: Mapping[str, Any] = {
    "host": "worker-1",
    "resources": {"CPU": 4.0, "GPU": 1.0},
    "python": "3.11.7",
    "vlstudy": "0.1",
    "torch": "2.15.0",
    "ray": "2.60.0",
    "sees us": True,
    "reaches us": True,
    "fault": "",
    "free": 2**35,
}
OURS = {name: NODE[name] for name in ("python", "vlstudy", "torch", "ray")}


def shown(home: Path, **environment: str) -> Finding:
    (one,) = token({"HOME": str(home), **environment})
    return one


def nodes(folder: Path, **changes: object) -> list[Finding]:
    answer = {**OURS, "nodes": [{**NODE, **changes}]}
    return list(look("auto", folder, visit=lambda address, place: answer))


def test_a_token_from_the_environment_or_a_file_of_ones_own(tmp_path: Path) -> None:
    assert shown(tmp_path, RAY_AUTH_TOKEN="secret").state == "ok"
    file = tmp_path / ".ray" / "auth_token"
    file.parent.mkdir()
    file.write_text("secret")
    file.chmod(0o600)
    assert shown(tmp_path).found == f"from {file}"
    assert shown(tmp_path / "elsewhere", RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(file)).state == "ok"
    assert "secret" not in shown(tmp_path).found + shown(tmp_path, RAY_AUTH_TOKEN="secret").found
    file.chmod(0o644)
    assert shown(tmp_path).state == "warning" and "chmod 600" in shown(tmp_path).way_out


def test_no_token_and_none_asked_for_is_a_warning(tmp_path: Path) -> None:
    assert shown(tmp_path).state == "warning" and "lets in everybody" in shown(tmp_path).found
    assert shown(tmp_path, RAY_AUTH_MODE="disabled").state == "warning"


def test_a_token_that_is_asked_for_and_not_there_is_wrong(tmp_path: Path) -> None:
    assert shown(tmp_path, RAY_AUTH_MODE="token").state == "wrong"
    named = shown(tmp_path, RAY_AUTH_TOKEN_PATH=str(tmp_path / "nowhere"))
    assert named.state == "wrong" and "nowhere" in named.found and "cluster/README.md" in named.way_out
    (tmp_path / "empty").write_text("\n")
    assert shown(tmp_path, RAY_AUTH_TOKEN_PATH=str(tmp_path / "empty")).state == "wrong"
    assert "Ray knows token" in shown(tmp_path, RAY_AUTH_MODE="tokn").found


def test_nodes_that_are_like_this_machine_are_well(tmp_path: Path) -> None:
    cluster, node = nodes(tmp_path / "made")
    assert (cluster.state, node.state) == ("ok", "ok")
    assert "nodes: 1, CPUs: 4, GPUs: 1" in cluster.found and node.check == "node worker-1"
    assert (tmp_path / "made").is_dir()  # what all nodes must see


@pytest.mark.parametrize(
    ("changes", "says", "way_out"),
    [
        ({"sees us": False}, "does not see", "file system that all nodes share"),
        ({"reaches us": False}, "writes what is not seen here", "file system that all nodes share"),
        ({"fault": "Permission denied"}, "cannot write", "the right to"),
        ({"python": "3.12.1"}, "python 3.12.1 (here 3.11.7)", "the same on every node"),
        ({"vlstudy": ""}, "vlstudy is not there (here 0.1)", "the same on every node"),
        ({"error": "GetTimeoutError: late"}, "does not answer: GetTimeoutError", "ray status"),
    ],
)
def test_what_is_wrong_with_a_node_is_told(tmp_path: Path, changes: dict[str, object], says: str, way_out: str) -> None:
    _, node = nodes(tmp_path, **changes)
    assert node.state == "wrong" and says in node.found and way_out in node.way_out


def test_a_checkout_that_was_not_installed_is_no_other_version(tmp_path: Path) -> None:
    assert nodes(tmp_path, vlstudy="here")[1].state == "ok"


def test_a_node_with_little_room_is_a_warning(tmp_path: Path) -> None:
    assert nodes(tmp_path, free=2**20)[1].state == "warning"


@pytest.mark.parametrize(
    ("error", "way_out"),
    [("ConnectionError: no cluster is running", "ray up"), ("AuthenticationError: bad token", "cluster's head")],
)
def test_a_cluster_that_is_not_reached_is_wrong(tmp_path: Path, error: str, way_out: str) -> None:
    (one,) = look("auto", tmp_path, visit=lambda address, folder: {"error": error})
    assert one.state == "wrong" and error.split(": ")[1] in one.found and way_out in one.way_out


def test_a_port_where_nothing_listens_is_told_at_once(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (one,) = look(address, tmp_path)
    assert one.state == "wrong" and "nothing listens there" in one.found


@pytest.fixture
def cluster(ray_here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A head and a node, which see one file system."""
    for name in [name for name in os.environ if name.startswith("RAY_AUTH")]:
        monkeypatch.delenv(name)
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=2)
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.mark.ray
@pytest.mark.cluster
def test_every_node_of_a_real_cluster_is_visited(tmp_path: Path, cluster: Cluster) -> None:
    reached, *each = look(cluster.address, tmp_path / "reports")
    assert reached.state == "ok" and "nodes: 2, CPUs: 3" in reached.found, reached
    assert [one.state for one in each] == ["ok", "ok"], each
    assert all("sees and writes" in one.found for one in each)
    assert list((tmp_path / "reports").iterdir()) == []
    found = visited(cluster.address, tmp_path / "not there")
    assert "error" in found and "not there" in found["error"]


@pytest.mark.cluster
def test_a_real_cluster_refuses_the_wrong_token(head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    for value, state in (("right" * 8, "ok"), ("wrong" * 8, "wrong")):
        monkeypatch.setenv("RAY_AUTH_TOKEN", value)
        first = next(look(head, tmp_path))
        assert first.state == state, first
    assert "does not take our token" in first.found and "cluster's head" in first.way_out
