"""What a user asks of a driver that is running: files in the study's folder, taken up at its next look."""

import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlstudy.journal.folder import write

INBOX = "inbox"


def post(folder: Path, request: Mapping[str, Any]) -> Path:
    """The file of a request, whole or not there at all."""
    (folder / INBOX).mkdir(exist_ok=True)
    names = [int(path.stem.split("-")[0]) for path in waiting(folder)]
    path = folder / INBOX / f"{max(names, default=0) + 1:06d}-{uuid.uuid4().hex[:8]}.json"
    write(path, json.dumps(request).encode())
    return path


def waiting(folder: Path) -> list[Path]:
    """The requests that nobody took up yet, in the order of their asking."""
    return sorted((folder / INBOX).glob("[0-9]*.json")) if (folder / INBOX).is_dir() else []


def read_request(path: Path) -> dict[str, Any]:
    """What is asked."""
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def done(path: Path) -> None:
    """The request is carried out, or refused."""
    os.unlink(path)
