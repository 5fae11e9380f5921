"""A trial as Ray Tune drives it: one step is one measurement."""

import json
from collections.abc import Generator, Mapping
from typing import Any, ClassVar

from ray import tune

from vlstudy.measurement import Measurement
from vlstudy.tuning.errand import Errand, enter, leave, reason_of
from vlstudy.tuning.search import Handout

MESSAGE = "message"  # the one key of a result that is ours; its value is JSON, which Tune leaves alone


def config_of(handout: Handout) -> dict[str, Any]:
    """What Tune carries to the worker; the settings are text, so that Tune finds nothing to interpret in them."""
    return {"arm": handout.arm, "number": handout.number, "settings": json.dumps(dict(handout.settings))}


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
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes on another trial."""
        self._training.close()
        leave()
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """The next measurement, or why there is none."""
        try:
            return {MESSAGE: json.dumps({"measurement": next(self._training).to_json()})}
        except StopIteration:
            return {MESSAGE: json.dumps({"failure": "its training ended before progress 1"})}
        except Exception as error:
            return {MESSAGE: json.dumps({"failure": reason_of(error)})}

    def cleanup(self) -> None:
        """Ends the training where it is; its checkpoint stands."""
        self._training.close()

    def _begin(self, config: Mapping[str, Any]) -> None:
        self._training = self._measurements(config["arm"], config["number"], json.loads(config["settings"]))

    def _measurements(self, arm: str, number: int, settings: Mapping[str, Any]) -> Generator[Measurement]:
        enter(self.errand.spec)
        seed = self.errand.spec.search.seed
        for measurement, _ in self.errand.train(arm, settings, name=str(number), seed=seed, fresh=False):
            yield measurement
