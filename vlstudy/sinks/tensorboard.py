"""TensorBoard event files in the study's folder: `tensorboard --logdir reports/<study>/tensorboard`."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

from vlstudy.journal import Header
from vlstudy.journal.folder import slug
from vlstudy.measurement import Measurement
from vlstudy.sinks import flat


class TensorBoard:
    """One run a trial, in `tensorboard/<arm>/<number>`; a trial that goes on adds a file to its run."""

    def __init__(self, folder: Path, header: Header) -> None:
        self._folder, self._objective = folder / "tensorboard", header.objective
        self._writers: dict[tuple[str, int], SummaryWriter] = {}
        self._settings: dict[tuple[str, int], Mapping[str, Any]] = {}
        self._last: dict[tuple[str, int], float] = {}

    def began(self, arm: str, number: int, settings: Mapping[str, Any]) -> None:
        """Opens the trial's run."""
        place = str(self._folder / slug(arm) / str(number))
        suffix = f".{time.time_ns()}"  # the name has whole seconds, and a trial may come back within one
        self._writers[arm, number] = SummaryWriter(place, filename_suffix=suffix)
        self._settings[arm, number] = settings

    def measured(self, arm: str, number: int, measurement: Measurement) -> None:
        """Scalars at the optimiser step."""
        writer = self._writers[arm, number]
        for name, value in flat(measurement).items():
            writer.add_scalar(name, value, measurement.step)
        self._last[arm, number] = measurement.metrics[self._objective]

    def ended(self, arm: str, number: int, verdict: str, reason: str) -> None:
        """The settings with the last objective, for TensorBoard's table of hyperparameters."""
        key = arm, number
        writer = self._writers.pop(key)
        settings = {name: value if _plain(value) else str(value) for name, value in self._settings.pop(key).items()}
        if key in self._last:
            writer.add_hparams(settings, {f"hparam/{self._objective}": self._last.pop(key)}, name=".")
        writer.add_text("verdict", f"{verdict} {reason}".strip())
        writer.close()

    def close(self) -> None:
        """Closes the runs of trials that are not over."""
        for writer in self._writers.values():
            writer.close()


def _plain(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)
