"""Check 23 of the variance-aware specification: halves of a batch that are gathered are the batch.

A trial is one process, so nothing of ours gathers; two processes here stand for whoever spreads a batch over some.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from tests.schedules.moments import EVERY, embedded, normal, weighed

PAIRS, PROCESSES = 12, 2


def part(first: int, last: int) -> list[torch.Tensor]:
    """The images and texts of some of the pairs."""
    return [normal(PAIRS, 6)[first:last], (normal(PAIRS, 6, seed=1) * 0.4 + 0.2)[first:last]]


def found(images: torch.Tensor, texts: torch.Tensor) -> dict[str, list[float]]:
    """The state that each schedule leaves after the batch, and its weights."""
    pairs = embedded(images, texts)
    answers = {name: weighed(kind(), pairs) for name, kind in EVERY.items()}
    return {name: [*one.state.values(), *map(float, one.weights.values())] for name, one in answers.items()}


def work(rank: int, folder: Path) -> None:
    """What one of the processes does: it encodes its half, gathers the other and weighs both."""
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=PROCESSES)
    half = PAIRS // PROCESSES
    own = part(rank * half, (rank + 1) * half)
    gathered = [[torch.empty_like(rows) for _ in range(PROCESSES)] for rows in own]
    for parts, rows in zip(gathered, own, strict=True):
        dist.all_gather(parts, rows)
    (folder / f"{rank}.json").write_text(json.dumps([found(*map(torch.cat, gathered)), found(*own)]))
    dist.destroy_process_group()


def test_check_23_gathered_halves_give_the_statistics_of_the_whole(tmp_path: Path) -> None:
    command = [sys.executable, "-m", __name__, str(tmp_path)]
    workers = [
        subprocess.Popen([*command, str(rank)], cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True)
        for rank in range(PROCESSES)
    ]
    try:
        told = [worker.communicate(timeout=120)[1] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0] * PROCESSES, told
    whole = found(*part(0, PAIRS))
    for rank in range(PROCESSES):
        together, alone = json.loads((tmp_path / f"{rank}.json").read_text())
        for name, numbers in whole.items():
            assert together[name] == pytest.approx(numbers, abs=1e-6), name
            assert alone[name] != pytest.approx(numbers, abs=1e-4), name  # per process they are others


if __name__ == "__main__":
    work(int(sys.argv[2]), Path(sys.argv[1]))
