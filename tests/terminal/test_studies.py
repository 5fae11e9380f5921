"""What `vlstudy list` and `vlstudy status` print."""

import shutil
from dataclasses import replace
from pathlib import Path

from tests.commands import NAME, TEXT, Typed, fresh
from vlstudy.journal.folder import HEADER, STUDY, read_header, write_header
from vlstudy.journal.ledger import Ledger
from vlstudy.journal.lock import driver_lock


def test_status_needs_neither_torch_nor_ray(study: Path, folder: Path) -> None:
    by_folder = fresh("status", folder, absent="torch ray")
    by_file = fresh("status", study, "--reports", folder.parent, absent="torch ray")
    assert by_folder == by_file
    assert NAME in by_folder and "[bold]probe" in by_folder and "1/2" in by_folder and "70.00 %" in by_folder


def test_a_study_is_found_when_its_file_was_commented_since(typed: Typed, study: Path, folder: Path) -> None:
    study.write_text(f"# asked again\n{TEXT}")
    assert str(folder) in typed("status", study, "--reports", folder.parent)


def test_list_shows_every_study_even_a_damaged_one(folder: Path) -> None:
    damaged = folder.parent / "damaged-00000000"
    damaged.mkdir()
    (damaged / HEADER).write_text("{")
    (damaged / STUDY).write_text("")
    incomplete = folder.parent / "incomplete-00000000"
    shutil.copytree(folder, incomplete)
    (incomplete / STUDY).unlink()
    (folder.parent / "something else").mkdir()
    printed = fresh("list", "--reports", folder.parent, absent="torch ray")
    assert f"{folder}\n" in printed and f"{damaged}\n" in printed
    words = " ".join(printed.split())
    assert f"{NAME}: Does the flow win?" in words
    assert "3/9 trials, 6/6 confirmed, best flow 70.00 %" in words
    assert words.count("damaged:") == 2
    assert "something else" not in words


def test_list_of_nothing_says_how_to_begin(typed: Typed, tmp_path: Path) -> None:
    assert "vlstudy launch" in typed("list", "--reports", tmp_path / "none")


def test_a_study_is_running_while_its_driver_lives(typed: Typed, folder: Path) -> None:
    with driver_lock(folder):
        assert "running, in" in typed("status", folder)
    assert "finished, in" in typed("status", folder)


def test_a_study_that_a_launch_would_go_on_with_is_stopped(typed: Typed, folder: Path) -> None:
    Ledger(folder, read_header(folder)).begin("flow", {}, {}, {})
    assert "stopped, in" in typed("status", folder)


def test_a_study_without_confirmation_is_finished_with_its_search(typed: Typed, folder: Path) -> None:
    header = replace(read_header(folder), confirm_seeds=())
    arms = tuple(replace(arm, trials=1) for arm in header.arms)
    (folder / "journal.log").unlink()
    write_header(folder, replace(header, arms=arms), TEXT)
    ledger = Ledger(folder, header)
    for arm in arms:
        assert "stopped, in" in typed("status", folder)
        ledger.begin(arm.name, {}, {}, {})
        ledger.fail(arm.name, 0, "no memory")
    assert "finished, in" in typed("status", folder)


def test_a_study_that_was_never_launched(typed: Typed, study: Path) -> None:
    printed = typed("status", study, "--reports", study.parent / "reports", code=2)
    assert "not launched yet" in printed and "vlstudy launch" in printed


def test_a_folder_that_is_no_study(typed: Typed, tmp_path: Path) -> None:
    assert "holds no study" in typed("status", tmp_path, code=2)
