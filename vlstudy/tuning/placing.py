"""Ray Tune as the one that places: it asks our search for trials and brings it their measurements."""

import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from ray import tune
from ray.tune.error import TuneError
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from vlstudy.errors import ClusterError
from vlstudy.journal.folder import checkpoint_of
from vlstudy.measurement import Measurement
from vlstudy.tuning.errand import Errand
from vlstudy.tuning.search import Search
from vlstudy.tuning.trainable import MESSAGE, SearchTrial, config_of

_ENVIRONMENT = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths stay relative to where the user is
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the journal is the only log
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # ours interrupts at once and leaves trials running in the journal
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # Tune's own snapshots are never read
    "RAY_AIR_NEW_OUTPUT": "0",  # the old output engine is the one that verbose=0 silences
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # told by the search, in one line
}

_FINISHED = cast(dict[str, Any], Searcher.FINISHED)  # Tune's own annotation leaves out that it is a string


def place(errand: Errand, search: Search, *, slots: int, beat: Callable[[int], None]) -> None:
    """Returns when the search is finished for this sitting.

    Args:
        errand: what the workers do.
        search: what is asked and told.
        slots: trials at a time.
        beat: called often with the number of busy slots; what it raises ends the search where it is.

    Raises:
        ClusterError: Tune stopped before the search was finished.
    """
    bridge = _Bridge(errand, search)
    resources = {"cpu": errand.spec.resources.cpus, "gpu": errand.spec.resources.gpus}
    # a class of this sitting, which Ray sends by value with the errand in it
    trainable = type("Trial", (SearchTrial,), {"errand": errand, "__module__": "vlstudy_sitting"})
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
        finally:
            search.stop_clock()
    if not search.finished:
        raise ClusterError("Ray Tune stopped before the search was finished. `vlstudy launch` goes on with it.")


class _Bridge:
    """The search as Tune's parts share it; the first exception of ours is kept, for Tune makes text of it."""

    def __init__(self, errand: Errand, search: Search) -> None:
        self.errand, self.search = errand, search
        self.error: Exception | None = None

    def suggest(self) -> dict[str, Any] | None:
        """A config, FINISHED, or None while lost trials may still come back."""
        with self._keeping():
            handout = self.search.next()
            if handout is not None:
                return config_of(handout)
            return _FINISHED if self.search.finished else None

    def heard(self, trial: Trial, result: Mapping[str, Any]) -> bool:
        """True if the trial is over."""
        with self._keeping():
            message = json.loads(result[MESSAGE])
            arm, number = trial.config["arm"], trial.config["number"]
            if "failure" in message:
                self.search.failed(arm, number, message["failure"])
            elif not self.search.heard(arm, number, Measurement.from_json(message["measurement"])):
                return False
            checkpoint_of(self.errand.folder, arm, str(number)).unlink(missing_ok=True)
        return True

    def lost(self, trial: Trial) -> None:
        """A worker is gone."""
        with self._keeping():
            error = trial.get_pickled_error() or trial.get_error()
            reason = str(error).strip().splitlines()[0] if error else "unknown"
            counts = not getattr(error, "preempted", False)  # a node that is taken back is nobody's fault
            self.search.lost(trial.config["arm"], trial.config["number"], reason, counts=counts)

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.error = self.error or error
            raise


class _Asker(Searcher):
    """Tune's question for the next config."""

    def __init__(self, bridge: _Bridge) -> None:
        super().__init__()
        self._bridge = bridge

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        return self._bridge.suggest()

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """The verdict is in the journal already."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Nothing to save: all state is the journal."""


class _Listener(FIFOScheduler):
    """Tune's question whether a trial goes on."""

    def __init__(self, bridge: _Bridge) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._bridge = bridge

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        return TrialScheduler.STOP if self._bridge.heard(trial, result) else TrialScheduler.CONTINUE


class _Watch(tune.Callback):
    """Tune's loop, seen from outside."""

    def __init__(self, bridge: _Bridge, beat: Callable[[int], None]) -> None:
        self._bridge, self._beat = bridge, beat
        self._busy: set[str] = set()

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        self._beat(len(self._busy))

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._busy.add(trial.trial_id)

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
    logger = logging.getLogger("ray.tune.tune")
    level = logger.level
    os.environ.update(_ENVIRONMENT)
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
