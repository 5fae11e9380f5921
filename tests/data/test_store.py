"""The feature store: made once, whole or not at all, memory-mapped, and clear when it cannot be."""

import multiprocessing
import os
from pathlib import Path

import pytest
import torch

from vlstudy.data.store import Key, fetch
from vlstudy.errors import DataError

KEY = Key("toy train view 0", {"backbone": "toy", "weights": "abc", "data": "def", "split": "train", "view": "0"})


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path / "cache with a space"))
    return tmp_path


def rows() -> dict[str, torch.Tensor]:
    return {"image_features": torch.arange(12.0).reshape(4, 3)}


def refuse() -> dict[str, torch.Tensor]:
    raise AssertionError("made twice")


def test_features_are_made_once() -> None:
    assert torch.equal(fetch(KEY, rows)["image_features"], rows()["image_features"])
    assert torch.equal(fetch(KEY, refuse)["image_features"], rows()["image_features"])


@pytest.mark.parametrize("part", list(KEY.parts))
def test_every_part_of_the_key_counts(part: str) -> None:
    assert Key(KEY.label, {**KEY.parts, part: "other"}).path() != KEY.path()


def test_a_failed_making_leaves_nothing(cache: Path) -> None:
    with pytest.raises(AssertionError):
        fetch(KEY, refuse)
    assert [path.suffix for path in KEY.path().parent.iterdir()] == [".lock"]
    assert torch.equal(fetch(KEY, rows)["image_features"], rows()["image_features"])


def test_the_tensors_are_a_memory_map() -> None:
    features = fetch(KEY, rows)["image_features"]
    maps = Path("/proc/self/maps").read_text()
    assert str(KEY.path()) in maps
    assert features.untyped_storage().nbytes() >= 48


def test_a_torn_file_says_what_to_do() -> None:
    fetch(KEY, rows)
    KEY.path().write_bytes(KEY.path().read_bytes()[:20])
    with pytest.raises(DataError, match="Delete the file"):
        fetch(KEY, refuse)


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VLSTUDY_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(DataError, match="VLSTUDY_CACHE"):
        fetch(KEY, rows)


def _race(log: str) -> None:
    def counted() -> dict[str, torch.Tensor]:
        with open(log, "a") as file:
            file.write(f"{os.getpid()}\n")
        return rows()

    fetch(KEY, counted)


def test_of_many_processes_one_makes_them(tmp_path: Path) -> None:
    log = tmp_path / "made"
    spawn = multiprocessing.get_context("spawn")
    racers = [spawn.Process(target=_race, args=(str(log),)) for _ in range(3)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(120)
    assert [racer.exitcode for racer in racers] == [0, 0, 0]
    assert len(log.read_text().splitlines()) == 1
