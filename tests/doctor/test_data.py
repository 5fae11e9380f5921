"""Data: there with its digest, missing, another one than the study was begun with."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tuning.test_training_work import small
from vlstudy.data import SOURCES, load
from vlstudy.doctor.data import look
from vlstudy.doctor.finding import Finding
from vlstudy.journal.folder import folder_of, write_header
from vlstudy.study.spec import StudySpec
from vlstudy.tuning.header import header_of


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path / "cache"))


def found(spec: StudySpec, folder: Path, *, weights: bool = True) -> list[Finding]:
    return list(look(spec, folder, weights=weights))


def test_data_is_there_with_its_digest_before_and_after_encoding(tmp_path: Path) -> None:
    spec = small(tmp_path)
    digest = hashlib.sha256(Path(spec.data.path).read_bytes()).hexdigest()[:12]
    (before,) = found(spec, tmp_path / "none")
    assert before.state == "ok" and "trains on 24 images" in before.found
    assert f"sha256 {digest}; 1 of 1 sets of features are made at launch" in before.found
    load(spec.data, "miniature", None)
    (after,) = found(spec, tmp_path / "none")
    assert after.state == "ok" and digest in after.found and "all features are in the store" in after.found


def test_missing_data_is_wrong_with_its_way_out(tmp_path: Path) -> None:
    spec = small(tmp_path)
    Path(spec.data.path).unlink()
    (one,) = found(spec, tmp_path / "none")
    assert one.state == "wrong" and "features.npz. A relative path starts at the study file's folder." in one.found


def test_other_data_than_the_study_was_begun_with_is_wrong(tmp_path: Path) -> None:
    spec = small(tmp_path)
    folder = folder_of(spec, tmp_path)
    facts = load(spec.data, "miniature", None).facts
    write_header(folder, header_of(spec, facts), spec.text)
    assert found(spec, folder)[0].state == "ok"
    write_header(folder, header_of(spec, {**facts, "data": "feature file of yesterday"}), spec.text)
    (one,) = found(spec, folder)
    assert one.state == "wrong" and "begun with data = feature file of yesterday" in one.found and one.way_out


def test_each_condition_has_its_line_and_features_wait_for_weights(tmp_path: Path) -> None:
    spec = small(tmp_path)
    arms = tuple(
        replace(spec.arms[1], name=f"a{shots}", condition={"shots": shots}, data=replace(spec.data, shots=shots))
        for shots in (2, 8)
    )
    assert [one.check for one in found(replace(spec, arms=arms), tmp_path)] == ["data [shots=2]", "data [shots=8]"]
    (one,) = found(replace(spec, arms=spec.arms, data=SOURCES["miniature"]()), tmp_path, weights=False)
    assert one.state == "warning" and "bring the weights first" in one.way_out
