"""MLflow: a run for the study, and in it one for each trial."""

import os
import time
from collections.abc import Mapping
from typing import Any

from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME

from vlstudy.journal import Header
from vlstudy.measurement import Measurement
from vlstudy.sinks import flat

_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
_KEY = "vlstudy.key"


class MLflow:
    """Runs are found by the study's first digest, arm and number, so that a resumed study goes on in its own.

    Args:
        uri: of the tracking server or store, such as `file:./mlruns` or `http://host:5000`.
        header: the study; the experiment has its name.
    """

    def __init__(self, uri: str, header: Header) -> None:
        if "://" not in uri:  # MLflow 3 wants to hear twice that its file store is meant
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        self._client = MlflowClient(tracking_uri=uri)
        self._digest = (header.digests or (header.digest,))[0]
        known = self._client.get_experiment_by_name(header.study)
        self._experiment = known.experiment_id if known else self._client.create_experiment(header.study)
        self._runs: dict[tuple[str, int], str] = {}
        self._parent = self._run("study", {MLFLOW_RUN_NAME: header.study, "vlstudy.question": header.question})

    def began(self, arm: str, number: int, settings: Mapping[str, Any]) -> None:
        """The trial's run, with its settings as parameters."""
        tags = {MLFLOW_RUN_NAME: f"{arm} {number}", MLFLOW_PARENT_RUN_ID: self._parent, "vlstudy.arm": arm}
        run = self._runs[arm, number] = self._run(f"{arm}/{number}", tags)
        params = [Param(name, str(value)) for name, value in {"arm": arm, **settings}.items()]
        self._client.log_batch(run, params=params)

    def measured(self, arm: str, number: int, measurement: Measurement) -> None:
        """Metrics at the optimiser step."""
        now = int(1000 * time.time())
        metrics = [Metric(_named(name), value, now, measurement.step) for name, value in flat(measurement).items()]
        self._client.log_batch(self._runs[arm, number], metrics=metrics)

    def ended(self, arm: str, number: int, verdict: str, reason: str) -> None:
        """FINISHED for a complete trial, KILLED for a pruned one, FAILED."""
        run = self._runs.pop((arm, number))
        self._client.set_tag(run, "vlstudy.verdict", f"{verdict} {reason}".strip())
        self._client.set_terminated(run, _STATUS[verdict])

    def close(self) -> None:
        """The study's run ends with the sitting; the next one takes it up."""
        self._client.set_terminated(self._parent)

    def _run(self, name: str, tags: Mapping[str, str]) -> str:
        """The id of the run under that name, as an earlier sitting left it or new."""
        key = f"{self._digest[:16]}/{name}"
        found = self._client.search_runs([self._experiment], f"tags.`{_KEY}` = '{key}'", max_results=1)
        if found:
            self._client.update_run(found[0].info.run_id, status="RUNNING")
            return str(found[0].info.run_id)
        run = self._client.create_run(self._experiment, tags={**tags, _KEY: key})
        return str(run.info.run_id)


def _named(name: str) -> str:
    """MLflow takes no @ in names."""
    return name.replace("@", "_at_")
