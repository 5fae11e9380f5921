"""The verbs that change a study after its first launch."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vlstudy.cli.options import REPORTS, Reports, StudyOrFolder
from vlstudy.errors import VlstudyError

app = typer.Typer()


@app.command(epilog="Example: vlstudy extend studies/fma.yaml --trials +50 --widen train.lr=1e-5:1e-2")
def extend(
    study: StudyOrFolder,
    trials: Annotated[str, typer.Option(metavar="+N|N", help="More settings per arm: +50, or 74 in all.")] = "",
    minutes: Annotated[str, typer.Option(metavar="+N|N", help="More minutes of search: +30, or 40 in all.")] = "",
    widen: Annotated[
        list[str] | None, typer.Option(metavar="KNOB=LOW:HIGH", help="New ends of a range; KNOB=a,b joins a choice.")
    ] = None,
    arm: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A YAML file with an arm that joins the study.")
    ] = None,
    reports: Reports = REPORTS,
) -> None:
    """Ask for more in a study that was begun; finished trials stand. A launch that is running takes it up."""
    from vlstudy.study.reading.amending import Amendment
    from vlstudy.terminal.changes import pairs

    text = arm.read_text(encoding="utf-8") if arm else ""
    amendment = Amendment(
        trials=trials, minutes=minutes, widen=pairs("--widen", widen or []), arm=text, arm_path=str(arm or "")
    )
    if amendment == Amendment():
        raise VlstudyError("nothing to extend by. Give --trials, --minutes, --widen or --arm.")
    _change(study, reports, amendment)


@app.command(epilog="Example: vlstudy retry studies/fma.yaml --failed")
def retry(
    study: StudyOrFolder,
    failed: Annotated[bool, typer.Option("--failed", help="All failed trials, of --arm or of all arms.")] = False,
    trial: Annotated[list[int] | None, typer.Option(help="The number of a failed trial; may be repeated.")] = None,
    arm: Annotated[str, typer.Option(help="The arm whose trials are meant.")] = "",
    reports: Reports = REPORTS,
) -> None:
    """Try failed trials once more; the next launch trains them first."""
    from vlstudy.terminal.changes import show
    from vlstudy.terminal.studies import find
    from vlstudy.tuning.changing import retry as again

    if not failed and not trial:
        raise VlstudyError("which trials? --failed for all that failed, or --trial 17.")
    folder = find(study, reports)
    show(folder, again(folder, arm=arm, trials=trial or []))


@app.command(epilog="Example: vlstudy enqueue studies/fma.yaml --arm fma train.lr=1e-3 method.noise=0.5")
def enqueue(
    study: StudyOrFolder,
    values: Annotated[list[str], typer.Argument(metavar="KNOB=VALUE...", help="A setting; the rest is sampled.")],
    arm: Annotated[str, typer.Option(help="The arm that tries it.")],
    reports: Reports = REPORTS,
) -> None:
    """Let an arm try a setting next."""
    from vlstudy.study.reading.amending import Amendment
    from vlstudy.terminal.changes import pairs

    _change(study, reports, Amendment(points={arm: pairs("enqueue", values)}))


@app.command(epilog="Example: vlstudy drop studies/fma.yaml clip_adapter")
def drop(
    study: StudyOrFolder,
    arm: Annotated[str, typer.Argument(metavar="ARM", help="The arm that is no longer asked for.")],
    reports: Reports = REPORTS,
) -> None:
    """Take an arm out of a study; the journal keeps its trials, and `extend --arm` brings it back."""
    from vlstudy.study.reading.amending import Amendment

    _change(study, reports, Amendment(drop=arm))


@app.command(epilog="Example: vlstudy stop studies/fma.yaml")
def stop(study: StudyOrFolder, reports: Reports = REPORTS) -> None:
    """End the launch that is running, as Ctrl-C does there; every trial is kept where it is."""
    from vlstudy.terminal.studies import find
    from vlstudy.tuning.changing import stop as end

    print("asked to stop; `vlstudy status` shows when it has" if end(find(study, reports)) else "no launch is running")


@app.command(epilog="Example: vlstudy rerun studies/fma.yaml 17 --arm fma")
def rerun(
    study: StudyOrFolder,
    trial: Annotated[int, typer.Argument(metavar="TRIAL", help="The number of a trial.")],
    arm: Annotated[str, typer.Option(help="Needed if several arms have a trial of that number.")] = "",
    reports: Reports = REPORTS,
) -> None:
    """Train a trial again, here and without Ray, and show how far its numbers are from the journal's."""
    from vlstudy.terminal.studies import find
    from vlstudy.tuning.rerun import rerun as again

    worst = again(find(study, reports), trial, arm=arm)
    print(
        f"largest difference {worst.size:.3g}: {worst.name} at step {worst.step}, {worst.journal:.9g} in the journal,"
    )
    print(f"{worst.now:.9g} now")


def _change(study: Path, reports: Path, amendment: Any) -> None:
    """Carry out a change of a study and show what became of it."""
    from vlstudy.terminal.changes import show
    from vlstudy.terminal.studies import find
    from vlstudy.tuning.changing import change

    folder = find(study, reports)
    show(folder, change(folder, amendment))
