"""A study in Python: what its commands do, and its journal as tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd

from vlstudy import journal
from vlstudy.bounds import Bound
from vlstudy.errors import VlstudyError, suggest
from vlstudy.journal import StudyRecord, TrialRecord


@dataclass(frozen=True)
class Study:
    """A study that was begun; every question is answered by its journal as it is then.

    Attributes:
        folder: `reports/<study>-<digest8>`.
    """

    folder: Path

    @property
    def record(self) -> StudyRecord:
        """Everything that the folder knows."""
        return journal.read(self.folder)

    def trials(self) -> pd.DataFrame:
        """One row a trial: arm, number, verdict, seeds, times, the objectives at its end, and a column for each knob.

        `value` is the first objective at the last measurement, in the metric's own unit (fractions, not percent);
        further objectives have their own names. `seconds` is training and measuring time; times are UTC.
        """
        record = self.record
        return pd.DataFrame([_row(trial, record.header.objectives) for trial in record.trials])

    def measurements(self) -> pd.DataFrame:
        """One row a measurement and point of the inference axes: arm, number, step, progress, axes and metrics."""
        rows = [
            {
                "arm": trial.arm,
                "number": trial.number,
                "step": measurement.step,
                "progress": measurement.progress,
                "chosen": index == measurement.choice,
                **point.axis,
                **point.metrics,
            }
            for trial in self.record.trials
            for measurement in trial.measurements
            for index, point in enumerate(measurement.points)
        ]
        return pd.DataFrame(rows)

    def confirms(self) -> pd.DataFrame:
        """One row a confirmation: arm, rank, trial, seed, and the metrics on the test split."""
        rows = [
            {"arm": one.arm, "rank": one.rank, "trial": one.trial, "seed": one.seed, **one.metrics}
            for one in self.record.confirms
        ]
        return pd.DataFrame(rows)

    def best(self, arm: str | None = None) -> dict[str, Any]:
        """The best setting of an arm, or of all: its arm, trial, settings, value, and what the test split says.

        The value is the first objective on validation, in the mean of its seeds. `tested` is the mean over the
        confirmation's seeds with its 95 % interval, None before the confirmation.

        Raises:
            VlstudyError: nothing is complete.
        """
        from vlstudy.report.statistics import interval

        record = self.record
        trial, value = _best(record, arm)
        results = [
            one.metrics[record.header.tested or record.header.objective.replace("val/", "test/")]
            for one in record.confirms
            if one.arm == trial.arm and one.trial == trial.number
        ]
        found = {"arm": trial.arm, "trial": trial.number, "settings": dict(trial.settings), "value": value}
        tested = interval(results) if results else None
        return {**found, "tested": tested}

    def report(self, out: Path | str | None = None) -> Path:
        """The page, built from the journal again."""
        from vlstudy.report.render import write

        return write(self.record, Path(out) if out else self.folder / "report.html")

    def extend(
        self,
        *,
        trials: int | str = "",
        minutes: float | str = "",
        widen: Mapping[str, str] | None = None,
        arm: Path | str | None = None,
    ) -> list[str]:
        """What changed, in words, as `vlstudy extend`; the next launch trains what is new.

        Args:
            trials: settings per arm, 74 or `"+50"` for more.
            minutes: of search, likewise.
            widen: searched knob -> its new ends `"1e-5:1e-2"`, or values that join a choice, `"32,64"`.
            arm: a YAML file with an arm that joins.

        Raises:
            VlstudyError: finished trials would not be comparable, or the change cannot be made.
        """
        text = Path(arm).read_text(encoding="utf-8") if arm else ""
        more = {"trials": str(trials), "minutes": str(minutes), "widen": dict(widen or {})}
        return self._change(**more, arm=text, arm_path=str(arm or ""))

    def enqueue(self, arm: str, settings: Mapping[str, Any]) -> list[str]:
        """What changed: the arm tries these values next, as `vlstudy enqueue`."""
        return self._change(points={arm: {name: str(value) for name, value in settings.items()}})

    def drop(self, arm: str) -> list[str]:
        """What changed: the arm is no longer asked for, as `vlstudy drop`."""
        return self._change(drop=arm)

    def retry(self, *, arm: str = "", trials: Sequence[int] = ()) -> list[str]:
        """Which failed trials come once more, as `vlstudy retry`."""
        from vlstudy.tuning.changing import retry

        return retry(self.folder, arm=arm, trials=trials)

    def stop(self) -> bool:
        """Whether a launch is running, which then stops, as `vlstudy stop`."""
        from vlstudy.tuning.changing import stop

        return stop(self.folder)

    def rerun(self, number: int, arm: str = "") -> Any:
        """The largest difference of a trial that is trained again, as `vlstudy rerun`."""
        from vlstudy.tuning.rerun import rerun

        return rerun(self.folder, number, arm=arm)

    def launch(self, **options: Any) -> "Study":
        """Goes on with the study, as `vlstudy launch FOLDER`."""
        from vlstudy.tuning.begun import kept

        return launched(kept(self.folder), reports=self.folder.parent, **options)

    def _change(self, **changes: Any) -> list[str]:
        from vlstudy.study.reading.amending import Amendment
        from vlstudy.tuning.changing import change

        return change(self.folder, Amendment(**changes))


def opened(study: Path, reports: Path) -> Study:
    """The study in a folder, or of a study file."""
    from vlstudy.terminal.studies import find

    folder = find(study, reports)
    journal.read(folder)  # tells at once if it holds none
    return Study(folder)


def launched(spec: Any, *, reports: Path | str = "reports", **options: Any) -> Study:
    """The study after a launch, with its report."""
    from vlstudy.tuning.launch import launch

    study = Study(launch(_spec(spec), reports=Path(reports), **options))
    study.report()
    return study


def _spec(spec: Any) -> Any:
    """What is asked, from a path, a text, a mapping, or as it is."""
    from vlstudy.study.reading import parse, read
    from vlstudy.study.spec import StudySpec

    if isinstance(spec, StudySpec):
        return spec
    if isinstance(spec, Mapping) or (isinstance(spec, str) and "\n" in spec):
        return parse(spec)
    if isinstance(spec, str | Path):
        return read(spec)
    raise VlstudyError(f"a study is a path, a text, a mapping or a StudySpec; got {type(spec).__name__}.")


def _best(record: StudyRecord, arm: str | None) -> tuple[TrialRecord, float]:
    """The first trial of the best setting, and the mean over its seeds; of equals the earlier one."""
    known = [each.name for each in record.header.arms]
    if arm is not None and arm not in known:
        raise VlstudyError(f"unknown arm `{arm}`. {suggest(arm, known)}")
    settings: dict[tuple[str, int], list[TrialRecord]] = {}
    for trial in record.trials:
        if arm in (None, trial.arm):
            settings.setdefault((trial.arm, trial.group), []).append(trial)
    whole = {key: [t for t in trials if t.verdict == "complete"] for key, trials in settings.items()}
    most = max(map(len, whole.values()), default=0)
    if most == 0:
        raise VlstudyError(f"{record.folder}: no trial{f' of {arm}' if arm else ''} is complete yet.")
    standing = [trials for trials in whole.values() if len(trials) == most]
    standing = [trials for trials in standing if all(map(_holds(record), trials))] or standing
    sign = 1 if record.header.direction == "maximize" else -1
    means = [fmean(t.measurements[-1].metrics[record.header.objective] for t in trials) for trials in standing]
    value = max(means, key=lambda mean: sign * mean)
    return standing[means.index(value)][0], value


def _holds(record: StudyRecord) -> Callable[[TrialRecord], bool]:
    """Whether a trial ended within the study's constraints."""
    bounds = {name: Bound.parse(text) for name, text in record.header.constraints.items()}

    def holds(trial: TrialRecord) -> bool:
        metrics = trial.measurements[-1].metrics
        return all(bound.holds(metrics[name]) for name, bound in bounds.items())

    return holds


def _row(trial: TrialRecord, objectives: Sequence[str]) -> dict[str, Any]:
    last = trial.measurements[-1] if trial.measurements else None
    metrics = last.metrics if last else {}
    times = {"started": trial.started, "finished": trial.finished}
    return {
        "arm": trial.arm,
        "number": trial.number,
        "group": trial.group,
        "replicate": trial.replicate,
        "verdict": trial.verdict,
        "reason": trial.reason,
        "value": metrics.get(objectives[0]),
        **{name: metrics.get(name) for name in objectives[1:]},
        "step": last.step if last else 0,
        "seconds": last.seconds if last else 0.0,
        **{name: pd.Timestamp(value, unit="s", tz="UTC") if value else pd.NaT for name, value in times.items()},
        "served": trial.served,
        **trial.settings,
    }
