"""The same kills for this project and for Tune's own OptunaSearch with `Tuner.restore`.

    python -m tests.benchmarks.restore --kills 5

Both run the same synthetic study: settings of one learning rate, ten measurements each, asha, one trial at a time, a
checkpoint at every measurement, SIGKILL of the driver at the same fractions of the undisturbed run's time. Tune's side
is written as its documentation says: a class trainable with checkpoints, `OptunaSearch` with a seeded TPE sampler (its
study in memory, or in a journal file), `ASHAScheduler`, and `Tuner.restore` that resumes unfinished and failed trials.
"""

import argparse
import json
import math
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.tuning.conftest import REPOSITORY

TRIALS, MEASUREMENTS, SECONDS = 16, 10, 0.1
APPROACHES = ("vlstudy", "OptunaSearch, study in memory", "OptunaSearch, study in a journal")


@dataclass
class Row:
    """What an approach came to: trials finished before a kill and gone, steps trained again, and its time.

    Attributes:
        others: settings that were not tried, or not for as many steps, in its own undisturbed run; or only there.
    """

    approach: str
    finished: int = 0
    lost: int = 0
    trained_again: int = 0
    steps_again: int = 0
    trials: int = 0
    others: int = 0
    launches: int = 0
    errors: str = "none"
    seconds: float = 0.0
    undisturbed: float = 0.0

    def line(self) -> str:
        """The row of the table."""
        return (
            f"| {self.approach} | {self.finished} | {self.lost} | {self.trained_again} | {self.steps_again} | "
            f"{self.trials} | {self.others} | {self.seconds:.0f} | {self.undisturbed:.0f} | {self.errors} |"
        )


