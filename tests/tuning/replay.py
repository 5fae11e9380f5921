"""The arrivals of a journal, told again to a search that nothing disturbs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.storages.journal._storage import JournalOperation

from tests.tuning.here import sitting
from vlstudy.journal import TrialRecord, folder_of, read
from vlstudy.journal.entries import MEASUREMENT, search_study
from vlstudy.journal.folder import JOURNAL
from vlstudy.measurement import Measurement
from vlstudy.study.spec import StudySpec
from vlstudy.tuning.turns import Handout

Arrival = tuple[str, int, Measurement | None]


def arrivals(folder: Path, arms: list[str]) -> Iterator[Arrival]:
    """Arm, number and measurement in the order in which the journal was told; None where a trial begins."""
    searches, studies, trials = {search_study(arm): arm for arm in arms}, list[str](), list[tuple[str, int]]()
    for line in (folder / JOURNAL).read_text().splitlines():
        entry: dict[str, Any] = json.loads(line)
        match entry["op_code"]:
            case JournalOperation.CREATE_STUDY:
                studies.append(entry["study_name"])
            case JournalOperation.CREATE_TRIAL:
                name = studies[entry["study_id"]]
                trials.append((name, sum(other == name for other, _ in trials)))
                if name in searches:
                    yield searches[name], trials[-1][1], None
            case JournalOperation.SET_TRIAL_USER_ATTR:
                name, number = trials[entry["trial_id"]]
                for key, value in entry["user_attr"].items():
                    if name in searches and key.startswith(MEASUREMENT):
                        yield searches[name], number, Measurement.from_json(value)


def replayed(spec: StudySpec, folder: Path, reports: Path) -> list[TrialRecord]:
    """The trials of one undisturbed search of the spec that hears what `folder` heard, in the same order."""
    with sitting(spec, reports) as (search, _, _, _):
        for arm, number, measurement in arrivals(folder, [arm.name for arm in spec.arms]):
            if measurement is not None:
                search.heard(arm, number, measurement)
                continue
            handout = search.next()
            assert isinstance(handout, Handout) and (handout.arm, handout.number) == (arm, number)
    return list(read(folder_of(spec, reports)).trials)
