"""GPUs, room and shared memory: each fault planted, and each as it should be."""

import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from vlstudy.doctor.devices import look
from vlstudy.doctor.finding import Finding
from vlstudy.study.spec import ResourceSpec
from vlstudy.tuning import machine as machines
from vlstudy.tuning.machine import Gpu, Machine, here, slots

GIB = 2**30
GPU = Gpu(name="NVIDIA H100", memory=80 * GIB, used=GIB, driver="580.1")
SEES = {"devices": 1, "built for": "13.2"}
BLIND = {"devices": 0, "built for": None}
Usage = namedtuple("Usage", "total used free")


def found(check: str, tmp_path: Path, seen: dict[str, object], resources: ResourceSpec | None, *gpus: Gpu) -> Finding:
    machine = Machine(cpus=4, gpus=gpus, memory=16 * GIB)
    return next(one for one in look(machine, seen, resources, shared=tmp_path) if one.check == check)


def test_no_gpu_is_well_unless_the_study_asks_for_one(tmp_path: Path) -> None:
    assert found("GPUs", tmp_path, BLIND, ResourceSpec()).state == "ok"
    assert found("GPUs", tmp_path, BLIND, None).state == "ok"
    missing = found("GPUs", tmp_path, BLIND, ResourceSpec(gpus=0.5))
    assert missing.state == "wrong" and "asks for 0.5" in missing.found and "--address" in missing.way_out


def test_a_gpu_that_torch_uses_is_well_and_its_memory_is_told(tmp_path: Path) -> None:
    well = found("GPUs", tmp_path, SEES, ResourceSpec(gpus=1), GPU)
    assert well.state == "ok" and "NVIDIA H100 with 80.0 GiB, driver 580.1" in well.found
    assert "seen by torch" in found("GPUs", tmp_path, SEES, ResourceSpec(gpus=1)).found


def test_a_gpu_that_torch_does_not_use(tmp_path: Path) -> None:
    cpu_build = found("GPUs", tmp_path, BLIND, ResourceSpec(gpus=1), GPU)
    assert cpu_build.state == "wrong" and "without CUDA" in cpu_build.found
    assert found("GPUs", tmp_path, BLIND, ResourceSpec(), GPU).state == "warning"
    old_driver = found("GPUs", tmp_path, {**BLIND, "built for": "13.2"}, ResourceSpec(gpus=1), GPU)
    assert old_driver.state == "wrong" and "CUDA 13.2" in old_driver.way_out


def test_a_gpu_that_others_use_is_a_warning(tmp_path: Path) -> None:
    taken = Gpu(name="NVIDIA H100", memory=80 * GIB, used=40 * GIB, driver="580.1")
    busy = found("GPU memory", tmp_path, SEES, ResourceSpec(gpus=1), GPU, taken)
    assert busy.state == "warning" and "GPU 1: 40.0 GiB of 80.0 GiB" in busy.found
    with pytest.raises(StopIteration):
        found("GPU memory", tmp_path, SEES, ResourceSpec(gpus=1), GPU)


def test_room_for_a_trial(tmp_path: Path) -> None:
    assert found("room", tmp_path, SEES, ResourceSpec(cpus=1, gpus=0.5), GPU).found.startswith("2 at once")
    narrow = found("room", tmp_path, SEES, ResourceSpec(cpus=8))
    assert narrow.state == "wrong" and "no trial fits" in narrow.found and "resources" in narrow.way_out


def test_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 8 * GIB))
    assert found("shared memory", tmp_path, SEES, None).state == "ok"
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 64 * 2**20))
    small = found("shared memory", tmp_path, SEES, None)
    assert small.state == "warning" and "--shm-size" in small.way_out
    with pytest.raises(StopIteration):
        found("shared memory", tmp_path / "not on this system", SEES, None)


def test_what_nvidia_smi_says_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA A100, 40960, 512, 550.1'\necho 'NVIDIA A100, [N/A], 0, 550.1'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    first, second = machines.gpus()
    assert first == Gpu(name="NVIDIA A100", memory=40 * GIB, used=512 * 2**20, driver="550.1") and second.memory == 0
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert len(machines.gpus()) == 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert machines.gpus() == ()
    program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert machines.gpus() == ()


def test_a_containers_limit_is_its_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "_CGROUP", tmp_path / "memory.max")
    whole = here().memory
    for text, memory in (("1073741824\n", GIB), ("max\n", whole)):
        (tmp_path / "memory.max").write_text(text)
        assert here().memory == memory
    assert slots(ResourceSpec(concurrent=1), Machine(cpus=4, gpus=(), memory=GIB)) == 1
