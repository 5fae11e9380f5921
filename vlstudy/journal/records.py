"""What a journal says, as values: the header, the trials, the confirmations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vlstudy.measurement import Measurement

Verdict = Literal["running", "complete", "pruned", "failed"]


@dataclass(frozen=True, kw_only=True)
class ArmHeader:
    """What a reader of the report must know of an arm, so that the report needs no table of ours.

    Attributes:
        baseline: True if others are compared with it.
        fixed: dotted knob -> value.
        space: dotted knob -> how it was searched, in words, such as `log-uniform 1e-4 .. 1e-2`.
        meanings: dotted knob -> what it means.
        axes: dotted knobs measured at inference -> their values.
        choices: sentences on what is our choice and not the paper's.
        source: where the method was published.
        trials: how many settings the search wants.
        points: how many settings are given to be tried first.
        family: the arm's name in the file, which the arms of all conditions share; "" means its name.
        condition: knob of the data -> value, where the study asks for each of several.
        on: the family of the arm that this one is trained on; "" for the backbone.
        data: the source's knobs, where they differ from the study's.
    """

    name: str
    method: str
    schedule: str
    baseline: bool
    fixed: Mapping[str, Any]
    space: Mapping[str, str]
    meanings: Mapping[str, str]
    axes: Mapping[str, tuple[Any, ...]]
    choices: tuple[str, ...]
    source: str
    trials: int
    points: int = 0
    family: str = ""
    condition: Mapping[str, Any] = field(default_factory=dict)
    on: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def schedules(self) -> frozenset[str]:
        """The loss schedules that its trials may have, of which an arm may choose."""
        return frozenset(self.schedule.split(" or "))


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A further objective of a Pareto study."""

    name: str
    direction: Literal["maximize", "minimize"]
    unit: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a user changed after the first launch.

    Attributes:
        when: date and time, UTC.
        what: in words, such as `trials 24 -> 74`.
    """

    when: str
    what: str


@dataclass(frozen=True, kw_only=True)
class Header:
    """`study.json`: the question and everything else that is asked and not in the journal.

    Attributes:
        objective: metric with its split (`val/accuracy`); direction and unit come from the metric's table.
        unit: `fraction` is shown as a percentage by the formatter alone.
        data: `source` and its knobs under the first condition.
        provenance: label -> value in reading order: versions, host, git state, data and weights digests, seeds...
        tested: the metric of the confirmation.
        others: further objectives; of several the first is compared between arms.
        constraints: metric -> what a setting must hold to be chosen, such as `>= 8`.
        replicates: seeds that a setting is trained on at most.
        digests: of all that was asked so far; `digest` is the one in effect.
        texts: sha256 of the files that it was launched or extended from.
        origin: folder of the study file, from which relative paths in its text start.
        dropped: arm that was dropped -> digest of what it asked, so that it may only come back the same.
        changes: what was changed since the first launch, oldest first.
    """

    study: str
    question: str
    digest: str
    objective: str
    direction: Literal["maximize", "minimize"]
    unit: str
    arms: tuple[ArmHeader, ...]
    search: Mapping[str, Any]
    pruner: Mapping[str, Any]
    confirm_seeds: tuple[int, ...]
    confirm_top: int
    data: Mapping[str, Any]
    backbone: Mapping[str, Any]
    provenance: Mapping[str, str]
    tested: str = ""
    others: tuple[Objective, ...] = ()
    constraints: Mapping[str, str] = field(default_factory=dict)
    replicates: int = 1
    digests: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    origin: str = ""
    dropped: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()

    @property
    def directions(self) -> tuple[Literal["maximize", "minimize"], ...]:
        """Of all objectives, the first one's first."""
        return (self.direction, *(other.direction for other in self.others))

    @property
    def objectives(self) -> tuple[str, ...]:
        """All objectives."""
        return (self.objective, *(other.name for other in self.others))


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trial of the search as the journal tells it.

    Attributes:
        number: its number within its arm.
        reason: why it was pruned or failed, in words; "" otherwise.
        trace: a failed trial's traceback.
        settings: searched dotted knob -> value; under `on.` those of the trial that it is trained on, and its number.
        measurements: in the order of their steps.
        started, finished: seconds since the epoch; None while not known.
        group: number of the first trial of the same setting, which has several where seeds are replicated.
        replicate: which of the setting's seeds this is.
        served: the trial whose measurements these are, because the settings are equal.
    """

    arm: str
    number: int
    verdict: Verdict
    reason: str
    settings: Mapping[str, Any]
    measurements: tuple[Measurement, ...]
    started: float | None
    finished: float | None
    group: int = -1
    replicate: int = 0
    served: int | None = None
    trace: str = ""


@dataclass(frozen=True, kw_only=True)
class ConfirmRecord:
    """One setting of one arm on one fresh seed, measured on the test split once.

    Attributes:
        rank: 0 for the arm's best setting.
        trial: the number of the search trial whose setting this is.
        axis: the point of the inference axes that the search chose on validation.
        metrics: at that point, such as `test/accuracy`.
        measurement: every point of the axes on test, for curves and for the oracle; its own `choice` is the
            oracle's (best on test) and must never be reported as the result.
    """

    arm: str
    rank: int
    trial: int
    seed: int
    settings: Mapping[str, Any]
    axis: Mapping[str, float]
    metrics: Mapping[str, float]
    measurement: Measurement
    seconds: float


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """Everything a report is made of.

    Attributes:
        confirms: of the settings that are chosen now; those that a later trial overtook stay in the journal.
        queued: settings that were asked for by hand and have no trial yet.
        ended: None while the search goes on; else why it ended although settings were left, "" if none were.
    """

    folder: str
    text: str
    header: Header
    trials: tuple[TrialRecord, ...] = field(default_factory=tuple)
    confirms: tuple[ConfirmRecord, ...] = field(default_factory=tuple)
    queued: int = 0
    ended: str | None = None
