"""What `vlstudy doctor` prints: what a launch needs, and what to do where it is not there."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from vlstudy.doctor import Finding, examine
from vlstudy.terminal import console, table

_STYLES = {"ok": "green", "warning": "yellow", "wrong": "bold red"}


def show(study: Path | None, reports: Path, address: str | None) -> bool:
    """Looks at everything and prints a table; True if nothing is wrong."""
    out = console()
    with out.status("looking at packages, devices, folders ..."):
        findings = list(examine(study, reports, address))
    return draw(findings, out)


def draw(findings: Sequence[Finding], out: Console) -> bool:
    """Prints a table; True if nothing is wrong."""
    drawn = table("check", "", "found")
    drawn.columns[0].max_width, drawn.columns[1].no_wrap = 20, True
    for one in findings:
        said = Text(one.found)
        if one.way_out:
            said.append(f"\n-> {one.way_out}", style="italic")
        drawn.add_row(Text(one.check), Text(one.state, style=_STYLES[one.state]), said)
    out.print(drawn)
    counts = {state: sum(one.state == state for one in findings) for state in ("wrong", "warning")}
    if not any(counts.values()):
        out.print(f"all {len(findings)} are well")
    else:
        warnings = "1 warning" if counts["warning"] == 1 else f"{counts['warning']} warnings"
        out.print(f"{counts['wrong']} wrong, {warnings}, of {len(findings)} checks")
    return not counts["wrong"]
