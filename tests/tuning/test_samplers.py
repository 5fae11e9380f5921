"""What every sampler must do with a space, whatever it learns from: one suite for all of them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from tests.study.blocks import BLOCKS
from tests.tuning.fakes import searched, study
from tests.tuning.here import finish, sitting, told, train
from vlstudy.bounds import Bound
from vlstudy.errors import VlstudyError
from vlstudy.journal import TrialRecord
from vlstudy.schedules import SCHEDULES
from vlstudy.study.reading import read
from vlstudy.study.settings import resolve
from vlstudy.study.space import AnyOf, Choice, Dimension, Grid, Int, LogInt, LogUniform, Tied, Uniform
from vlstudy.study.spec import Arm, PrunerSpec, SearchSpec, StudySpec
from vlstudy.tuning.asking import _sampler, suggest, to_optuna, wanted
from vlstudy.tuning.turns import Handout

DRAWING = ["tpe", "random", "cmaes", "gp", "nsga2", "qmc"]
TRIALS = {"gp": 13}  # a suggestion of a Gaussian process takes a second; every sampler has ten random trials first

# a range, a list, a chain of conditions, ties, two blocks with a knob of one name, and what is forbidden of them
ARM = Arm(
    name="all",
    method="fma",
    schedule="one",
    space=(
        Dimension(name="method.blocks", distribution=Int(2, 8)),
        Dimension(name="method.decay", distribution=Tied("train.lr", 0.1)),
        Dimension(name="method.echo", distribution=Tied("method.noise"), when={"method.kind": "p"}),
        Dimension(name="method.kind", distribution=Choice(("p", "q", "r"))),
        Dimension(name="method.noise", distribution=Uniform(0.0, 1.0), when={"method.kind": "p"}),
        Dimension(name="method.shape", distribution=Choice(((1, 2), (3,))), when={"method.kind": AnyOf(("p", "q"))}),
        Dimension(name="schedule", distribution=Choice(("one", "two"))),
        Dimension(name="schedule.beta", distribution=Uniform(0.0, 0.5), when={"schedule": "one"}),
        Dimension(name="schedule.beta", distribution=LogUniform(1.0, 9.0), when={"schedule": "two"}),
        Dimension(name="train.lr", distribution=LogUniform(1e-5, 1e-1)),
    ),
    forbid=(
        {"train.lr": Bound(">", 1e-3), "method.blocks": Bound(">=", 5)},
        {"method.kind": ("r",), "schedule": ("two",)},
    ),
)


def spec_of(folder: Path, sampler: str, arm: Arm = ARM, trials: int = 0, **changes: Any) -> StudySpec:
    search = SearchSpec(sampler=sampler, trials=trials or TRIALS.get(sampler, 24), seed=3)
    return study(folder, arms=(arm,), search=search, **{"evaluations": 1, **changes})


def settings_of(trials: list[TrialRecord]) -> list[dict[str, Any]]:
    return [dict(trial.settings) for trial in trials]


def listed(arm: Arm = ARM) -> Arm:
    """The arm with lists in place of its real ranges, which a grid can try."""
    few = {"train.lr": (1e-4, 1e-2), "method.noise": (0.0, 0.5), "schedule.beta": (0.25, 2.0), "method.blocks": (2, 8)}
    space = (
        replace(item, distribution=Choice(few[item.name])) if item.name in few else item
        for item in arm.space
        if item.when != {"schedule": "two"}
    )
    return replace(arm, space=tuple(space))


def arm_for(sampler: str) -> Arm:
    return listed() if sampler == "grid" else ARM


@pytest.mark.parametrize("sampler", [*DRAWING, "grid"])
def test_settings_are_what_the_space_says(tmp_path: Path, sampler: str) -> None:
    trials = settings_of(finish(spec_of(tmp_path, sampler, arm_for(sampler)), tmp_path))
    for each in trials:
        assert each["method.decay"] == 0.1 * each["train.lr"]
        assert ("method.noise" in each) == ("method.echo" in each) == (each["method.kind"] == "p")
        assert each.get("method.echo") == each.get("method.noise")
        assert each.get("method.shape") in (([1, 2], [3]) if each["method.kind"] in "pq" else (None,))
        assert not (each["train.lr"] > 1e-3 and each["method.blocks"] >= 5)
        assert not (each["method.kind"] == "r" and each["schedule"] == "two")
        if sampler != "grid":
            assert 0 <= each["schedule.beta"] <= 0.5 if each["schedule"] == "one" else 1 <= each["schedule.beta"] <= 9
    assert {each["schedule"] for each in trials} == {"one", "two"}
    assert {each["method.kind"] for each in trials} == {"p", "q", "r"}


@pytest.mark.parametrize("sampler", [*DRAWING, "grid"])
def test_a_resumed_search_asks_as_an_uninterrupted_one(tmp_path: Path, sampler: str) -> None:
    """Two at a time, pruned; a sitting ends after some trials, with one half trained and one begun."""
    pruner = PrunerSpec(name="asha", reduction=3, grace=0.2)
    spec = spec_of(tmp_path, sampler, arm_for(sampler), evaluations=5, pruner=pruner)

    def go(folder: Path, most: int) -> bool:
        with sitting(spec, folder) as (search, errand, _, _):
            held: list[Handout] = []
            for turn in range(most + 1):
                while len(held) < 2 and (handout := search.next()):
                    held.append(handout)
                if not held:
                    return False
                train(search, errand, held.pop(0), measurements=1 if turn == most else None)
            return True

    while go(tmp_path / "resumed", 4):
        pass
    go(tmp_path / "whole", 1000)
    whole, resumed = (told(finish(spec, tmp_path / name)) for name in ("whole", "resumed"))
    assert whole == resumed and len({verdict for _, _, verdict, *_ in whole}) == 2


@pytest.mark.parametrize("sampler", [*DRAWING, "grid"])
def test_the_same_journal_is_asked_twice_and_nothing_is_written(tmp_path: Path, sampler: str) -> None:
    spec = spec_of(tmp_path, sampler, arm_for(sampler))
    with sitting(spec, tmp_path) as (search, errand, ledger, _):
        for _ in range(12):
            train(search, errand, search.next())
        journal = errand.folder / "journal.log"
        before = journal.read_bytes()
        first, again = (suggest(ledger, spec.arms[0], spec.search, 12) for _ in range(2))
        other = suggest(ledger, spec.arms[0], replace(spec.search, seed=4), 12)
        assert first == again and journal.read_bytes() == before
        assert sampler == "grid" or first.settings != other.settings


@pytest.mark.parametrize("sampler", [*DRAWING, "grid"])
def test_points_come_first_and_are_filled_in(tmp_path: Path, sampler: str) -> None:
    whole = {"method.blocks": 2, "method.kind": "r", "schedule": "one", "schedule.beta": 0.25, "train.lr": 1e-4}
    arm = replace(arm_for(sampler), points=(whole, {"schedule": "two", "train.lr": 1e-2}))
    spec = spec_of(tmp_path, sampler, arm)
    trials = settings_of(finish(spec, tmp_path))
    assert trials[0] == {**whole, "method.decay": 0.1 * 1e-4}
    assert (trials[1]["schedule"], trials[1]["train.lr"]) == ("two", 1e-2)
    assert trials[1]["method.blocks"] < 5 and trials[1]["method.kind"] != "r"
    assert len(trials) == wanted(arm, spec.search)
    assert trials[1]["method.decay"] == 1e-3 and ("schedule.beta" in trials[1]) == (sampler != "grid")


@pytest.mark.parametrize("sampler", DRAWING)
def test_what_is_allowed_is_found_where_it_is_rare(tmp_path: Path, sampler: str) -> None:
    arm = replace(searched("a"), forbid=({"method.noise": Bound(">", 1e-9)}, {"train.lr": Bound("<", 0.09)}))
    spec = spec_of(tmp_path, sampler, arm, trials=2)
    assert all(
        each["method.noise"] <= 1e-9 and each["train.lr"] >= 0.09 for each in settings_of(finish(spec, tmp_path))
    )
    with sitting(spec, tmp_path) as (_, _, ledger, _), pytest.raises(VlstudyError, match="is forbidden"):
        suggest(ledger, arm, spec.search, 2, fixed={"method.noise": 0.5})


def test_a_grid_is_enumerated_without_what_is_forbidden(tmp_path: Path) -> None:
    arm, search = listed(), SearchSpec(sampler="grid", trials=1)
    trials = settings_of(finish(spec_of(tmp_path, "grid", arm, trials=1), tmp_path))
    assert len({json.dumps(each, sort_keys=True) for each in trials}) == len(trials) == wanted(arm, search)
    rates = 2 * 2 - 1  # of train.lr and method.blocks
    kinds = {"one": 2 * 2 + 2 + 1, "two": 2 * 2 + 2}  # p: noise and shape, q: shape, r: only under `one`
    assert len(trials) == rates * (kinds["one"] * 2 + kinds["two"])  # schedule.beta matters under `one`
    assert wanted(replace(arm, forbid=()), search) == 4 * 7 * (2 + 1)


def test_cells_that_a_point_has_had_are_not_tried_again(tmp_path: Path) -> None:
    grids = tuple(Dimension(name=f"method.{name}", distribution=Grid((0, 1))) for name in "ab")
    points = ({"method.a": 1, "method.b": 0}, {"method.b": 1})
    trials = settings_of(
        finish(spec_of(tmp_path, "tpe", Arm(name="g", method="fma", space=grids, points=points)), tmp_path)
    )
    assert [tuple(each.values()) for each in trials] == [(1, 0), (0, 1), (0, 0), (1, 1)]


def test_a_whole_range_is_a_grid_too(tmp_path: Path) -> None:
    space = (Dimension(name="method.n", distribution=LogInt(1, 3)), Dimension(name="method.m", distribution=Int(0, 1)))
    spec = spec_of(tmp_path, "grid", Arm(name="g", method="fma", space=space))
    assert sorted(tuple(each.values()) for each in settings_of(finish(spec, tmp_path))) == [
        (n, m) for n in (1, 2, 3) for m in (0, 1)
    ]


def test_what_is_suggested_of_a_file_can_be_trained_with(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(BLOCKS)
    (arm,) = read(tmp_path / "study.yaml").arms
    trials = settings_of(finish(spec_of(tmp_path, "tpe", replace(arm, data=None)), tmp_path))
    found = [resolve(arm, settings) for settings in trials]
    assert {type(each.schedule) for each in found} == {SCHEDULES[name] for name in arm.schedules}
    assert all(each.train.weight_decay == 0.1 * each.train.lr for each in found)


def history(folder: Path, arm: Arm) -> list[FrozenTrial]:
    """An arm's trials as Optuna reads them from the journal."""
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(next(folder.glob("*/journal.log")))))
    return storage.get_all_trials(storage.get_study_id_from_name(f"search/{arm.name}"))


