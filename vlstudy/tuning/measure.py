"""What a study's trainings take on this machine, measured: each arm in a process of its own."""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from vlstudy.data import cached, store
from vlstudy.study.spec import StudySpec
from vlstudy.tuning.errand import reason_of
from vlstudy.tuning.rehearsal import Rehearsal, rehearse
from vlstudy.tuning.typical import typical
from vlstudy.tuning.work import Training

_WORKER = ("ray.tune", rehearse.__module__)  # what a worker imports


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured of a study.

    Attributes:
        arms: name -> its rehearsal, or why there is none.
        boot: seconds until a fresh process has imported what a worker needs.
        encoding: seconds in which features that the store lacked were made; a launch finds them there.
        made: bytes of those features.
        lacking: how many entries the store still lacks, such as features of test images.
        to_make: bytes that these will have, if they are as large as the source's others; None if nothing tells.
    """

    arms: Mapping[str, Rehearsal | str]
    boot: float
    encoding: float
    made: int
    lacking: int
    to_make: int | None


def measure(spec: StudySpec, tell: Callable[[str], None]) -> Measured:
    """What the trainings of a study take here; nothing is written but features, into the store.

    Args:
        spec: the study.
        tell: gets a line before each thing that may take long.

    Raises:
        VlstudyError: the data or the backbone cannot be used.
    """
    before = _entries()
    tell("data: features that the store lacks are made now, and a launch finds them there")
    encoding = _apart(_prepared, spec)
    if isinstance(encoding, Exception):
        raise encoding
    made = {name: size for name, size in _entries().items() if name not in before}
    arms = {}
    for arm in spec.arms:
        tell(f"{arm.name}: a few steps")
        found = _apart(rehearse, spec, arm, typical(arm))
        arms[arm.name] = reason_of(found) if isinstance(found, Exception) else found
    tell("how long a worker takes to start")
    lacking, to_make = _to_make(spec)
    return Measured(
        arms=arms, boot=_boot(), encoding=encoding, made=sum(made.values()), lacking=lacking, to_make=to_make
    )


def _prepared(spec: StudySpec) -> float | Exception:
    """The seconds that a launch takes to have its features ready."""
    began = time.perf_counter()
    try:
        Training().prepare(spec)
    except Exception as error:  # for the process that asked
        return error
    return time.perf_counter() - began


def _apart(work: Callable[..., Any], *given: Any) -> Any:
    """What the work gives in a fresh process, whose memory is its own; the error if that process dies.

    It is forked from a server that has imported torch and done nothing, so that it costs no import.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([rehearse.__module__])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(_begun, dict(os.environ), work, given).result()
        except BrokenProcessPool:
            return MemoryError("its process was killed, as happens when memory runs out")


def _begun(environment: Mapping[str, str], work: Callable[..., Any], given: Sequence[Any]) -> Any:
    """The work under our environment: the server that the process comes from may be older than a change of it."""
    os.environ.clear()
    os.environ.update(environment)
    return work(*given)


def _boot() -> float:
    """Seconds that a fresh process takes for a worker's imports, from the same places as ours."""
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), *sys.path]))}
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {', '.join(_WORKER)}"], check=True, env=paths)
    return time.perf_counter() - began


def _entries() -> dict[str, int]:
    """File -> bytes of everything in the store."""
    folder = store.folder()
    return {path.name: path.stat().st_size for path in folder.glob("*.safetensors")} if folder.is_dir() else {}


def _to_make(spec: StudySpec) -> tuple[int, int | None]:
    """How many entries the store lacks, and the bytes that they will have."""
    lacking, total, known = 0, 0, True
    for source in dict.fromkeys(spec.data_of(arm) for arm in spec.arms):
        held = cached(source, spec.backbone.model, spec.backbone.pretrained)
        sizes = [path.stat().st_size for _, path, there in held if there]
        gone = len(held) - len(sizes)
        lacking += gone
        total += gone * sum(sizes) // max(1, len(sizes))
        known = known and (bool(sizes) or not gone)
    return lacking, total if known else None
