"""Ray Tune as the one that places: it asks our search for trials and brings it their measurements."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ray import tune
from ray.tune.error import TuneError
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from vlstudy.errors import ClusterError
from vlstudy.tuning.bridge import Bridge, Stuck
from vlstudy.tuning.errand import Errand
from vlstudy.tuning.memory import roomier
from vlstudy.tuning.search import Search
from vlstudy.tuning.trainable import SearchTrial

_ENVIRONMENT = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths stay relative to where the user is
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the journal is the only log
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # ours interrupts at once and leaves trials running in the journal
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # Tune's own snapshots are never read
    "RAY_AIR_NEW_OUTPUT": "0",  # the old output engine is the one that verbose=0 silences
    "TUNE_FORCE_TRIAL_CLEANUP_S": "30",  # a stopped worker that lingers holds its device; Tune would wait ten minutes
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # told by the search, in one line
}

_LOUD = ("ray.tune.tune", "ray.tune.analysis.experiment_analysis")  # what they say of failed trials, we say

_MOST_ROUNDS = 12  # of Tune in one sitting: halving of the slots, and workers that hung


def place(
    errand: Errand, search: Search, *, slots: int, beat: Callable[[int], None], tell: Callable[[str], None]
) -> tuple[Errand, int]:
    """The errand and the slots that the search ended with, when it is finished for this sitting.

    Trials that run out of memory beside others go on with fewer beside them. A worker without a sign of life is
    replaced; if Tune lost the trial for good, it begins anew.

    Args:
        errand: what the workers do.
        search: what is asked and told.
        slots: trials at a time.
        beat: called often with the number of busy slots; what it raises ends the search where it is.
        tell: gets one line for each thing that a user should know.

    Raises:
        ClusterError: Tune stopped before the search was finished, or loses trials again and again.
    """
    try:
        for _ in range(_MOST_ROUNDS):
            bridge = Bridge(errand, search, roomier(errand.spec.resources, slots) is not None, tell)
            _round(bridge, slots, beat)
            if search.finished:
                return errand, slots
            if bridge.crowded and (room := roomier(errand.spec.resources, slots)):
                resources, slots = room
                errand = replace(errand, spec=replace(errand.spec, resources=resources))
                tell(
                    f"from now on {slots} at once, each with {resources.gpus:g} of a GPU"
                    if resources.gpus
                    else f"from now on {slots} at once"
                )
            elif not bridge.stuck:
                break
    finally:
        search.stop_clock()
    raise ClusterError("Ray Tune stopped before the search was finished. `vlstudy launch` goes on with it.")


def _round(bridge: Bridge, slots: int, beat: Callable[[int], None]) -> None:
    """Tune from its start to its end."""
    resources = {"cpu": bridge.errand.spec.resources.cpus, "gpu": bridge.errand.spec.resources.gpus}
    # a class of this sitting, which Ray sends by value with the errand in it
    trainable = type("Trial", (SearchTrial,), {"errand": bridge.errand, "__module__": "vlstudy_sitting"})
    with _environment(), tempfile.TemporaryDirectory(prefix="vlstudy-") as scratch:
        try:
            tune.run(
                trainable,
                name="search",
                search_alg=_Asker(bridge),
                scheduler=_Listener(bridge),
                callbacks=[_Watch(bridge, beat)],
                resources_per_trial={name: count for name, count in resources.items() if count},
                num_samples=-1,
                max_concurrent_trials=slots,
                max_failures=0,  # the search counts lost workers itself: Tune does not retry those lost in a reset
                reuse_actors=True,
                raise_on_failed_trial=False,
                storage_path=scratch,
                trial_dirname_creator=_directory,
                verbose=0,
            )
        except TuneError as error:
            raise bridge.error or error from error
        except Stuck:
            bridge.stuck = True
            bridge.abandon()


class _Asker(Searcher):
    """Tune's question for the next config."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self._bridge = bridge

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        return self._bridge.suggest(trial_id)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """The verdict is in the journal already."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Nothing to save: all state is the journal."""


class _Listener(FIFOScheduler):
    """Tune's question whether a trial goes on."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._bridge = bridge

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        self._bridge.knows(tune_controller)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        over = self._bridge.heard(tune_controller, trial, result)
        return TrialScheduler.STOP if over else TrialScheduler.CONTINUE


class _Watch(tune.Callback):
    """Tune's loop, seen from outside."""

    def __init__(self, bridge: Bridge, beat: Callable[[int], None]) -> None:
        self._bridge, self._beat = bridge, beat
        self._busy: set[str] = set()

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        self._beat(len(self._busy))
        self._bridge.look(trials)

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._busy.add(trial.trial_id)
        if trial.trial_id in self._bridge.out:
            self._bridge.watchdog.sign(trial.trial_id)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._busy.discard(trial.trial_id)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._busy.discard(trial.trial_id)
        self._bridge.lost(trial)


def _directory(trial: Trial) -> str:
    return str(trial.trial_id)


@contextmanager
def _environment() -> Iterator[None]:
    """Tune reads its options from the environment; its last words about failed trials are ours to say."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    loggers = {logger: logger.level for logger in map(logging.getLogger, _LOUD)}
    os.environ.update(_ENVIRONMENT)
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in loggers.items():
            logger.setLevel(level)
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
