"""Trials that ran out of memory because too many of them shared a device."""

from dataclasses import replace

from vlstudy.errors import BatchTooLarge
from vlstudy.study.spec import ResourceSpec

_WORDS = ("out of memory", "memoryerror", "outofmemory", "alloc_failed", "cannot allocate memory", "low on memory")


def ran_out(error: object) -> bool:
    """Whether an error, or its text, says that memory was short.

    >>> ran_out(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")), ran_out(RuntimeError("shape mismatch"))
    (True, False)
    """
    if isinstance(error, MemoryError | BatchTooLarge):
        return True
    text = f"{type(error).__name__} {error}".lower()
    return any(word in text for word in _WORDS)


def roomier(resources: ResourceSpec, slots: int) -> tuple[ResourceSpec, int] | None:
    """Resources of a trial and trials at once with half as many beside each other; None if each is alone already.

    >>> roomier(ResourceSpec(gpus=0.25), 8)[1], roomier(ResourceSpec(gpus=1), 2), roomier(ResourceSpec(gpus=0), 4)[1]
    (4, None, 2)
    """
    if slots <= 1 or resources.gpus >= 1:
        return None
    if not resources.gpus:
        return resources, slots // 2
    share = min(1.0, 2 * resources.gpus)
    return replace(resources, gpus=share), max(1, int(slots * resources.gpus / share))