NUMBERS = Arm(
    name="numbers",
    method="fma",
    space=(
        Dimension(name="method.blocks", distribution=Int(1, 40)),
        Dimension(name="method.noise", distribution=Uniform(0.0, 1.0)),
        Dimension(name="train.lr", distribution=LogUniform(1e-5, 1e-1)),
    ),
)


@pytest.mark.parametrize("sampler", ["tpe", "random", "cmaes", "gp", "nsga2"])
def test_suggestions_are_those_of_optuna(tmp_path: Path, sampler: str) -> None:
    """Also where the sampler keeps its state in the trials: `ask` on the same history, with what the journal kept."""
    spec = spec_of(tmp_path, sampler, NUMBERS, trials=14 if sampler == "gp" else 40)
    finish(spec, tmp_path)
    ours = history(tmp_path, NUMBERS)
    drawn = []
    for number in (0, 11, 13, *(() if sampler == "gp" else (26, 33, 39))):
        asked = _sampler(NUMBERS, spec.search, number)
        theirs = optuna.create_study(direction="maximize", sampler=asked)
        theirs.add_trials(ours[:number])
        trial = theirs.ask(ours[number].distributions)
        assert trial.params == ours[number].params
        noted = theirs.trials[-1].system_attrs
        kept = {name: value for name, value in noted.items() if "relative_params" not in name}
        assert kept == ours[number].system_attrs
        drawn.append(len(kept))
    assert any(drawn) == (sampler in ("cmaes", "nsga2"))


