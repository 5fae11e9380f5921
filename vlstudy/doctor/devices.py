"""Whether the machine has what trials ask for: GPUs, processors, shared memory."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vlstudy.doctor.finding import Finding, ok, warning, wrong
from vlstudy.study.spec import ResourceSpec
from vlstudy.tuning.machine import Gpu, Machine, slots

SHARED = Path("/dev/shm")
STORE = 256 * 2**20  # bytes that a launch gives Ray's object store on this machine
_BUSY = 0.1  # share of a GPU's memory from which somebody else seems to use it
_ELSEWHERE = "launch on a cluster that has them (--address)"


def look(
    machine: Machine, seen: Mapping[str, Any], resources: ResourceSpec | None, *, shared: Path = SHARED
) -> Iterator[Finding]:
    """GPUs, room for a trial, shared memory.

    Args:
        machine: what the driver and the system show.
        seen: what torch sees, by `packages.together`; {} if torch does not work.
        resources: of a study that will run here; None if nothing is known, or it runs on a cluster.
        shared: the folder of shared memory.
    """
    asked = resources.gpus if resources else 0.0
    yield _gpus(machine.gpus, seen, asked)
    yield from _busy(machine.gpus, asked)
    if resources is not None:
        yield _room(machine, resources)
    yield from _shared(shared)


def _gpus(gpus: tuple[Gpu, ...], seen: Mapping[str, Any], asked: float) -> Finding:
    if not gpus and not seen.get("devices"):
        if not asked:
            return ok("GPUs", "none; trials train on the processor")
        way_out = f"set resources.gpus to 0, or {_ELSEWHERE}."
        return wrong("GPUs", f"none; a trial of the study asks for {asked:g}", way_out)
    shown = ", ".join(f"{gpu.name} with {_gib(gpu.memory)}, driver {gpu.driver}" for gpu in gpus)
    shown = shown or f"{seen.get('devices')} seen by torch, none by nvidia-smi"
    if not seen or seen["devices"]:
        return ok("GPUs", shown)
    why = "torch was built without CUDA" if seen["built for"] is None else "torch cannot use them"
    way_out = (
        "install torch's build for CUDA (pytorch.org, Get started)."
        if seen["built for"] is None
        else f"the driver must know CUDA {seen['built for']}; look at CUDA_VISIBLE_DEVICES too."
    )
    return (wrong if asked else warning)("GPUs", f"{shown}; {why}", way_out)


def _busy(gpus: tuple[Gpu, ...], asked: float) -> Iterator[Finding]:
    """GPUs on which somebody else is."""
    for place, gpu in enumerate(gpus):
        if asked and gpu.memory and gpu.used > _BUSY * gpu.memory:
            used = f"GPU {place}: {_gib(gpu.used)} of {_gib(gpu.memory)} are taken by other processes"
            yield warning("GPU memory", used, "wait for them, end them, or hide it: CUDA_VISIBLE_DEVICES.")


def _room(machine: Machine, resources: ResourceSpec) -> Finding:
    count = slots(resources, machine)
    asked = f"a trial takes CPUs: {resources.cpus:g}, GPUs: {resources.gpus:g}"
    has = f"CPUs: {machine.cpus}, GPUs: {len(machine.gpus)}, memory: {_gib(machine.memory)}"
    if not count:
        return wrong("room", f"no trial fits: {asked}; here are {has}", f"lower `resources`, or {_ELSEWHERE}.")
    return ok("room", f"{count} at once: {asked}; here are {has}")


def _shared(shared: Path) -> Iterator[Finding]:
    """Ray's object store is in shared memory; where that is small, Ray takes slow files for it."""
    if not shared.is_dir():
        return  # not on this system
    free = shutil.disk_usage(shared).free
    told = f"{_gib(free)} free in {shared}; a launch takes {STORE // 2**20} MiB"
    if free < STORE:
        yield warning("shared memory", told, "give the container more: docker run --shm-size=1g.")
    else:
        yield ok("shared memory", told)


def _gib(count: float) -> str:
    return f"{count / 2**30:.1f} GiB"
