"""What `vlstudy list` and `vlstudy status` print: studies on disk, read from their journals."""

import fcntl
import json
from difflib import get_close_matches
from pathlib import Path

from rich.padding import Padding
from rich.text import Text

from vlstudy import journal
from vlstudy.errors import JournalError, VlstudyError
from vlstudy.journal import StudyRecord
from vlstudy.journal.folder import HEADER, LOCK, folders, launched_from
from vlstudy.terminal import console
from vlstudy.tuning import progress


def find(study: Path, reports: Path) -> Path:
    """The folder of a study that is named by its folder or by its file.

    Raises:
        VlstudyError: there is no such folder or file, or the study was never launched.
    """
    if study.is_dir():
        return study
    if not study.is_file():
        raise VlstudyError(f"{study}: there is no such folder or study file. {_nearest(study, reports)}".rstrip())
    if same := launched_from(study.read_text(encoding="utf-8", errors="replace"), reports):
        return same
    from vlstudy.study.reading import read  # takes torch's time, and is needed only if the file changed since

    folder = journal.folder_of(read(study), reports)
    if not journal.exists(folder):
        raise VlstudyError(f"{study}: not launched yet, there is no {folder}. Start it with: vlstudy launch {study}")
    return folder


def show_status(record: StudyRecord) -> None:
    """Prints how far one study is."""
    out = console()
    out.print(Text(record.header.study, style="bold"), Text(record.header.question), sep=": ")
    out.print(f"{state(record)}, in ", end="")
    out.print(record.folder, soft_wrap=True)
    out.print(progress.table(record))


def show_list(reports: Path) -> None:
    """Prints every study under `reports`, oldest first."""
    begun = sorted(folders(reports), key=_begun)
    if not begun:
        console().print(f"No studies in {reports}. Start one with: vlstudy launch studies/fma.yaml", soft_wrap=True)
        return
    out = console()
    for folder in begun:
        out.print(Text(str(folder), style="bold"), soft_wrap=True)  # never broken, so that it can be copied
        try:
            record = journal.read(folder)
        except (JournalError, OSError) as error:  # one folder that cannot be read does not hide the others
            out.print(Padding(Text(f"damaged: {error}"), (0, 0, 0, 2)))
        else:
            facts = f"{state(record)}, {_trials(record)} trials, {_confirmed(record)} confirmed, {_best(record)}"
            out.print(Padding(Text(f"{record.header.study}: {record.header.question}\n{facts}"), (0, 0, 0, 2)))


def state(record: StudyRecord) -> str:
    """`running` while a driver holds the folder; else `finished`, or `stopped` if a launch would go on."""
    if _held(Path(record.folder)):
        return "running"
    rows = progress.rows(record)
    searched = record.ended is not None or (all(row.done >= row.wanted for row in rows) and not record.queued)
    left = any(row.running or row.confirmed < _confirmable(record, row.name) for row in rows)
    return "finished" if searched and not left else "stopped"


def _confirmable(record: StudyRecord, arm: str) -> int:
    """Confirmations that an arm will have: it may have fewer complete settings than were asked for."""
    complete = [trial for trial in record.trials if trial.arm == arm and trial.verdict == "complete"]
    settings = {json.dumps(trial.settings, sort_keys=True) for trial in complete}
    return min(record.header.confirm_top, len(settings)) * len(record.header.confirm_seeds)


def _held(folder: Path) -> bool:
    """Whether a living process holds the folder's lock."""
    try:
        with open(folder / LOCK, encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _trials(record: StudyRecord) -> str:
    rows = progress.rows(record)
    return f"{sum(row.done for row in rows)}/{sum(row.wanted for row in rows)}"


def _confirmed(record: StudyRecord) -> str:
    rows = progress.rows(record)
    return f"{sum(row.confirmed for row in rows)}/{sum(row.confirm for row in rows)}"


def _best(record: StudyRecord) -> str:
    """The best arm on validation."""
    rows = [row for row in progress.rows(record) if row.best is not None]
    if not rows:
        return "none complete"
    best = (max if record.header.direction == "maximize" else min)(rows, key=lambda row: row.best or 0.0)
    return f"best {best.name} {progress.shown(best.best or 0.0, record.header.unit)}"


def _begun(folder: Path) -> float:
    return (folder / HEADER).stat().st_mtime


def _nearest(study: Path, reports: Path) -> str:
    siblings = study.parent.glob("*.y*ml") if study.parent.is_dir() else []
    known = [str(path) for path in (*siblings, *folders(reports))]
    near = get_close_matches(str(study), known, n=1, cutoff=0.5)
    return f"Did you mean `{near[0]}`?" if near else "`vlstudy list` shows the studies on disk."
