"""Commands as a user types them, and a small study for them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vlstudy import cli
from vlstudy.journal import ConfirmRecord, folder_of
from vlstudy.journal.folder import write_header
from vlstudy.journal.ledger import Ledger
from vlstudy.measurement import Measurement, Point
from vlstudy.study.reading import read
from vlstudy.tuning.header import header_of

Typed = Callable[..., str]

NAME = "[red]a/../b[/red]"
TEXT = f"""\
study: "{NAME}"
question: Does the flow win?
data: {{source: feature_file, path: features.npz, shots: 4}}
objective: val/accuracy
arms:
  - name: zero_shot
    method: zero_shot
  - name: "[bold]probe"
    method: linear_probe
    space:
      method.c: {{grid: [1, 10]}}
  - name: flow
    method: fma
    fixed: {{train.epochs: 2, train.batch: 5, train.evaluations: 4}}
    space:
      train.lr: {{log_uniform: [1e-4, 1e-2]}}
      method.path: {{choice: [none, bridge]}}
      method.noise: {{uniform: [0, 1], when: {{method.path: bridge}}}}
      method.solver_steps: {{axis: [0, 1, 2, 3, 4]}}
search: {{trials: 6, seed: 7}}
confirm: {{seeds: [1, 2]}}
resources: {{cpus: 1}}
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study of 3 classes whose features stand beside its file."""
    rng = np.random.default_rng(0)
    labels, centres = np.repeat(np.arange(3), 12), rng.standard_normal((3, 16))
    images = centres[labels] + 0.3 * rng.standard_normal((36, 16))
    text = centres + 0.5 * rng.standard_normal((3, 16))
    np.savez(tmp_path / "features.npz", x=images, y=labels, classnames=np.array(["a", "b", "c"]), text=text)
    path = tmp_path / "study.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def folder(study: Path) -> Path:
    """The study's folder after one trial and one confirmation of each arm, made without Ray."""
    spec = read(study)
    folder = folder_of(spec, study.parent / "reports")
    header = header_of(spec, {})
    write_header(folder, header, spec.text)
    ledger = Ledger(folder, header)
    for place, arm in enumerate(header.arms):
        ledger.begin(arm.name, {}, {}, {})
        found = measurement("val", 0.5 + place / 10)
        ledger.record(arm.name, 0, found)
        ledger.complete(arm.name, 0, [0.5 + place / 10])
        for seed in header.confirm_seeds:
            tested = measurement("test", 0.4 + place / 10 + seed / 100)
            record = ConfirmRecord(
                arm=arm.name,
                rank=0,
                trial=0,
                seed=seed,
                settings={},
                axis={},
                metrics=tested.metrics,
                measurement=tested,
                seconds=1.0,
            )
            ledger.confirm(record, tested.metrics["test/accuracy"])
    ledger.end("its minutes are over")
    return folder


def measurement(split: str, accuracy: float) -> Measurement:
    metrics = {f"{split}/accuracy": accuracy, f"{split}/worst_class_accuracy": 0.1, f"{split}/cross_entropy": 1.0}
    return Measurement(step=4, progress=1.0, points=(Point(axis={}, metrics=metrics),), choice=0)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """What this process prints when the words are typed; it must exit with `code`."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: object, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["vlstudy", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        assert (caught.value.code or 0) == code, out + err
        assert not (code == 2 and out), "a mistake is told on standard error"
        return out + err

    return run


def fresh(*words: object, absent: str = "") -> str:
    """What a process of its own prints; it fails if it has loaded one of the `absent` modules."""
    check = f"loaded = set('{absent}'.split()) & set(sys.modules); assert not loaded, loaded"
    script = f"import sys\nfrom vlstudy.cli import main\ntry:\n    main()\nfinally:\n    {check}"
    arguments = [sys.executable, "-c", script, *map(str, words)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=250, env={**os.environ, "COLUMNS": "80"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
