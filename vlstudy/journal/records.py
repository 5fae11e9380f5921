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
        trials: how many the search wants.
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
    family: str = ""
    condition: Mapping[str, Any] = field(default_factory=dict)
    on: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Header:
    """`study.json`: the question and everything of the first launch that is not in the journal.

    Attributes:
        objective: metric with its split (`val/accuracy`); direction and unit come from the metric's table.
        unit: `fraction` is shown as a percentage by the formatter alone.
        data: `source` and its knobs under the first condition.
        provenance: label -> value in reading order: versions, host, git state, data and weights digests, seeds...
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


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trial of the search as the journal tells it.

    Attributes:
        number: its number within its arm.
        reason: why it was pruned or failed, in words; "" otherwise.
        settings: searched dotted knob -> value; under `on.` those of the trial that it is trained on, and its number.
        measurements: in the order of their steps.
        started, finished: seconds since the epoch; None while not known.
    """

    arm: str
    number: int
    verdict: Verdict
    reason: str
    settings: Mapping[str, Any]
    measurements: tuple[Measurement, ...]
    started: float | None
    finished: float | None


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
    """Everything a report is made of."""

    folder: str
    text: str
    header: Header
    trials: tuple[TrialRecord, ...] = field(default_factory=tuple)
    confirms: tuple[ConfirmRecord, ...] = field(default_factory=tuple)
