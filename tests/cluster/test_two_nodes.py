"""A study on a cluster of two nodes, one of which is killed in the middle."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from tests.tuning.conftest import ray_here
from tests.tuning.fakes import FakeWork, notes, searched, study
from tests.tuning.here import finish, told
from vlstudy.journal import exists, folder_of, read
from vlstudy.study.spec import ResourceSpec, StudySpec
from vlstudy.tuning.launch import launch

__all__ = ["ray_here"]  # a fixture


@pytest.fixture
def cluster(ray_here: None) -> Iterator[Cluster]:
    """A head that holds no trial, and two nodes with two slots each."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.mark.ray
@pytest.mark.cluster
def test_trials_of_a_killed_node_go_on_elsewhere(
    tmp_path: Path, cluster: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    node, _ = cluster.add_node(num_cpus=2), cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    arms = (searched("a"), searched("b"))
    spec = study(tmp_path, arms=arms, trials=4, seconds=0.5, resources=ResourceSpec(cpus=1))
    threading.Thread(target=kill_in_the_middle, args=(cluster, node, spec, tmp_path), daemon=True).start()
    folder = launch(spec, reports=tmp_path, address=cluster.address, work=FakeWork())
    record = read(folder)
    (tmp_path / "quick").mkdir()
    quick = finish(study(tmp_path / "quick", arms=arms, trials=4), tmp_path / "quick")
    assert told(list(record.trials)) == told(quick)
    assert {trial.verdict for trial in record.trials} == {"complete"} and len(record.confirms) == 4
    resumed = [note["from"] for note in notes(spec) if note["from"] > 0 and not note["fresh"]]
    assert len(resumed) == 2 and min(resumed) >= 3
    assert capfd.readouterr().out.count("it goes on from its checkpoint") == 2


def kill_in_the_middle(cluster: Cluster, node: object, spec: StudySpec, reports: Path) -> None:
    """Removes the node when four trials are at work, each with three measurements or more."""
    folder = folder_of(spec, reports)
    while True:
        trials = read(folder).trials if exists(folder) else ()
        if sum(trial.verdict == "running" and 3 <= len(trial.measurements) <= 6 for trial in trials) == 4:
            cluster.remove_node(node, allow_graceful=False)
            return
        time.sleep(0.05)
