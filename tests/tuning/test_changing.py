"""What a user changes after the first launch: nothing that was finished is lost, nothing is trained twice."""

import json
import os
from pathlib import Path

import pytest

from tests.commands import TEXT, study
from tests.tuning.begun import searched, trials_of
from tests.tuning.fakes import FakeWork, notes
from tests.tuning.fakes import searched as arm_of
from tests.tuning.fakes import study as fake
from vlstudy.errors import JournalError, StudyBusy, StudyChanged, StudyError, VlstudyError
from vlstudy.journal import folder, inbox, read
from vlstudy.journal.folder import STUDY, read_header
from vlstudy.journal.lock import driver_lock
from vlstudy.study.reading import read as read_study
from vlstudy.study.reading.amending import Amendment, amended
from vlstudy.study.spec import PrunerSpec
from vlstudy.tuning import begun
from vlstudy.tuning.changing import change, drain, retry, stop
from vlstudy.tuning.rerun import rerun
from vlstudy.tuning.work import Training

__all__ = ["study"]

NEW_ARM = "name: wide\nmethod: fma\nfixed: {train.epochs: 2, train.batch: 5}\nspace: {train.lr: {choice: [1e-3]}}\n"


@pytest.fixture
def reports(study: Path) -> Path:
    return study.parent / "reports"


def test_more_trials_are_trained_and_no_others(study: Path, reports: Path) -> None:
    place, _ = searched(read_study(study), reports)
    journal, before = (place / "journal.log").read_bytes(), read(place)
    assert change(place, Amendment(trials="+2")) == ["search.trials: 6 -> 8"]
    assert read(place).ended is None and before.ended == ""
    again, _ = searched(read_study(study), reports)  # the file still says six
    after = read(place)
    assert again == place and (place / "journal.log").read_bytes().startswith(journal)
    assert [trial for trial in after.trials if trial in before.trials] == list(before.trials)
    assert {arm.name: len(trials_of(place, arm.name)) for arm in after.header.arms} == {
        "zero_shot": 1,
        "[bold]probe": 2,
        "flow": 8,
    }
    assert [line.what for line in after.header.changes] == ["search.trials: 6 -> 8"]
    assert after.ended == "" and after.header.digest in after.header.digests[1:]


def test_a_file_that_changed_is_refused_with_what_changed_and_goes_on_with_extend(study: Path, reports: Path) -> None:
    place, _ = searched(read_study(study), reports, most=2)
    study.write_text(TEXT.replace("trials: 6", "trials: 7").replace("[1e-4, 1e-2]", "[1e-5, 1e-2]"))
    with pytest.raises(StudyChanged) as refused:
        searched(read_study(study), reports)
    assert refused.value.differences == (
        "arms[flow].space.train.lr.log_uniform: [1e-4, 0.01] -> [1e-5, 0.01]",
        "search.trials: 6 -> 7",
    )
    assert "search.trials: 6 -> 7" in str(refused.value) and "--extend" in str(refused.value)
    assert searched(read_study(study), reports, extend=True)[0] == place
    assert len(trials_of(place, "flow")) == 7 and (place / STUDY).read_text() == study.read_text()
    study.write_text(TEXT)  # the first file leads to the study as it is now
    assert searched(read_study(study), reports)[0] == place
    assert len(trials_of(place, "flow")) == 7


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("shots: 4", "shots: 2", "data differs"),
        ("seed: 7", "seed: 8", "search.seed differs"),
        ("train.epochs: 2", "train.epochs: 3", "arm flow: fixed train.epochs differs"),
        ("[1e-4, 1e-2]", "[1e-3, 1e-2]", "log-uniform 1e-4 .. 0.01 is not within log-uniform 0.001 .. 0.01"),
        ("grid: [1, 10]", "grid: [1, 10, 100]", "arm [bold]probe: method.c: each of 1, 10 is not within"),
        ("  - name: zero_shot\n    method: zero_shot\n", "", "arm zero_shot is gone"),
        ("method.path: bridge}", "method.path: none}", "arm flow: method.noise has another `when`"),
    ],
)
def test_a_change_that_makes_trials_incomparable_is_refused(
    study: Path, reports: Path, old: str, new: str, why: str
) -> None:
    searched(read_study(study), reports, most=1)
    assert old in TEXT
    study.write_text(TEXT.replace(old, new))
    with pytest.raises(StudyChanged, match="would not be comparable") as refused:
        searched(read_study(study), reports, extend=True)
    assert why in str(refused.value)


