"""Ray: our own on this machine for as long as the sitting lasts, or an existing cluster."""

import logging
import math
import os
import shlex
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from vlstudy.errors import ClusterError
from vlstudy.journal import exists
from vlstudy.study.spec import ResourceSpec
from vlstudy.tuning.knock import knock

_STORE_BYTES = 256 * 2**20  # results are small and features are memory-mapped; Ray would take 30 % of the memory
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # a study tells nobody that it runs
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # for the workers, which read it too
}


@contextmanager
def connected(resources: ResourceSpec, address: str | None, folder: Path) -> Iterator[int]:
    """How many trials run at once, while Ray is up; a connection that was there before stays.

    Args:
        resources: what one trial takes.
        address: of a running cluster, such as `auto`; None starts Ray here and ends it afterwards.
        folder: the study's, which every node must see.

    Raises:
        ClusterError: there is no cluster at `address`, no node can hold a trial, or one does not see the folder.
    """
    if ray.is_initialized():
        yield _slots(resources, address, folder)
        return
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    _start(address)
    try:
        yield _slots(resources, address, folder)
    finally:
        ray.shutdown()


def fits(resources: ResourceSpec, node: Mapping[str, float]) -> int:
    """How many trials a node with these resources holds at once.

    >>> fits(ResourceSpec(cpus=1, gpus=0.5), {"CPU": 8, "GPU": 2}), fits(ResourceSpec(cpus=2), {"CPU": 3})
    (4, 1)
    """
    room = []
    if resources.cpus:
        room.append(math.floor(node.get("CPU", 0) / resources.cpus + 1e-9))
    if 0 < resources.gpus < 1:  # a share never spans two devices
        room.append(int(node.get("GPU", 0)) * math.floor(1 / resources.gpus + 1e-9))
    elif resources.gpus:
        room.append(math.floor(node.get("GPU", 0) / resources.gpus + 1e-9))
    return min(room, default=1)


def lack(resources: ResourceSpec) -> str:
    """What one trial waits for while the cluster has no room, in words."""
    there, free = ray.cluster_resources(), ray.available_resources()  # type: ignore[no-untyped-call]
    wanted = {"CPU": resources.cpus, "GPU": resources.gpus}
    return " and ".join(
        f"{count:g} {name}s (the cluster has {free.get(name, 0):g} of {there.get(name, 0):g} free)"
        for name, count in wanted.items()
        if count
    )


def _start(address: str | None) -> None:
    local = address is None
    try:
        if address is not None:
            knock(address)
        ray.init(
            address="local" if local else address,
            include_dashboard=False if local else None,
            object_store_memory=_STORE_BYTES if local else None,
            runtime_env=_quoted(sys.executable),
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (OSError, ValueError, RuntimeError) as error:
        where = "on this machine" if local else f"at `{address}`"
        raise ClusterError(
            f"Ray cannot be reached {where}: {error}. Start a cluster with `ray up cluster/<file>.yaml` or "
            "`ray start --head`, or leave --address out to run on this machine."
        ) from error


def _quoted(python: str) -> dict[str, str] | None:
    """What makes workers start where the interpreter's path has a space: Ray hands it to a shell as it is.

    On a cluster it means that every node has our interpreter at the same path, as its own would not start either.
    """
    quoted = shlex.quote(python)
    return None if quoted == python else {"py_executable": quoted}


def _slots(resources: ResourceSpec, address: str | None, folder: Path) -> int:
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    rooms = {node["NodeID"]: fits(resources, node["Resources"]) for node in nodes if node["Alive"]}
    room = sum(rooms.values())
    if address is not None:
        _all_see(folder, [node for node, count in rooms.items() if count])
    asked = resources.concurrent
    if address is not None and asked != "auto":
        return asked  # an autoscaling cluster grows when more is asked than fits
    if not room:
        raise ClusterError(
            f"no node has the {resources.cpus:g} CPUs and {resources.gpus:g} GPUs that one trial asks for. "
            "Lower `resources` in the study file, or launch on a larger cluster with --address."
        )
    return room if asked == "auto" else min(asked, room)


def _all_see(folder: Path, nodes: list[str]) -> None:
    """Checkpoints go through the study's folder: a node without it would fail every trial that it gets."""
    look = ray.remote(num_cpus=0)(_sees)
    places = {node: NodeAffinitySchedulingStrategy(node, soft=False) for node in nodes}
    answers = {node: look.options(scheduling_strategy=place).remote(str(folder)) for node, place in places.items()}
    for node, answer in answers.items():
        host, seen = ray.get(answer)
        if not seen:
            raise ClusterError(
                f"node {host} ({node[:8]}) does not see {folder}. Put --reports on a file system that all nodes share."
            )


def _sees(folder: str) -> tuple[str, bool]:
    return socket.gethostname(), exists(Path(folder))
