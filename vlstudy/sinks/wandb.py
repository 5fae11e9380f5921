"""Weights & Biases: a run for each trial, grouped by study."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

from vlstudy.journal import Header
from vlstudy.measurement import Measurement
from vlstudy.sinks import flat


class WandB:
    """Runs have ids of the study's first digest, arm and number, so that a resumed trial goes on in its own.

    Whether it reaches a server is W&B's to say: `WANDB_MODE=offline` keeps the runs in the study's folder.

    Args:
        project: the project's name.
        folder: the study's; W&B's files go into `wandb/` there.
        header: the study.
    """

    def __init__(self, project: str, folder: Path, header: Header) -> None:
        self._project, self._folder, self._study = project, folder, header.study
        self._digest = (header.digests or (header.digest,))[0]
        self._runs: dict[tuple[str, int], Any] = {}

    def began(self, arm: str, number: int, settings: Mapping[str, Any]) -> None:
        """Opens the trial's run, with its settings as configuration."""
        self._runs[arm, number] = wandb.init(
            project=self._project,
            group=self._study,
            job_type=arm,
            name=f"{arm} {number}",
            id=hashlib.sha256(f"{self._digest}/{arm}/{number}".encode()).hexdigest()[:16],
            config={"arm": arm, **settings},
            dir=str(self._folder),
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off"),
        )

    def measured(self, arm: str, number: int, measurement: Measurement) -> None:
        """Metrics at the optimiser step."""
        self._runs[arm, number].log(flat(measurement), step=measurement.step)

    def ended(self, arm: str, number: int, verdict: str, reason: str) -> None:
        """The verdict stands in the run's summary; a failed trial's run has failed."""
        run = self._runs.pop((arm, number))
        run.summary["verdict"] = f"{verdict} {reason}".strip()
        run.finish(exit_code=int(verdict == "failed"))

    def close(self) -> None:
        """Ends the runs of trials that are not over; their next sitting takes them up."""
        for run in self._runs.values():
            run.finish()
