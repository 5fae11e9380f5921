"""A trial as Ray Tune drives it: one step is one measurement."""

import json
import os
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Any, ClassVar

from ray import tune

from vlstudy.measurement import Measurement
from vlstudy.tuning.errand import FULL, Errand, enter, leave, reason_of, trace_of
from vlstudy.tuning.memory import ran_out
from vlstudy.tuning.turns import Handout

MESSAGE = "message"  # the one key of a result that is ours; its value is JSON, which Tune leaves alone


def config_of(handout: Handout) -> dict[str, Any]:
    """What Tune carries to the worker; the settings are text, so that Tune finds nothing to interpret in them."""
    return {
        "arm": handout.arm,
        "number": handout.number,
        "seed": handout.seed,
        "settings": json.dumps(dict(handout.settings)),
    }


class SearchTrial(tune.Trainable):
    """Trains the trial of its config; the actor is reused for the next one.

    An exception of the training is a result and not an error, because Tune's errors mean lost workers, which are
    tried again.

    Class attributes:
        errand: set by the driver in a subclass, which travels by value.
    """

    errand: ClassVar[Errand]

    def setup(self, config: dict[str, Any]) -> None:
        """Nothing that can fail: what fails here would look like a lost worker."""
        self._notes: list[str] = []
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes on another trial, however the last one comes to its end: Tune would lose the next one otherwise."""
        self._close()
        leave()
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """The next measurement, or why there is none."""
        message: dict[str, Any]
        try:
            message = {"measurement": next(self._training).to_json()}
        except StopIteration:
            message = {"failure": "its training ended before progress 1"}
        except OSError as error:
            message = {"failure": reason_of(error), "full": error.errno in FULL}
        except Exception as error:
            message = {"failure": reason_of(error), "trace": trace_of(error), "memory": ran_out(error)}
        notes, self._notes = self._notes, []
        return {MESSAGE: json.dumps({**message, "notes": notes, "pid": os.getpid()})}

    def cleanup(self) -> None:
        """Ends the training where it is; its checkpoint stands."""
        self._close()

    def _close(self) -> None:
        try:
            self._training.close()
        except Exception as error:
            self._notes.append(f"the trial before this one did not end cleanly: {reason_of(error)}")

    def _begin(self, config: Mapping[str, Any]) -> None:
        self._training = self._measurements(
            config["arm"], config["number"], json.loads(config["settings"]), config["seed"]
        )

    def _measurements(self, arm: str, number: int, settings: Mapping[str, Any], seed: int) -> Generator[Measurement]:
        enter(self.errand.spec)
        training = self.errand.train(arm, settings, name=str(number), seed=seed, fresh=False, tell=self._notes.append)
        with closing(training):
            for measurement, _ in training:
                yield measurement