def test_cmaes_and_nsga2_go_on_from_generation_to_generation(tmp_path: Path) -> None:
    names = {"cmaes": "cma:generation", "nsga2": "NSGAIISampler:generation"}
    for sampler, name in names.items():
        finish(spec_of(tmp_path / sampler, sampler, NUMBERS, trials=40), tmp_path / sampler)
        generations = [trial.system_attrs.get(name, 0) for trial in history(tmp_path / sampler, NUMBERS)]
        assert generations == sorted(generations) and generations[-1] >= 3


def test_qmc_is_optunas_sequence_without_its_random_first_point(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "qmc", NUMBERS, trials=8)
    ours = [dict(trial.params) for trial in (finish(spec, tmp_path), history(tmp_path, NUMBERS))[1]]
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        theirs = optuna.create_study(sampler=optuna.samplers.QMCSampler(seed=3, scramble=True))
    space = {item.name: to_optuna(item.distribution) for item in NUMBERS.space}
    asked = []
    for _ in range(9):
        trial = theirs.ask(space)
        asked.append(trial.params)
        theirs.tell(trial, 0.0)
    assert ours == asked[1:]


@pytest.mark.parametrize("sampler", ["tpe", "gp", "nsga2", "cmaes"])
def test_a_wider_space_is_learnt_from_the_trials_of_the_narrower_one(tmp_path: Path, sampler: str) -> None:
    """The suggestion is the one that the same trials give if they had all been drawn from the wider ranges."""
    narrow = spec_of(tmp_path, sampler, NUMBERS, trials=12 if sampler == "gp" else 30)
    finish(narrow, tmp_path)
    wide = replace(NUMBERS, space=(*NUMBERS.space[:2], replace(NUMBERS.space[2], distribution=LogUniform(1e-7, 1e-1))))
    asked = _sampler(wide, narrow.search, 30)
    theirs = optuna.create_study(direction="maximize", sampler=asked)
    space = {item.name: to_optuna(item.distribution) for item in wide.space}
    for trial in history(tmp_path, NUMBERS):
        trial.distributions = space
        trial.system_attrs = {name: value for name, value in trial.system_attrs.items() if "cma" not in name}
        theirs.add_trial(trial)
    with sitting(narrow, tmp_path) as (_, _, ledger, _):
        suggestion = suggest(ledger, wide, narrow.search, 30)
    assert suggestion.params == theirs.ask(space).params
    assert set(asked.infer_relative_search_space(theirs, theirs.trials[0])) == set(space)


def test_knobs_of_one_name_in_two_blocks_are_two_parameters(tmp_path: Path) -> None:
    finish(spec_of(tmp_path, "tpe"), tmp_path)
    for trial in history(tmp_path, ARM):
        block = trial.params["schedule"]
        assert [name for name in trial.params if "beta" in name] == [f"schedule.beta when schedule = {block}"]
        assert not {"method.decay", "method.echo"} & trial.params.keys()


@pytest.mark.parametrize(("sampler", "trials"), [("tpe", 60), ("cmaes", 60), ("gp", 16), ("nsga2", 60)])
def test_samplers_that_learn_are_better_at_the_end(tmp_path: Path, sampler: str, trials: int) -> None:
    found = finish(spec_of(tmp_path, sampler, NUMBERS, trials=trials), tmp_path)
    heights = [trial.measurements[-1].metrics["val/accuracy"] for trial in found]
    last = heights[10:] if sampler == "gp" else heights[-20:]
    assert sum(last) / len(last) > sum(heights[:10]) / 10 + 0.02
