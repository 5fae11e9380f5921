"""Whether a Ray cluster lets us in, and whether its nodes are like this machine and see the study's folder."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vlstudy.doctor.finding import Finding, ok, warning, wrong
from vlstudy.tuning.knock import knock

_PATIENCE = 180  # seconds for the whole visit
_LITTLE = 2**30  # bytes that a node should have free
_TOKEN = Path("~/.ray/auth_token")  # where Ray looks last
_MAKE = "cluster/README.md says how it is made: ray get-auth-token --generate."
_START = "`ray up cluster/FILE.yaml` or `ray start --head` starts one; without --address a study runs on this machine."
_REFUSED = ("InvalidAuthToken", "Unauthenticated", "AuthenticationError")  # words of Ray's that mean the token

Visit = Callable[[str, Path], dict[str, Any]]


def token(environment: Mapping[str, str]) -> Iterator[Finding]:
    """What we would show to a cluster: RAY_AUTH_TOKEN, the file of RAY_AUTH_TOKEN_PATH, or ~/.ray/auth_token."""
    check, mode = "Ray's token", environment.get("RAY_AUTH_MODE", "").lower()
    if mode not in ("", "token", "disabled"):
        yield wrong(check, f"RAY_AUTH_MODE is `{mode}`; Ray knows token and disabled", "export RAY_AUTH_MODE=token")
        return
    named = environment.get("RAY_AUTH_TOKEN_PATH")
    path = Path(named) if named else Path(environment.get("HOME", "~")) / _TOKEN.relative_to("~")
    if mode == "disabled":
        yield warning(check, "RAY_AUTH_MODE=disabled: none is shown, and none asked for", f"a token. {_MAKE}")
    elif environment.get("RAY_AUTH_TOKEN"):
        yield ok(check, "from RAY_AUTH_TOKEN")
    elif not path.is_file() or not path.read_text().strip():
        what = f"RAY_AUTH_TOKEN_PATH names {path}, where there is none" if named else f"none, also not in {path}"
        if named or mode == "token":
            yield wrong(check, what, _MAKE)
        else:
            yield warning(check, f"{what}: a cluster that asks for none lets in everybody who reaches it", _MAKE)
    elif path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield warning(check, f"{path} can be read by other users of this machine", f"chmod 600 {path}")
    else:
        yield ok(check, f"from {path}")


def visited(address: str, folder: Path) -> dict[str, Any]:
    """What the nodes answer, asked by a process of its own; `error` if there is no getting in."""
    command = [sys.executable, "-m", "vlstudy.tuning.nodes", address, str(folder)]
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), *sys.path]))}
    try:
        knock(address)
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, env=paths, check=False)
    except OSError as error:
        return {"error": f"nothing listens there ({error})"}
    except subprocess.TimeoutExpired:
        return {"error": f"no answer in {_PATIENCE} s"}
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):  # Ray ended the process
        found = {"error": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]}
    if "error" in found and any(word in done.stderr for word in _REFUSED):
        return {"error": f"{_REFUSED[0]}: the token is missing or not the cluster's"}  # Ray's exception hides it
    return found


def look(address: str, folder: Path, *, visit: Visit = visited) -> Iterator[Finding]:
    """Whether the cluster is reached, and one line for each of its nodes.

    Args:
        address: as `vlstudy launch --address` takes it.
        folder: the reports', which all nodes must see under the same path.
        visit: how the nodes are asked.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)  # a launch would
    except OSError:
        folder = Path.cwd()  # that it cannot be made is told by the check of this machine's folders
    found = visit(address, folder.resolve())
    if "error" in found:
        yield _unreached(address, found["error"])
        return
    nodes = found["nodes"]
    cpus, gpus = (sum(node["resources"].get(name, 0) for node in nodes) for name in ("CPU", "GPU"))
    yield ok("Ray", f"reached at {address}: nodes: {len(nodes)}, CPUs: {cpus:g}, GPUs: {gpus:g}")
    for node in nodes:
        yield _node(f"node {node['host']}", node, found, folder)


def _unreached(address: str, error: str) -> Finding:
    last = error.strip().splitlines()[-1]
    if any(word in error for word in _REFUSED):
        return wrong("Ray", f"{address} does not take our token: {last}", "copy the token of the cluster's head here.")
    return wrong("Ray", f"{address} cannot be reached: {last}", _START)


def _node(check: str, node: Mapping[str, Any], ours: Mapping[str, Any], folder: Path) -> Finding:
    """The first thing that is wrong with a node."""
    if "error" in node:
        return wrong(check, f"does not answer: {node['error']}", "look at it in `ray status` and its logs.")
    if not node["sees us"] or not node["reaches us"]:
        what = "does not see" if not node["sees us"] else "writes what is not seen here into"
        return wrong(check, f"{what} {folder}", "put --reports on a file system that all nodes share.")
    if node["fault"]:
        return wrong(check, f"cannot write {folder}: {node['fault']}", "give Ray's user on that node the right to.")
    names = ("python", "vlstudy", "torch", "ray")
    pairs = [(name, node[name], ours[name]) for name in names]
    others = [f"{name} {there or 'is not there'} (here {here})" for name, there, here in pairs if _differ(there, here)]
    if others:
        return wrong(check, f"has other versions: {', '.join(others)}", "install the same on every node.")
    told = f"sees and writes {folder}; {node['free'] / 2**30:.1f} GiB are free, the same versions as here"
    return warning(check, told, "make room.") if node["free"] < _LITTLE else ok(check, told)


def _differ(there: str, here: str) -> bool:
    """Whether two versions are others; those of a checkout on the path of modules are not known ("here")."""
    return not there or (there != here and "here" not in (there, here))
