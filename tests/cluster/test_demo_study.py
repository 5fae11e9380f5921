"""The demo study on a cluster of two nodes, one of which is killed in the middle."""

import threading
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from tests.tuning.conftest import ray_here
from vlstudy.journal import exists, folder_of, read
from vlstudy.measurement import Measurement
from vlstudy.study.reading import read as read_study
from vlstudy.study.spec import Arm, ConfirmSpec, PrunerSpec, SearchSpec, StudySpec
from vlstudy.tuning.launch import launch
from vlstudy.tuning.work import State, Training

__all__ = ["ray_here"]  # a fixture

DEMO = Path(__file__).parents[2] / "studies/fma.yaml"


class NotedTraining(Training):
    """The real work, which notes at which step and on which node each training of the search was taken up."""

    def __init__(self, notes: Path) -> None:
        self.notes = notes

    def train(
        self, spec: StudySpec, arm: Arm, settings: Mapping[str, Any], *, fresh: bool, state: State | None, **how: Any
    ) -> Generator[tuple[Measurement, State]]:
        if not fresh:
            with self.notes.open("a") as file:
                node = ray.get_runtime_context().get_node_id()
                file.write(f"{arm.name} {state.measurement.step if state else 0} {node}\n")
        yield from super().train(spec, arm, settings, fresh=fresh, state=state, **how)


@pytest.fixture
def cluster(ray_here: None) -> Iterator[Cluster]:
    """A head that holds no trial, and two nodes with one slot each."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.mark.ray
@pytest.mark.cluster
@pytest.mark.timeout(600)
def test_the_demo_study_survives_a_killed_node(tmp_path: Path, cluster: Cluster) -> None:
    nodes = [cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)]
    cluster.wait_for_nodes()
    spec = replace(
        read_study(DEMO),
        search=SearchSpec(trials=2),
        pruner=PrunerSpec(name="none"),
        confirm=ConfirmSpec(seeds=1),
    )
    notes = tmp_path / "notes"
    threading.Thread(target=kill_at_the_flow, args=(cluster, nodes, spec, notes), daemon=True).start()
    record = read(launch(spec, reports=tmp_path, address=cluster.address, work=NotedTraining(notes)))
    assert [trial.verdict for trial in record.trials] == ["complete"] * 7
    assert len(record.confirms) == 4
    for trial in record.trials:
        steps = [measurement.step for measurement in trial.measurements]
        assert steps == sorted(set(steps)) and len(steps) == (10 if trial.arm in ("clip_adapter", "fma") else 1)
    taken_up = [line.split() for line in notes.read_text().splitlines()]
    (first, died, _), *later = [item for item in taken_up if item[0] == "fma"]
    assert (first, died) == ("fma", "0")
    assert any(int(step) > 0 for _, step, _ in later), taken_up


def kill_at_the_flow(cluster: Cluster, nodes: list[Any], spec: StudySpec, notes: Path) -> None:
    """Removes the node that trains the first flow, after two measurements or more."""
    folder = folder_of(spec, notes.parent)
    while True:
        trials = read(folder).trials if exists(folder) else ()
        if any(t.arm == "fma" and t.verdict == "running" and 2 <= len(t.measurements) <= 7 for t in trials):
            place = next(line.split()[2] for line in notes.read_text().splitlines() if line.startswith("fma "))
            cluster.remove_node(next(node for node in nodes if node.node_id == place), allow_graceful=False)
            return
        time.sleep(0.05)