def test_minutes_and_comments_are_taken_over_without_a_word(study: Path, reports: Path) -> None:
    place, _ = searched(read_study(study), reports, most=1)
    study.write_text(f"# once more\n{TEXT}budget: {{minutes: 5}}\n")
    assert searched(read_study(study), reports, most=1)[0] == place
    assert change(place, Amendment(minutes="+30")) == ["budget.minutes: 5 -> 35"]
    spec = begun.in_effect(read_study(study), place, Training(), extend=False)
    assert spec.budget.minutes == 35
    with pytest.raises(VlstudyError, match="30 is less than the 35 of now"):
        change(place, Amendment(minutes="30"))


def test_a_range_is_widened_and_old_trials_stand(study: Path, reports: Path) -> None:
    place, _ = searched(read_study(study), reports)
    change(place, Amendment(trials="40", widen={"train.lr": "1e-8:1e-2", "method.path": "bridge_endpoint"}))
    searched(read_study(study), reports, most=12)
    rates = [trial.settings["train.lr"] for trial in trials_of(place, "flow")]
    assert min(rates[:6]) >= 1e-4 > min(rates[6:])
    assert "bridge_endpoint" in {trial.settings["method.path"] for trial in trials_of(place, "flow")[6:]}


@pytest.mark.parametrize(
    ("widen", "why"),
    [
        ({"train.lr": "1e-3:1e-2"}, "is not within"),
        ({"train.rate": "1e-3:1e-2"}, r"no arm searches `train\.rate`\. Did you mean `train\.lr`"),
        ({"train.lr": "1e-3"}, "needs two ends"),
        ({"train.lr": "1e-5:1"}, "fma|train.lr|at most|between"),
        ({"method.c": "1,100"}, "cannot be widened: its values are tried in their order"),
    ],
)
def test_what_cannot_be_widened_is_told(study: Path, reports: Path, widen: dict[str, str], why: str) -> None:
    place, _ = searched(read_study(study), reports, most=1)
    if widen == {"train.lr": "1e-5:1"}:
        widen = {"train.lr": "1e-5:x"}
        why = "needs a number"
    with pytest.raises(VlstudyError, match=why):
        change(place, Amendment(widen=widen))
    assert (place / STUDY).read_text() == TEXT


def test_an_arm_joins_leaves_and_comes_back(study: Path, reports: Path) -> None:
    place, _ = searched(read_study(study), reports)
    change(place, Amendment(arm=NEW_ARM, arm_path="wide.yaml"))
    searched(read_study(study), reports)
    (first, *rest) = trials_of(place, "wide")
    assert len(rest) == 5 and {trial.served for trial in rest} == {0}  # a choice of one value is one training
    change(place, Amendment(drop="wide"))
    assert [arm.name for arm in read(place).header.arms] == ["zero_shot", "[bold]probe", "flow"]
    other = NEW_ARM.replace("epochs: 2", "epochs: 3")
    with pytest.raises(JournalError, match="an arm called wide was dropped from this study, and it was another one"):
        change(place, Amendment(arm=other, arm_path="wide.yaml"))
    change(place, Amendment(arm=NEW_ARM, arm_path="wide.yaml"))
    assert trials_of(place, "wide")[0] == first and read(place).header.arms[-1].name == "wide"


