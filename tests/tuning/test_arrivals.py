"""Pruning and suggestions follow from what arrived and in which order, however often the search was begun anew."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tuning.fakes import searched, study
from tests.tuning.here import sitting, told
from tests.tuning.replay import arrivals, replayed
from vlstudy.journal import TrialRecord, folder_of, read
from vlstudy.measurement import Measurement
from vlstudy.study.spec import PrunerSpec, SearchSpec, StudySpec

SLOTS = 3


def asked(folder: Path, pruner: str, sampler: str = "tpe") -> StudySpec:
    """Two arms with enough settings for the sampler to model."""
    return study(
        folder,
        arms=(searched("a"), searched("b")),
        search=SearchSpec(sampler=sampler, trials=14, seed=1),
        pruner=PrunerSpec(name=pruner, reduction=2, grace=0.2),
        evaluations=5,
    )


def shuffled(spec: StudySpec, reports: Path, draw: random.Random, breaks: float) -> list[TrialRecord]:
    """All trials of a search whose slots answer in random order, begun anew after such a share of the answers."""
    while not came_to_its_end(spec, reports, draw, breaks):
        pass
    return list(read(folder_of(spec, reports)).trials)


def came_to_its_end(spec: StudySpec, reports: Path, draw: random.Random, breaks: float) -> bool:
    """One sitting."""
    with sitting(spec, reports) as (search, errand, _, _):
        at_work: dict[tuple[str, int], Iterator[Measurement]] = {}
        while True:
            while len(at_work) < SLOTS and (handout := search.next()):
                name, settings = str(handout.number), handout.settings
                training = errand.train(handout.arm, settings, name=name, seed=handout.seed, fresh=False)
                at_work[handout.arm, handout.number] = (measurement for measurement, _ in training)
            if not at_work:
                return True
            who = draw.choice(list(at_work))
            if search.heard(*who, next(at_work[who])):
                del at_work[who]
            if draw.random() < breaks:
                return False


@pytest.mark.parametrize("pruner", ["asha", "hyperband", "median"])
def test_a_search_that_was_begun_anew_decides_as_one_that_was_not(tmp_path: Path, pruner: str) -> None:
    spec = asked(tmp_path, pruner)
    disturbed = shuffled(spec, tmp_path / "disturbed", random.Random(pruner), 0.2)
    assert {trial.verdict for trial in disturbed} == {"complete", "pruned"}
    assert told(replayed(spec, folder_of(spec, tmp_path / "disturbed"), tmp_path / "whole")) == told(disturbed)


def test_another_order_gives_another_study(tmp_path: Path) -> None:
    """So the equality above is one of decisions, not of a study that comes out the same in any order."""
    spec = asked(tmp_path, "asha")
    first, second = (shuffled(spec, tmp_path / str(seed), random.Random(seed), 0.0) for seed in (1, 2))
    assert told(first) != told(second)


def test_arrivals_are_all_measurements_and_beginnings(tmp_path: Path) -> None:
    spec = asked(tmp_path, "asha", sampler="random")
    trials = shuffled(spec, tmp_path, random.Random(0), 0.1)
    heard = list(arrivals(folder_of(spec, tmp_path), ["a", "b"]))
    assert sum(measurement is None for *_, measurement in heard) == len(trials) == 28
    assert len(heard) == 28 + sum(len(trial.measurements) for trial in trials)
    steps = [measurement.step for arm, number, measurement in heard if (arm, number) == ("a", 0) and measurement]
    assert steps == [measurement.step for measurement in trials[0].measurements]
    assert [arm for arm, _, measurement in heard if measurement is None][:4] == ["a", "b", "a", "b"]
