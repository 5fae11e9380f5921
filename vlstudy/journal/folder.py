"""A study's folder: its name, its files, its header."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from vlstudy.errors import JournalError
from vlstudy.journal.records import ArmHeader, Change, Header, Objective

HEADER, STUDY, JOURNAL, LOCK = "study.json", "study.yaml", "journal.log", "driver.lock"
TRIALS, EVIDENCE = "trials", "evidence"


class Named(Protocol):
    """What gives a study its folder: its name and the digest of its content."""

    @property
    def study(self) -> str:
        """The name, any text."""

    @property
    def digest(self) -> str:
        """64 hex digits."""


def slug(name: str) -> str:
    """The name as one harmless path segment of at most 60 characters.

    >>> slug("../a b"), slug("..."), slug("fma")
    ('_a_b', 'study', 'fma')
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".")[:60] or "study"


def folder_of(spec: Named, reports: Path) -> Path:
    """`reports/<slug>-<digest8>`: the same spec always finds the same folder."""
    return reports / f"{slug(spec.study)}-{spec.digest[:8]}"


def folders(reports: Path) -> list[Path]:
    """The folders of studies under `reports`."""
    return sorted(path for path in reports.iterdir() if exists(path)) if reports.is_dir() else []


def text_digest(text: str) -> str:
    """sha256 of a study file's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def launched_from(text: str, reports: Path) -> Path | None:
    """The folder that this very text was launched or extended from, the latest of several."""
    digest = text_digest(text)
    found = [folder for folder in folders(reports) if digest in _texts(folder)]
    return max(found, key=lambda folder: (folder / HEADER).stat().st_mtime, default=None)


def exists(folder: Path) -> bool:
    """Whether a study was begun in this folder."""
    return (folder / HEADER).is_file()


def checkpoint_of(folder: Path, arm: str, name: str) -> Path:
    """The checkpoint file of one training of an arm; arms whose slugs are equal do not share it."""
    return folder / TRIALS / f"{_segment(arm)}-{name}.pt"


def evidence_of(folder: Path, arm: str) -> Path:
    """The file of the arrays that an arm's first confirmation left."""
    return folder / EVIDENCE / f"{_segment(arm)}.npz"


def write_header(folder: Path, header: Header, text: str) -> None:
    """Puts `study.yaml` and then `study.json` into the folder, each whole or not at all."""
    (folder / TRIALS).mkdir(parents=True, exist_ok=True)
    write(folder / STUDY, text.encode())
    write(folder / HEADER, json.dumps(asdict(header), indent=1).encode())


def read_header(folder: Path) -> Header:
    """The header of the study in `folder`.

    Raises:
        JournalError: there is none, or it was not written by this version of vlstudy.
    """
    try:
        value = json.loads((folder / HEADER).read_text(encoding="utf-8"))
        lists = {name: tuple(value.get(name, ())) for name in ("confirm_seeds", "digests", "texts")}
        lists |= {"arms": tuple(_arm_from_json(arm) for arm in value["arms"])}
        lists |= {"others": tuple(Objective(**other) for other in value.get("others", ()))}
        lists |= {"changes": tuple(Change(**change) for change in value.get("changes", ()))}
        return Header(**{**value, **lists})
    except FileNotFoundError as error:
        raise JournalError(f"{folder} holds no study: there is no {HEADER}. `vlstudy launch` makes one.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise JournalError(f"{folder / HEADER} cannot be read ({error}). Move it away to start anew.") from error


def write(path: Path, content: bytes) -> None:
    """Puts a file there that is durable before it gets its name, so that no crash leaves half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(name, 0o644)  # mkstemp gives 0600, which hides a shared folder's study from colleagues
    os.replace(name, path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _texts(folder: Path) -> tuple[str, ...]:
    """Digests of the texts that a folder knows; () if it cannot be read."""
    try:
        kept = text_digest((folder / STUDY).read_text(encoding="utf-8"))
        return (*read_header(folder).texts, kept)
    except (OSError, ValueError, JournalError):
        return ()


def _arm_from_json(value: Mapping[str, Any]) -> ArmHeader:
    axes = {name: tuple(values) for name, values in value["axes"].items()}
    return ArmHeader(**{**value, "axes": axes, "choices": tuple(value["choices"])})


def _segment(arm: str) -> str:
    """The arm as a path segment of its own: arms whose slugs are equal differ in it."""
    return f"{slug(arm)}-{hashlib.sha256(arm.encode()).hexdigest()[:6]}"