def test_a_faulty_arm_is_told_with_the_line_of_its_own_file(study: Path, reports: Path) -> None:
    place, _ = searched(read_study(study), reports, most=1)
    with pytest.raises(StudyError) as refused:
        change(place, Amendment(arm=NEW_ARM.replace("method: fma", "method: fmaa"), arm_path="wide.yaml"))
    assert str(refused.value).startswith("wide.yaml: 1 problem\n  line 2, column 9, arms[3].method: unknown method")
    with pytest.raises(VlstudyError, match=r"unknown arm `flo`\. Did you mean `flow`"):
        change(place, Amendment(drop="flo"))


def test_a_setting_is_tried_next_also_after_the_last(study: Path, reports: Path) -> None:
    place, _ = searched(read_study(study), reports, most=2)
    point = {"train.lr": "1e-3", "method.path": "none"}
    change(place, Amendment(points={"flow": point}))
    searched(read_study(study), reports)
    settings = [dict(trial.settings) for trial in trials_of(place, "flow")]
    assert len(settings) == 6 and {"train.lr": 1e-3, "method.path": "none"} in settings
    change(place, Amendment(points={"flow": {"train.lr": "2e-3"}}))
    assert read(place).queued == 1
    searched(read_study(study), reports)
    assert trials_of(place, "flow")[6].settings["train.lr"] == 2e-3 and read(place).queued == 0
    with pytest.raises(VlstudyError, match=r"points\[2\]\.train\.lr"):
        change(place, Amendment(points={"flow": {"train.lr": "5"}}))


def test_more_points_than_trials_ask_for_more_trials(study: Path, reports: Path) -> None:
    place, _ = searched(read_study(study), reports, most=1)
    for index in range(6):
        change(place, Amendment(points={"flow": {"train.lr": f"{index + 2}e-3"}}))
    with pytest.raises(VlstudyError, match=r"7 points, but an arm has 6 trials.*vlstudy extend STUDY --trials 7"):
        change(place, Amendment(points={"flow": {"train.lr": "9e-3"}}))
    change(place, Amendment(trials="7"))
    change(place, Amendment(points={"flow": {"train.lr": "9e-3"}}))
    searched(read_study(study), reports)
    assert {trial.settings["train.lr"] for trial in trials_of(place, "flow")} >= {0.002, 0.009}


def test_a_driver_that_runs_takes_a_change_up(study: Path, reports: Path) -> None:
    place, _ = searched(read_study(study), reports, most=1)
    with driver_lock(place):
        (line,) = change(place, Amendment(trials="9"))
        assert "handed on" in line and str(os.getpid()) in line
        assert stop(place)
        assert read_header(place).changes == ()
        told: list[str] = []
        assert drain(place, Training(), told.append)
        assert told == ["search.trials: 6 -> 9"] and not inbox.waiting(place)
        change(place, Amendment(drop="nobody"))
        assert not drain(place, Training(), told.append)
        assert told[-1].startswith("unknown arm `nobody`")
    assert not stop(place)
    assert read_header(place).changes[0].what == "search.trials: 6 -> 9"