HEADER = (
    "| approach | finished before a kill | of them lost | settings trained again from 0 | steps trained twice | "
    "trials at the end | settings other than undisturbed | seconds | undisturbed | errors |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def measure(approach: str, kills: int, seed: int) -> Row:
    """One approach, undisturbed first and then under kills at the same fractions of that time."""
    row = Row(approach)
    with tempfile.TemporaryDirectory(prefix="vlb", dir="/tmp") as quiet:
        began = time.monotonic()
        subprocess.run(_command(approach, Path(quiet)), cwd=REPOSITORY, check=True, capture_output=True)
        row.undisturbed, whole = time.monotonic() - began, _lengths(Path(quiet))
    moments = sorted(random.Random(seed).uniform(0.35, 0.95) for _ in range(kills))
    with tempfile.TemporaryDirectory(prefix="vlb", dir="/tmp") as place:
        _suffer(row, Path(place), [moment * row.undisturbed for moment in moments])
        row.others = len({setting for setting, _ in whole ^ _lengths(Path(place))})
    return row


def _suffer(row: Row, place: Path, delays: list[float]) -> None:
    began, seen = time.monotonic(), dict[str, int]()
    for delay in [*delays, None]:
        row.launches += 1
        with open(place / "output.txt", "ab") as output:
            process = subprocess.Popen(_command(row.approach, place), cwd=REPOSITORY, stdout=output, stderr=output)
        try:
            code = process.wait(timeout=delay or 600)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            code = None
        if code not in (None, 0):
            row.errors = _last_error(place / "output.txt")
        for trial, steps in _steps(place).items():
            if max(steps) == MEASUREMENTS:
                seen.setdefault(trial, len(steps))
    row.seconds = time.monotonic() - began
    steps = _steps(place)
    told = json.loads((place / "told.json").read_text()) if (place / "told.json").exists() else []
    row.trials, row.finished = len(told), len(seen)
    row.lost = sum(trial not in told for trial in seen)
    row.trained_again = sum(trial.count(1) > 1 for trial in steps.values())
    row.steps_again = sum(len(each) - len(set(each)) for each in steps.values())


def _lengths(place: Path) -> set[tuple[str, int]]:
    """Settings, each with the last step that was trained."""
    return {(setting, max(steps)) for setting, steps in _steps(place).items()}


def _steps(place: Path) -> dict[str, list[int]]:
    """Setting -> every step that was ever trained with it."""
    log, found = place / "steps.log", dict[str, list[int]]()
    for line in log.read_text().splitlines() if log.exists() else ():
        setting, step = line.split()
        found.setdefault(setting, []).append(int(step))
    return found


def _last_error(path: Path) -> str:
    lines = [line for line in path.read_text(errors="replace").splitlines() if "Error" in line]
    return lines[-1].strip()[:120] if lines else "it did not end well"


def _command(approach: str, place: Path) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.restore", "--drive", approach, "--place", str(place)]


def value(setting: float, step: int) -> float:
    """The objective: best at 1e-3, rising with the steps."""
    time.sleep(SECONDS)
    return (0.9 - 0.1 * abs(math.log10(setting) + 3)) * (1 - math.exp(-step / 3))


def note(place: Path, setting: float, step: int) -> None:
    """One line for each step that is trained."""
    with open(place / "steps.log", "a") as file:
        file.write(f"{setting!r} {step}\n")


def drive_ours(place: Path) -> None:
    """A launch of this project."""
    from tests.benchmarks.restore_ours import Logged, asked
    from vlstudy.journal import read
    from vlstudy.tuning.launch import launch

    record = read(launch(asked(place), reports=place / "reports", work=Logged(str(place))))
    _tell(place, [trial.settings["train.lr"] for trial in record.trials if trial.verdict in ("complete", "pruned")])


def drive_tune(place: Path, storage: bool) -> None:
    """The first run, or its restoration."""
    import optuna
    import ray
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    class Trial(tune.Trainable):  # type: ignore[misc]
        def setup(self, config: dict[str, Any]) -> None:
            self.setting = config["lr"]

        def step(self) -> dict[str, Any]:
            note(place, self.setting, self.iteration + 1)
            return {"accuracy": value(self.setting, self.iteration + 1), "done": self.iteration + 1 >= MEASUREMENTS}

        def save_checkpoint(self, folder: str) -> dict[str, Any]:
            return {"iteration": self.iteration}

        def load_checkpoint(self, state: Any) -> None:
            pass

    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    path, trainable = place / "tune" / "search", tune.with_resources(Trial, {"cpu": 1})
    if tune.Tuner.can_restore(str(path)):
        tuner = tune.Tuner.restore(str(path), trainable, resume_unfinished=True, resume_errored=True)
    else:
        kept = JournalStorage(JournalFileBackend(str(place / "optuna.log"))) if storage else None
        search = OptunaSearch(
            metric="accuracy", mode="max", sampler=optuna.samplers.TPESampler(seed=1), study_name="peer", storage=kept
        )
        tuner = tune.Tuner(
            trainable,
            param_space={"lr": tune.loguniform(1e-5, 1e-1)},
            tune_config=tune.TuneConfig(
                metric="accuracy",
                mode="max",
                num_samples=TRIALS,
                search_alg=search,
                max_concurrent_trials=1,
                scheduler=ASHAScheduler(max_t=MEASUREMENTS, grace_period=2, reduction_factor=2),
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=str(place / "tune"),
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1, num_to_keep=2),
                verbose=0,
            ),
        )
    results = tuner.fit()
    ended = [result for result in results if result.metrics and "accuracy" in result.metrics and not result.error]
    _tell(place, [result.config["lr"] for result in ended])
    ray.shutdown()


def _tell(place: Path, settings: list[float]) -> None:
    (place / "told.json").write_text(json.dumps([repr(setting) for setting in settings]))


def main() -> None:
    """Prints a row for each approach, or drives one of them."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--kills", type=int, default=5)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--drive", choices=APPROACHES)
    words.add_argument("--place", type=Path)
    given = words.parse_args()
    if given.drive == APPROACHES[0]:
        drive_ours(given.place)
    elif given.drive:
        drive_tune(given.place, storage=given.drive == APPROACHES[2])
    else:
        versions = ", ".join(f"{name} {version(name)}" for name in ("ray", "optuna"))
        print(f"{given.kills} kills, {TRIALS} trials; {platform.machine()}, {os.cpu_count()} cores, {versions}\n")
        print(HEADER)
        for approach in APPROACHES:
            print(measure(approach, given.kills, given.seed).line(), flush=True)


if __name__ == "__main__":
    main()
