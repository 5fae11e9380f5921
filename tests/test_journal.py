"""The ledger: what is written is read back, and damage is told or mended."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vlstudy.errors import JournalError
from vlstudy.journal import ArmHeader, ConfirmRecord, Header, evidence, exists, folder_of, read
from vlstudy.journal.arrays import write_evidence
from vlstudy.journal.folder import checkpoint_of, evidence_of, read_header, slug, write_header
from vlstudy.journal.ledger import Ledger
from vlstudy.journal.lock import driver_lock
from vlstudy.journal.tail import cut_torn_tail
from vlstudy.measurement import Measurement, Point

TERMS = {"image_to_text": 0.1 + 0.2}  # not a short decimal


def header(*names: str) -> Header:
    arms = tuple(
        ArmHeader(
            name=name,
            method="fma",
            schedule="fixed",
            baseline=False,
            fixed={"method.blocks": 4},
            space={"train.lr": "log-uniform 1e-4 .. 1e-2"},
            meanings={"train.lr": "peak learning rate"},
            axes={"method.solver_steps": (0, 1, 2)},
            choices=("ours",),
            source="arXiv",
            trials=3,
        )
        for name in names
    )
    return Header(
        study="s",
        question="q",
        digest="ab" * 32,
        objective="val/accuracy",
        direction="maximize",
        unit="fraction",
        arms=arms,
        search={"seed": 0},
        pruner={"name": "asha"},
        confirm_seeds=(1, 2),
        confirm_top=1,
        data={"shots": 16},
        backbone={"model": "miniature"},
        provenance={"host": "h"},
    )


def measured(step: int, value: float, progress: float | None = None) -> Measurement:
    points = tuple(Point(axis={"solver_steps": k}, metrics={"val/accuracy": value - k}) for k in range(2))
    return Measurement(step=step, progress=progress or step / 10, points=points, choice=0, terms=TERMS, seconds=1.5)


def ledger(folder: Path, *names: str) -> Ledger:
    write_header(folder, header(*names), "study: s\n")
    return Ledger(folder, header(*names))


def test_everything_is_read_back(tmp_path: Path) -> None:
    book = ledger(tmp_path, "a", "b/../<i>")
    assert book.begin("a", {"train.lr": 1e-3, "method.kind": [1, None]}, {}, {}) == 0
    first, last = measured(1, 1 / 3), measured(10, 0.7)
    assert book.record("a", 0, last) and book.record("a", 0, first)
    book.complete("a", 0, [0.7])
    assert book.begin("a", {}, {}, {}) == 1
    book.fail("a", 1, "a reason")
    assert book.begin("b/../<i>", {}, {}, {}) == 0
    record = ConfirmRecord(
        arm="a",
        rank=0,
        trial=0,
        seed=2,
        settings={"train.lr": 1e-3},
        axis={"solver_steps": 1},
        metrics={"test/accuracy": 0.25},
        measurement=last,
        seconds=3.0,
    )
    book.confirm(record, 0.25)
    book.confirm_failed("a", 0, 1, "no luck")
    book.clock("search", 2.6)
    assert book.confirmed("a") == {(0, 2)} and book.confirmed("b/../<i>") == set()
    whole = read(tmp_path)
    assert whole.text == "study: s\n" and whole.confirms == (record,)
    assert replace(whole.header, provenance={}) == replace(header("a", "b/../<i>"), provenance={})
    assert whole.header.provenance == {
        "host": "h",
        "search seconds": "3",
        "confirm seconds": "0",
        "confirmations that failed": "a, seed 1: no luck",
    }
    complete, failed, running = whole.trials
    assert complete.verdict == "complete" and complete.measurements == (first, last)
    assert complete.settings == {"train.lr": 1e-3, "method.kind": [1, None]}
    assert complete.started is not None and complete.finished is not None and complete.finished >= complete.started
    assert (failed.verdict, failed.reason, failed.finished is None) == ("failed", "a reason", False)
    assert (running.arm, running.verdict, running.reason, running.finished) == ("b/../<i>", "running", "", None)


def test_a_known_step_is_not_new_and_never_changes(tmp_path: Path) -> None:
    book = ledger(tmp_path, "a")
    book.begin("a", {}, {}, {})
    assert book.record("a", 0, measured(1, 0.5))
    assert not book.record("a", 0, replace(measured(1, 0.5), seconds=99.0))
    with pytest.raises(JournalError, match="a 0 measured step 1 twice"):
        book.record("a", 0, measured(1, 0.6))
    assert read(tmp_path).trials[0].measurements == (measured(1, 0.5),)


def test_two_steps_of_one_percentage_are_both_kept(tmp_path: Path) -> None:
    book = ledger(tmp_path, "a")
    book.begin("a", {}, {}, {})
    assert book.record("a", 0, measured(1, 0.5, 0.101)) and book.record("a", 0, measured(2, 0.6, 0.102))
    assert [measurement.step for measurement in read(tmp_path).trials[0].measurements] == [1, 2]
    assert book.trial("a", 0).intermediate_values == {10: 0.5}


def test_a_torn_line_is_cut_and_a_sound_journal_is_left_alone(tmp_path: Path) -> None:
    book = ledger(tmp_path, "a")
    book.begin("a", {}, {}, {})
    journal = tmp_path / "journal.log"
    sound = journal.read_bytes()
    assert cut_torn_tail(journal) == 0 and journal.read_bytes() == sound
    for torn in (b'{"op_code":4,"worker', b"\0" * 70_000, b'{"op_code":4,}\n', b"7\n"):
        journal.write_bytes(sound + torn)
        again = Ledger(tmp_path, header("a"))
        assert again.cut == len(torn) and journal.read_bytes() == sound
    journal.write_bytes(sound + b'{"op_code":4,"worker')
    assert len(read(tmp_path).trials) == 1  # reading neither needs nor mends it
    assert Ledger(tmp_path, header("a")).begin("a", {}, {}, {}) == 1


def test_damage_that_no_crash_makes_is_told(tmp_path: Path) -> None:
    book = ledger(tmp_path, "a")
    book.begin("a", {}, {}, {})
    journal = tmp_path / "journal.log"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines) + b"garbage\ngarbage")
    with pytest.raises(JournalError, match="damaged before its last line"):
        Ledger(tmp_path, header("a"))
    journal.write_bytes(b"".join([lines[0], b"garbage\n", *lines[1:]]))
    for opening in (lambda: Ledger(tmp_path, header("a")), lambda: read(tmp_path)):
        with pytest.raises(JournalError, match="is damaged"):
            opening()


def test_a_lock_that_optuna_left_behind_does_not_block(tmp_path: Path) -> None:
    ledger(tmp_path, "a")
    (tmp_path / "journal.log.lock").symlink_to(tmp_path / "journal.log")
    assert Ledger(tmp_path, header("a")).begin("a", {}, {}, {}) == 0


def test_reading_a_study_that_has_not_begun_changes_nothing(tmp_path: Path) -> None:
    assert not exists(tmp_path)
    with pytest.raises(JournalError, match="holds no study"):
        read(tmp_path)
    write_header(tmp_path, header("a"), "text")
    before = sorted(path.name for path in tmp_path.iterdir())
    assert exists(tmp_path) and read(tmp_path).trials == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    (tmp_path / "study.json").write_text(json.dumps({"study": "s"}))
    with pytest.raises(JournalError, match=r"study\.json cannot be read"):
        read(tmp_path)


def test_the_folder_lock_is_held_by_one_and_freed_at_the_end(tmp_path: Path) -> None:
    with (
        driver_lock(tmp_path / "new"),
        pytest.raises(JournalError, match="is being written by process"),
        driver_lock(tmp_path / "new"),
    ):
        pass
    with driver_lock(tmp_path / "new"):
        pass


@pytest.mark.parametrize("name", ["../../etc", "a/b", "..", "", "x" * 400, "<script>", "a\nb", "日本"])
def test_any_name_is_a_harmless_folder(tmp_path: Path, name: str) -> None:
    class Named:
        study, digest = name, "0123456789" * 6

    folder = folder_of(Named(), tmp_path)
    assert folder.parent == tmp_path and folder.name.endswith("-01234567") and len(folder.name) < 100
    folder.mkdir()
    assert checkpoint_of(folder, name, "3").parent == folder / "trials"


def test_arms_with_equal_slugs_have_different_checkpoints(tmp_path: Path) -> None:
    assert slug("a/b") == slug("a_b") == slug("a b")
    assert len({checkpoint_of(tmp_path, name, "0") for name in ("a/b", "a_b", "a b")}) == 3


def test_a_glance_at_the_lock_does_not_refuse_a_driver(tmp_path: Path) -> None:
    import fcntl
    import threading

    with driver_lock(tmp_path):
        pass
    with open(tmp_path / "driver.lock") as glance:
        fcntl.flock(glance, fcntl.LOCK_SH)
        threading.Timer(0.05, fcntl.flock, (glance, fcntl.LOCK_UN)).start()
        with driver_lock(tmp_path):
            pass


def test_a_lost_study_file_is_said(tmp_path: Path) -> None:
    write_header(tmp_path, header(), "study: x")
    (tmp_path / "study.yaml").unlink()
    with pytest.raises(JournalError, match=r"holds no study\.yaml"):
        read(tmp_path)


def test_evidence_is_read_back_and_replaced_whole(tmp_path: Path) -> None:
    ledger(tmp_path, "a", "b c", "b_c")
    record = read(tmp_path)
    assert evidence(record, "a") == {}
    names = np.array(["short", "longer ü"])
    for arm, seed in (("b c", 1), ("b_c", 2), ("b c", 3)):
        write_evidence(tmp_path, arm, {"reliability": np.full((1, 15, 3), seed / 3), "classnames": names})
    found = evidence(record, "b c")
    assert found.keys() == {"reliability", "classnames"} and list(found["classnames"]) == list(names)
    assert (found["reliability"] == 1.0).all() and (evidence(record, "b_c")["reliability"] == 2 / 3).all()
    write_evidence(tmp_path, "b c", {})
    assert evidence(record, "b c") == {}
    assert len(list((tmp_path / "evidence").iterdir())) == 2


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive", "objects"])
def test_broken_evidence_is_told(tmp_path: Path, content: bytes | str) -> None:
    ledger(tmp_path, "a")
    write_evidence(tmp_path, "a", {})
    path = evidence_of(tmp_path, "a")
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, pictures=np.array([{}]))
    with pytest.raises(JournalError, match=r"cannot be read .* Delete it"):
        evidence(read(tmp_path), "a")


def test_headers_from_before_conditions_are_read(tmp_path: Path) -> None:
    new = replace(header("a").arms[0], family="a", condition={"shots": 4}, on="b", data={"source": "miniature"})
    write_header(tmp_path, replace(header(), arms=(new,), tested="test/harmonic_mean"), "")
    assert read_header(tmp_path).arms == (new,) and read_header(tmp_path).tested == "test/harmonic_mean"
    value = json.loads((tmp_path / "study.json").read_text())
    for name in ("family", "condition", "on", "data"):
        del value["arms"][0][name]
    del value["tested"]
    (tmp_path / "study.json").write_text(json.dumps(value))
    assert read_header(tmp_path) == header("a")
