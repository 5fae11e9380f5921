"""Every command's example, as `--help` and the README show it, typed word for word."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import typer

from tests.commands import Typed, typed
from tests.tuning.begun import searched, trials_of
from vlstudy import cli
from vlstudy.journal.folder import read_header
from vlstudy.journal.ledger import Ledger
from vlstudy.study.reading import read

__all__ = ["typed"]

README = (Path(__file__).parents[1] / "README.md").read_text()
STUDY = """\
study: fma
question: Does a flow win?
data: {source: feature_file, path: features.npz, shots: 4}
objective: val/accuracy
arms:
  - name: zero_shot
    method: zero_shot
  - name: clip_adapter
    method: clip_adapter
    fixed: {train.epochs: 1}
    space: {train.lr: {log_uniform: [1e-4, 1e-2]}}
  - name: fma
    method: fma
    fixed: {train.epochs: 1, train.batch: 5, train.evaluations: 2}
    space:
      train.lr: {log_uniform: [1e-4, 1e-2]}
      method.noise: {uniform: [0, 1]}
search: {sampler: random, trials: 18, seed: 0}
budget: {minutes: 10}
confirm: {seeds: 2}
"""
ARM = "name: probe\nmethod: linear_probe\nspace: {method.c: {choice: [0.1, 1, 10]}}\n"
ELSEWHERE = {  # examples that need more than a study in a folder -> the test that runs them
    "launch": "tests/tuning/test_while_it_runs.py",
    "plan": "tests/terminal/test_costs.py",
    "dashboard": "tests/terminal/test_dashboard.py",
    "check": "tests/data/test_checking.py",
}


def examples() -> dict[str, str]:
    """Verb -> its example."""
    found: dict[str, str] = {}
    for name, command in typer.main.get_command(cli.app).commands.items():  # type: ignore[attr-defined]
        for inner, one in getattr(command, "commands", {name: command}).items():
            (example,) = re.findall(r"^Example: (vlstudy .*?)(?:\. .*)?$", one.epilog or "")
            found[inner] = example
    return found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as a user has it, with a study that was searched to its end, one trial of which failed."""
    rng = np.random.default_rng(0)
    labels, centres = np.repeat(np.arange(3), 12), rng.standard_normal((3, 16))
    images = centres[labels] + 0.3 * rng.standard_normal((36, 16))
    names = np.array(["a", "b", "c"])
    (tmp_path / "studies").mkdir()
    np.savez(tmp_path / "studies" / "features.npz", x=images, y=labels, classnames=names, text=centres)
    (tmp_path / "studies" / "fma.yaml").write_text(STUDY)
    (tmp_path / "tuned.yaml").write_text(ARM)
    monkeypatch.chdir(tmp_path)
    folder, _ = searched(read(Path("studies/fma.yaml")), Path("reports"))
    ledger = Ledger(folder, read_header(folder))
    ledger.fail("fma", ledger.begin("fma", {}, {}, {}), "no memory")
    return folder


@pytest.mark.parametrize("verb", [verb for verb in examples() if verb not in ELSEWHERE])
def test_the_example_of_help_runs(verb: str, place: Path, typed: Typed) -> None:
    printed = typed(*shlex.split(examples()[verb].replace("/data/reports", "reports"))[1:])
    assert printed and "Traceback" not in printed


@pytest.mark.parametrize("verb", examples())
def test_the_readme_shows_the_verb(verb: str) -> None:
    assert re.search(rf"`vlstudy (data )?{verb}\b", README), verb


def test_those_that_run_elsewhere_are_there() -> None:
    missing = [path for verb, path in ELSEWHERE.items() if verb in examples() and not Path(path).is_file()]
    root = Path(__file__).parents[1]
    assert [path for path in missing if not (root / path).is_file()] == []


def test_the_examples_do_what_they_say(place: Path, typed: Typed) -> None:
    typed(*shlex.split(examples()["extend"])[1:])
    typed("extend", "studies/fma.yaml", "--minutes", "+30", "--arm", "tuned.yaml")
    typed(*shlex.split(examples()["enqueue"])[1:])
    typed(*shlex.split(examples()["retry"])[1:])
    typed(*shlex.split(examples()["drop"])[1:])
    header = read_header(place)
    assert [arm.name for arm in header.arms] == ["zero_shot", "fma", "probe"]
    assert {change.what.split(":")[0] for change in header.changes} >= {"search.trials", "budget.minutes"}
    assert "stopped" in typed("status", "studies/fma.yaml")
    assert searched(read(Path("studies/fma.yaml")), Path("reports"), most=8)[0] == place
    later = trials_of(place, "fma")[19:]
    assert later[0].group == 18  # the failed one, once more
    assert {"train.lr": 1e-3, "method.noise": 0.5} in [dict(trial.settings) for trial in later]
    assert "largest difference 0:" in typed(*shlex.split(examples()["rerun"])[1:])
    assert typed(*shlex.split(examples()["stop"])[1:]) == "no launch is running\n"
