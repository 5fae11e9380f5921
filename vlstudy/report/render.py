"""The page: what the record says, poured into the template."""

import base64
import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report import formatting
from vlstudy.report.answer import answer, reservations
from vlstudy.report.figures import FIGURES, Figure, NotApplicable, Unavailable
from vlstudy.report.limits import limits
from vlstudy.report.published import published
from vlstudy.report.reading import VERDICTS, families, family
from vlstudy.report.style import PALETTE
from vlstudy.report.svg import drawn
from vlstudy.report.table import Table, table, trials, twin, winners

_HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A figure as the page shows it; where there is nothing to draw, the caption says why."""

    name: str
    title: str
    caption: str
    svg: Markup | None = None
    table: Table | None = None


def render(record: StudyRecord) -> str:
    """One HTML page that holds all it needs: styles, drawings, tables and the few lines that sort them."""
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    page: str = _template().render(
        header=record.header,
        text=record.text,
        objective=formatting.metric_name(record.header.objective),
        answers=answer(record),
        reservations=reservations(record),
        figures=[shown for name, figure in FIGURES.items() if (shown := _shown(name, figure, record))],
        published=published(record),
        arms=_arms(record),
        places={name: place % len(PALETTE) + 1 for place, name in enumerate(families(record))},
        winners=winners(record),
        trials=trials(record),
        counts=_counts(record),
        limits=limits(record),
        choices=list(dict.fromkeys(choice for arm in record.header.arms for choice in arm.choices)),
        provenance=_provenance(record),
        settings=formatting.settings,
        style=Markup((_HERE / "page.css").read_text(encoding="utf-8")),  # ours, and nothing is put into it
        script=Markup(script),
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return page


def write(record: StudyRecord, path: Path) -> Path:
    """The path, at which the whole page now stands; no crash leaves half a page there."""
    text = render(record)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        os.chmod(name, 0o644)  # mkstemp gives 0600, which hides the page from colleagues
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    return path


@cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"tied": _tied, "coded": _coded}
    return environment.get_template("template.html")


def _tied(text: str) -> str:
    """No line ends between a number and what belongs to it."""
    return re.sub(r"(?<=\d) (?=%|points\b)|(?<=\bn) (?== \d)|(?<=\bn =) (?=\d)", "\N{NO-BREAK SPACE}", text)


def _coded(text: str) -> Markup:
    """What stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # the tags are ours, all else is escaped


def _shown(name: str, figure: Figure, record: StudyRecord) -> Shown | None:
    """None for a figure that the study's question does not call for."""
    title = figure.title(record)
    try:
        frame = figure.numbers(record)
    except NotApplicable:
        return None
    except Unavailable as reason:
        return Shown(name=name, title=title, caption=str(reason))
    caption = figure.caption(record, frame)
    svg = Markup(drawn(name, f"Figure: {title}", lambda: figure.draw(record, frame)))  # escaped where it is drawn
    return Shown(name=name, title=title, caption=caption, svg=svg, table=twin(frame))


def _arms(record: StudyRecord) -> list[tuple[ArmHeader, list[str]]]:
    """The first arm of each family, which stands for all, and the conditions that it was asked in."""
    mine = [[arm for arm in record.header.arms if family(arm) == name] for name in families(record)]
    return [(own[0], [formatting.settings(arm.condition) for arm in own if arm.condition]) for own in mine]


def _counts(record: StudyRecord) -> str:
    verdicts = [trial.verdict for trial in record.trials]
    counts = {name: verdicts.count(name) for name in VERDICTS}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _provenance(record: StudyRecord) -> Table:
    header, varied = record.header, dict[str, dict[Any, None]]()
    for arm in header.arms:
        for name, value in arm.condition.items():
            varied.setdefault(name, {})[value] = None
    asked = {
        "study": header.study,
        "study digest": header.digest,
        "objective": f"{header.objective}, {header.direction}",
        "data asked for": formatting.settings({name: header.data[name] for name in header.data if name not in varied}),
        **{f"data varied, {name}": ", ".join(map(formatting.setting, values)) for name, values in varied.items()},
        "backbone asked for": formatting.settings(header.backbone),
        "search": formatting.settings(header.search),
        "pruner": formatting.settings(header.pruner),
        "confirmation": f"best {header.confirm_top} of each arm on seeds {', '.join(map(str, header.confirm_seeds))}",
    }
    rows = [{"what": name, "value": value} for name, value in (asked | dict(header.provenance)).items()]
    return table(("what", "value"), rows)
