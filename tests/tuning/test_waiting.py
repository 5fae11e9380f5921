"""A trial or repetition for which a cluster has no room yet only waits; one that was begun and gives no sign hangs."""

import os
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray

from tests.tuning.fakes import FakeWork, notes, searched, study
from tests.tuning.here import sitting
from vlstudy.journal import read
from vlstudy.study.spec import FailureSpec, ResourceSpec
from vlstudy.tuning import confirm
from vlstudy.tuning.cluster import connected
from vlstudy.tuning.launch import launch
from vlstudy.tuning.watchdog import Watchdog

STALL = 0.3  # minutes: a worker starts in fewer, also on a busy machine


def test_a_trial_that_waits_for_room_does_not_hang() -> None:
    clock = [0.0]
    dog = Watchdog(100, now=lambda: clock[0])
    dog.sign("a")
    told = []
    for clock[0] in range(0, 500, 50):
        told += [clock[0]] if dog.waits("a") else []
        assert dog.hanging() == []
    assert told == [150, 300, 450]
    clock[0] += 101
    assert dog.hanging() == [("a", 101)], "from now on it has a worker"


def test_a_repetition_hangs_from_when_it_was_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled: list[object] = []
    ours = SimpleNamespace(put=lambda errand: errand, cancel=lambda one, force: cancelled.append(one))
    monkeypatch.setattr(confirm, "ray", ours)
    monkeypatch.setattr(confirm, "lack", lambda resources: "room")
    with sitting(study(tmp_path), tmp_path) as (_, errand, _, _):
        told: list[str] = []
        workers = confirm._Workers(errand, told.append)
        one = confirm.Repetition(arm="a", rank=0, trial=3, seed=1, settings={}, axis={})
        long_ago = time.time() - 60 * errand.spec.failures.stall_minutes - 1
        workers._began["reference"] = long_ago
        for _ in range(2):
            workers.look({"reference": one})
        assert told == ["a on seed 1 waits for room"] and cancelled == []
        sign = confirm._sign(errand, one)
        sign.touch()
        workers._began["reference"] = long_ago
        workers.look({"reference": one})
        assert cancelled == [], "it was begun just now"
        os.utime(sign, (long_ago, long_ago))
        for _ in range(2):
            workers.look({"reference": one})
        assert cancelled == ["reference"] and told[1:] == ["a on seed 1 gave no sign of life: its worker is replaced"]


@pytest.mark.ray
def test_a_trial_waits_in_a_busy_cluster(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ray_here: None
) -> None:
    """Somebody else has the whole cluster for longer than a worker may give no sign of life."""
    monkeypatch.setattr("vlstudy.tuning.watchdog.GRACE", 0.5)
    spec = study(tmp_path, arms=(searched("a"),), trials=1, resources=ResourceSpec(cpus=1, concurrent=1))
    spec = replace(spec, failures=FailureSpec(stall_minutes=STALL))
    with connected(spec.resources, None, tmp_path):
        cpus = ray.cluster_resources()["CPU"]
        other = ray.remote(num_cpus=cpus)(lambda: time.sleep(60 * STALL + 6)).remote()
        record = read(launch(spec, reports=tmp_path, work=FakeWork()))
        ray.get(other)
    assert [trial.verdict for trial in record.trials] == ["complete"]
    assert len(record.confirms) == 2 and len(notes(spec)) == 3
    output = capfd.readouterr().out
    assert f"a 0 waits for 1 CPUs (the cluster has 0 of {cpus:g} free)" in output and "sign of life" not in output
    assert not list(Path(record.folder).glob("trials/*.begun"))
