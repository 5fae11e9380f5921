"""From a YAML file to a study, or to all its problems at once."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from vlstudy.errors import Problem, StudyError, VlstudyError
from vlstudy.study.reading.amending import reread
from vlstudy.study.reading.document import document
from vlstudy.study.reading.place import Faults, Place
from vlstudy.study.reading.text import compose, problem_after, too_large
from vlstudy.study.spec import StudySpec


def read(path: Path | str) -> StudySpec:
    """The study that the file at `path` asks for; its data is not opened.

    Raises:
        StudyError: the file has problems; all of them, each with its line.
        VlstudyError: there is no such file, or it cannot be opened.
    """
    path = Path(path)
    text = _text(path)
    root = Place(compose(text, str(path)), "", Faults())
    if too_large(root.node):
        message = "the aliases of this file make more values than a study can have. Write them out."
        raise StudyError(str(path), [Problem(line=1, column=1, where="", message=message)])
    root.check()
    spec = document(root, path=path, text=text)
    if root.faults.problems:
        raise StudyError(str(path), root.faults.problems)
    return spec


def parse(study: Mapping[str, Any] | str) -> StudySpec:
    """The study that a text asks for, or a mapping of what the text would hold; relative paths start where one stands.

    Raises:
        StudyError: as `read`.
    """
    text = study if isinstance(study, str) else yaml.safe_dump(dict(study), sort_keys=False, allow_unicode=True)
    return reread(text, Path("study.yaml"))


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise VlstudyError(f"{path}: there is no such file. {_nearest(path)}".rstrip()) from None
    except IsADirectoryError:
        raise VlstudyError(f"{path}: this is a folder. {_nearest(path / 'study file')}".rstrip()) from None
    except OSError as error:
        raise VlstudyError(f"{path}: cannot be read ({error.strerror}).") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
        problem = problem_after(before, f"the byte 0x{content[error.start]:02X} is not UTF-8 and")
        raise StudyError(str(path), [problem]) from None


def _nearest(path: Path) -> str:
    """The way out: a study file of nearly that name, or those that there are."""
    try:
        names = sorted(item.name for item in path.parent.iterdir() if item.suffix in (".yaml", ".yml"))
    except OSError:
        return f"The folder {path.parent} is not there either."
    near = get_close_matches(path.name, names, n=1, cutoff=0.6)
    if near:
        return f"Did you mean `{path.parent / near[0]}`?"
    return f"Study files there: {', '.join(names)}." if names else ""


__all__ = ["parse", "read"]
