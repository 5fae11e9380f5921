"""A study that was begun before: its folder, what is asked in it now, and how that is changed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from vlstudy.errors import JournalError, StudyChanged
from vlstudy.journal import Header, exists, folder_of
from vlstudy.journal.folder import HEADER, STUDY, folders, launched_from, read_header, text_digest, write_header
from vlstudy.journal.records import Change
from vlstudy.study.comparable import objections
from vlstudy.study.reading.amending import reread
from vlstudy.study.reading.differences import differences
from vlstudy.study.spec import StudySpec
from vlstudy.tuning.work import Work

_LATEST = ("confirm seeds", "resources of a trial")  # provenance that follows what is asked now


def where(spec: StudySpec, reports: Path, *, anew: bool) -> Path:
    """The folder that a launch of this spec is for: its own, one that was extended from it, or one of its name."""
    own = folder_of(spec, reports)
    if exists(own) or anew:
        return own
    if same := launched_from(spec.text, reports):
        return same
    begun = {folder: _header(folder) for folder in folders(reports)}
    asked = [folder for folder, header in begun.items() if header and spec.digest in header.digests]
    named = [folder for folder, header in begun.items() if header and header.study == spec.study]
    return max(asked or named, key=lambda folder: (folder / HEADER).stat().st_mtime, default=own)


def in_effect(spec: StudySpec, folder: Path, work: Work, *, extend: bool) -> StudySpec:
    """What is asked in a folder when this spec is launched there; the caller holds the folder's lock.

    The file's own words, unless the study was changed since by commands, which then stand.

    Raises:
        StudyChanged: the file asks for something else, and `extend` does not make it one study.
    """
    if not exists(folder):
        return spec
    header, text = read_header(folder), _text(folder)
    if spec.text != text and text_digest(spec.text) in header.texts:
        return _whole(folder, header, work)
    if spec.digest == header.digest:
        if spec.text != text:  # other comments, minutes or machines
            renew(folder, header, spec, work, ())
        return spec
    if spec.text == text:
        raise JournalError(
            f"{folder} holds another study ({header.study}, {header.digest[:16]}), or this version of vlstudy reads "
            "the file differently. Launch it with --anew, or move the folder away."
        )
    changed = differences(text, spec.text)
    old = _whole(folder, header, work)
    why = objections(old, spec)
    if not extend or why:
        raise StudyChanged(_refusal(spec, folder, changed, why, extend), changed)
    renew(folder, header, spec, work, changed)
    return spec


def kept(folder: Path) -> StudySpec:
    """What the text in a folder asks; nothing is written."""
    header = read_header(folder)
    return reread(_text(folder), Path(header.origin or header.provenance.get("study file", STUDY)))


def of_folder(folder: Path, work: Work) -> StudySpec:
    """What is asked in a folder now; the caller holds its lock."""
    return _whole(folder, read_header(folder), work)


def renew(folder: Path, header: Header, spec: StudySpec, work: Work, what: Sequence[str], *, dropped: str = "") -> None:
    """Writes that the folder's study asks for `spec` from now on, with what changed in words."""
    fresh, now = work.header(spec, {}), datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    latest = {name: fresh.provenance[name] for name in _LATEST if name in fresh.provenance}
    write_header(
        folder,
        replace(
            fresh,
            provenance={**header.provenance, **latest},
            digests=tuple(dict.fromkeys((*header.digests, header.digest, spec.digest))),
            texts=tuple(dict.fromkeys((*header.texts, text_digest(_text(folder)), text_digest(spec.text)))),
            origin=header.origin,
            dropped=header.dropped,
            changes=(*header.changes, *(Change(when=now, what=line) for line in what)),
        ),
        spec.text,
    )


def _whole(folder: Path, header: Header, work: Work) -> StudySpec:
    """The spec of the folder's text; a change that a crash left half written is completed."""
    spec = kept(folder)
    if spec.digest != header.digest:
        renew(folder, header, spec, work, ["an interrupted change was completed"])
    return spec


def _refusal(spec: StudySpec, folder: Path, changed: Sequence[str], why: Sequence[str], extend: bool) -> str:
    lines = [f"{spec.path} asks for something else than {folder} does, which was launched under the same name:"]
    lines += [f"  {line}" for line in changed] or ["  (the same text; this version of vlstudy reads it differently)"]
    if why:
        lines += ["It cannot go on with these changes, because finished trials would not be comparable:"]
        lines += [f"  {line}" for line in why]
    else:
        lines += [f"To go on there with these changes: vlstudy launch {spec.path} --extend"]
    lines += [f"To begin another study beside it:       vlstudy launch {spec.path} --anew"]
    return "\n".join(lines)


def _header(folder: Path) -> Header | None:
    try:
        return read_header(folder)
    except JournalError:  # one that cannot be read is not this study's
        return None


def _text(folder: Path) -> str:
    return (folder / STUDY).read_text(encoding="utf-8")
