"""Other programs that are shown a search while it runs: off by default, and never in its way.

The journal stays the only truth. What a sink misses when a driver is killed is in the journal; what it was sent once is
not sent again.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from vlstudy.errors import VlstudyError
from vlstudy.journal import Header
from vlstudy.measurement import Measurement


class Sink(Protocol):
    """One program that is shown trials."""

    def began(self, arm: str, number: int, settings: Mapping[str, Any]) -> None:
        """A trial is handed out: new, or to go on where it was."""

    def measured(self, arm: str, number: int, measurement: Measurement) -> None:
        """A trial has a measurement that it had not before."""

    def ended(self, arm: str, number: int, verdict: str, reason: str) -> None:
        """A trial is `complete`, `pruned` or `failed`."""

    def close(self) -> None:
        """The sitting is over."""


class Sinks:
    """All sinks of a study; one that raises is told once and not asked again.

    Args:
        sinks: name -> sink.
        tell: gets the line about a sink that was switched off.
    """

    def __init__(self, sinks: Mapping[str, Sink], tell: Callable[[str], None]) -> None:
        self._sinks, self._tell = dict(sinks), tell

    def began(self, arm: str, number: int, settings: Mapping[str, Any]) -> None:
        """Tells all that a trial is handed out."""
        self._all(lambda sink: sink.began(arm, number, settings))

    def measured(self, arm: str, number: int, measurement: Measurement) -> None:
        """Tells all what a trial measured."""
        self._all(lambda sink: sink.measured(arm, number, measurement))

    def ended(self, arm: str, number: int, verdict: str, reason: str) -> None:
        """Tells all what became of a trial."""
        self._all(lambda sink: sink.ended(arm, number, verdict, reason))

    def close(self) -> None:
        """Ends all."""
        self._all(lambda sink: sink.close())

    def _all(self, call: Callable[[Sink], None]) -> None:
        for name, sink in list(self._sinks.items()):
            try:
                call(sink)
            except Exception as error:  # a viewer that is down must not cost a trial
                del self._sinks[name]
                self._tell(_off(name, error))


def open_sinks(asked: Any, folder: Path, header: Header, tell: Callable[[str], None]) -> Sinks:
    """The sinks that a study asks for.

    Args:
        asked: `SinkSpec`.
        folder: the study's.
        header: the study.
        tell: gets a line when a sink is switched off.

    Raises:
        VlstudyError: the package of a sink is not installed.
    """
    wanted: dict[str, Callable[[], Sink]] = {}
    if asked.tensorboard:
        from vlstudy.sinks.tensorboard import TensorBoard

        wanted["tensorboard"] = lambda: TensorBoard(folder, header)
    if asked.mlflow is not None:
        with_package("mlflow", "mlflow-skinny")
        from vlstudy.sinks.mlflow import MLflow

        wanted["mlflow"] = lambda: MLflow(asked.mlflow, header)
    if asked.wandb is not None:
        with_package("wandb", "wandb")
        from vlstudy.sinks.wandb import WandB

        wanted["wandb"] = lambda: WandB(asked.wandb, folder, header)
    found: dict[str, Sink] = {}
    for name, make in wanted.items():
        try:
            found[name] = make()
        except Exception as error:  # likewise
            tell(_off(name, error))
    return Sinks(found, tell)


def _off(name: str, error: Exception) -> str:
    return f"{name} is not told any more: {type(error).__name__}: {str(error).splitlines()[0][:200]}"


def with_package(module: str, package: str) -> None:
    """Tells which package is missing, before a search is begun that would lack it."""
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise VlstudyError(f"sinks.{module} needs the package {package}: pip install {package}")


def flat(measurement: Measurement) -> dict[str, float]:
    """Name -> number of everything that a measurement says at its chosen point."""
    numbers = {**measurement.metrics}
    numbers |= {f"terms/{name}": value for name, value in measurement.terms.items()}
    return numbers | {f"signals/{name}": value for name, value in measurement.signals.items()}


__all__ = ["Sink", "Sinks", "flat", "open_sinks"]