def test_a_change_that_a_crash_left_half_written_is_completed(
    study: Path, reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = searched(read_study(study), reports, most=1)
    written = folder.write

    def die(path: Path, content: bytes) -> None:
        if path.name == "study.json":
            raise KeyboardInterrupt
        written(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(folder, "write", die)
        with pytest.raises(KeyboardInterrupt):
            change(place, Amendment(trials="8"))
    spec = begun.of_folder(place, Training())
    assert spec.search.trials == 8 and read_header(place).digest == spec.digest


def test_failed_trials_are_tried_again(tmp_path: Path) -> None:
    spec = fake(tmp_path, arms=(arm_of("bug"), arm_of("good")), trials=2)
    place, _ = searched(spec, tmp_path / "reports", work=FakeWork())
    with pytest.raises(VlstudyError, match=r"trial 0 cannot be tried again: good 0 is complete\."):
        retry(place, arm="good", trials=[0])
    with pytest.raises(VlstudyError, match=r"trial 7 cannot be tried again: bug 7 is not there, good 7 is not there\."):
        retry(place, trials=[7])
    assert retry(place, trials=[1]) == ["bug 1 comes next once more"]
    assert retry(place) == ["bug 0 comes next once more"] and retry(place) == ["no trial has failed"]
    assert read(place).queued == 2
    searched(spec, tmp_path / "reports", work=FakeWork())
    trials = trials_of(place, "bug")
    assert [(trial.verdict, trial.group) for trial in trials] == [("failed", n) for n in (0, 1, 1, 0)]
    assert trials[2].settings == trials[1].settings and read(place).queued == 0
    assert retry(place) == ["bug 2 comes next once more", "bug 3 comes next once more"]


def test_equal_settings_are_served_from_the_journal(tmp_path: Path) -> None:
    from vlstudy.study.space import Choice, Dimension
    from vlstudy.study.spec import Arm, SearchSpec

    arm = Arm(
        name="few", family="few", method="fma", space=(Dimension(name="train.lr", distribution=Choice((0.1, 1e-3))),)
    )
    pruner = PrunerSpec(name="asha", reduction=2, grace=0.2)
    spec = fake(tmp_path, arms=(arm,), search=SearchSpec(sampler="random", trials=12), pruner=pruner)
    place, told = searched(spec, tmp_path / "reports", work=FakeWork())
    trials = trials_of(place, "few")
    assert len(trials) == 12 and len(notes(spec)) == 2
    assert all(trial.measurements == trials[trial.served].measurements for trial in trials if trial.served is not None)
    assert all(trial.verdict == trials[trial.served].verdict for trial in trials if trial.served is not None)
    assert sum("its measurements are taken from the journal" in line for line in told) == 10


def test_a_trial_trained_again_equals_the_journal(study: Path, reports: Path) -> None:
    place, _ = searched(read_study(study), reports, most=4)
    journal = (place / "journal.log").read_bytes()
    lines: list[str] = []
    assert rerun(place, 0, arm="flow", tell=lines.append).size == 0
    assert len(lines) == 4 and (place / "journal.log").read_bytes() == journal
    with pytest.raises(VlstudyError, match=r"several arms have a trial 0: .*Add --arm NAME"):
        rerun(place, 0)
    with pytest.raises(VlstudyError, match=r"there is no trial 9\. Numbers begin at 0; zero_shot has 1"):
        rerun(place, 9)
    header = json.loads((place / "study.json").read_text())
    header["origin"] = str(study.parent / "moved" / "study.yaml")
    (place / "study.json").write_text(json.dumps(header))
    with pytest.raises(VlstudyError, match=r"moved"):
        rerun(place, 0, arm="flow")


def test_the_second_driver_is_told_who_runs_the_study(study: Path, reports: Path) -> None:
    place, _ = searched(read_study(study), reports, most=1)
    with (
        driver_lock(place),
        pytest.raises(StudyBusy, match=f"written by process {os.getpid()} on "),
        driver_lock(place),
    ):
        pass


def test_a_knob_inside_a_block_is_widened() -> None:
    path = Path("study.yaml")
    text = TEXT.replace(
        "data: {source: feature_file, path: features.npz, shots: 4}", "data: {source: miniature, task: captions}"
    )
    text = text[: text.index("arms:")].replace("val/accuracy", "val/mean_recall") + (
        "arms:\n  - name: a\n    method: contrastive\n    space:\n      schedule:\n        choice:\n          - fixed\n"
        "          - {name: variance_sim, schedule.beta: {uniform: [0.5, 0.6]}}\n"
    )
    changed = amended(text, path, Amendment(widen={"schedule.beta": "0.4:0.6"}))
    (beta,) = (item for item in changed.arms[0].space if item.name == "schedule.beta")
    assert (beta.distribution.low, beta.distribution.high) == (0.4, 0.6)
