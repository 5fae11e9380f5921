"""What the nodes of a Ray cluster answer when each of them is visited; run as a program, the answers as JSON.

A program of its own, because Ray may end the process that it cannot connect, and because functions of a program travel
to nodes by value: also a node without vlstudy answers.
"""

import json
import logging
import os
import platform
import shutil
import sys
import tempfile
import time
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGES = ("vlstudy", "torch", "ray")
_PATIENCE = 60  # seconds for an answer
_SLOW_DISK = 5.0  # seconds in which a shared folder must show what another machine wrote


def visit(address: str, folder: str) -> dict[str, Any]:
    """What every living node answers to `_answer`, and whether its file is seen here.

    Args:
        address: of the cluster.
        folder: that exists here, and that all nodes should see under this path.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".vlstudy-doctor-") as place:
        (Path(place) / "driver").write_text("driver")
        nodes = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        look = ray.remote(num_cpus=0, max_retries=0)(_answer)
        asked = {
            node["NodeID"]: look.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(place, node["NodeID"], PACKAGES, _SLOW_DISK)
            for node in nodes
        }
        answers = [_heard(asked[node["NodeID"]], node, place) for node in nodes]
    ray.shutdown()
    return {"python": platform.python_version(), **_versions(PACKAGES), "nodes": answers}


def _heard(reference: Any, node: dict[str, Any], place: str) -> dict[str, Any]:
    """A node's answer with its resources, or why there is none."""
    import ray

    known = {"host": node["NodeManagerHostname"], "resources": node["Resources"]}
    try:
        answer = ray.get(reference, timeout=_PATIENCE)
    except Exception as error:  # whatever keeps a node from answering is what is looked for
        return {**known, "error": f"{type(error).__name__}: {str(error).strip().splitlines()[-1]}"}
    return {**known, **answer, "reaches us": _appears(Path(place) / node["NodeID"], _SLOW_DISK)}


def _answer(place: str, name: str, packages: tuple[str, ...], patience: float) -> dict[str, Any]:
    """On a node: its versions, whether it sees our file, and whether it can write one."""
    seen, wrote = _appears(Path(place) / "driver", patience), ""
    if seen:
        try:
            with open(Path(place) / name, "w") as file:
                file.write(name)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            wrote = error.strerror or str(error)
    free = shutil.disk_usage(place).free if seen else 0
    return {"python": platform.python_version(), **_versions(packages), "sees us": seen, "fault": wrote, "free": free}


def _appears(path: Path, patience: float) -> bool:
    """Whether a file is there; network file systems may take seconds to show it."""
    end = time.monotonic() + patience
    while not path.exists():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Package -> its version; "here" if it was not installed but can be imported, "" if it is not there."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "here" if find_spec(package) else ""
    return found


if __name__ == "__main__":
    try:
        said = visit(*sys.argv[1:])
    except Exception as error:
        said = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(said))
