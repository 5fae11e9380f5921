"""What this machine has for trials: processors, GPUs, memory."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from vlstudy.study.spec import ResourceSpec

_CGROUP = Path("/sys/fs/cgroup/memory.max")  # of a container: less than the machine has, or the word `max`
_QUERY = ["nvidia-smi", "--query-gpu=name,memory.total,memory.used,driver_version", "--format=csv,noheader,nounits"]


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU as its driver sees it; bytes of its memory."""

    name: str
    memory: int
    used: int
    driver: str


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What Ray would find on a machine.

    Attributes:
        cpus: logical processors.
        gpus: that the driver shows.
        memory: bytes, of which a container may have fewer than its machine.
    """

    cpus: int
    gpus: tuple[Gpu, ...]
    memory: int


def here() -> Machine:
    """This machine."""
    return Machine(cpus=os.cpu_count() or 1, gpus=gpus(), memory=_memory())


def gpus() -> tuple[Gpu, ...]:
    """The GPUs that nvidia-smi shows, less those that CUDA_VISIBLE_DEVICES hides; () without it."""
    try:
        done = subprocess.run(_QUERY, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    rows = [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines() if line.count(",") == 3]
    found = [
        Gpu(name=name, memory=_mebibytes(memory), used=_mebibytes(used), driver=driver)
        for name, memory, used, driver in rows
    ]
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = (
        len(found) if shown is None else len([place for place in shown.split(",") if place.strip() not in ("", "-1")])
    )
    return tuple(found[:count])


def slots(resources: ResourceSpec, machine: Machine) -> int:
    """How many trials run at once here; 0 if not even one does."""
    from vlstudy.tuning.cluster import fits  # takes Ray's time

    room = fits(resources, {"CPU": machine.cpus, "GPU": len(machine.gpus)})
    return room if resources.concurrent == "auto" else min(room, resources.concurrent)


def _mebibytes(cell: str) -> int:
    """Bytes; 0 where the driver does not say, as on machines whose GPU shares the processor's memory."""
    return int(cell) * 2**20 if cell.isdigit() else 0


def _memory() -> int:
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = _CGROUP.read_text().strip()
    except OSError:
        return whole
    return min(whole, int(limit)) if limit.isdigit() else whole
