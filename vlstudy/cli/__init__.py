"""The verbs of `vlstudy`; each imports what it needs when it is asked, so that `--help` is quick."""

import errno
import sys
from pathlib import Path
from typing import Annotated

import typer

from vlstudy.cli import changing
from vlstudy.cli.options import REPORTS, Reports, StudyFile, StudyOrFolder
from vlstudy.errors import VlstudyError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a bug shows Python's own traceback
    help="Studies of vision-language alignment: one YAML question in, one HTML answer out.",
)

_PLACES = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EEXIST}


@app.command(epilog="Example: vlstudy plan studies/fma.yaml --measure")
def plan(
    study: StudyFile,
    measure: Annotated[
        bool, typer.Option("--measure", help="Train a few steps of each arm; show hours, money, memory and disk.")
    ] = False,
    reports: Reports = REPORTS,
) -> None:
    """Show what a launch would do: arms, knobs, trials, steps, data. Nothing is written into the study."""
    from vlstudy.study.reading import read
    from vlstudy.terminal.plan import show

    spec = read(study)
    show(spec, reports)
    if measure:
        from vlstudy.terminal.costs import show as show_costs

        raise typer.Exit(0 if show_costs(spec, reports) else 1)


@app.command(epilog="Example: vlstudy doctor studies/fma.yaml")
def doctor(
    study: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER|STUDY]", help="A study that will be launched; without: none.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(metavar="auto|HOST:PORT", help="A running Ray cluster, whose nodes are visited.")
    ] = None,
    reports: Reports = REPORTS,
) -> None:
    """Check what a launch needs: packages, GPUs, folders, data, weights, cluster. Exit code 1: something is wrong."""
    from vlstudy.terminal.doctor import show

    raise typer.Exit(0 if show(study, reports, address) else 1)


@app.command(epilog="Example: vlstudy launch studies/fma.yaml. The same command goes on after an interruption.")
def launch(
    study: StudyOrFolder,
    address: Annotated[
        str | None, typer.Option(metavar="auto|HOST:PORT", help="A running Ray cluster; without it: this machine.")
    ] = None,
    reports: Reports = REPORTS,
    extend: Annotated[
        bool, typer.Option("--extend", help="The file changed: go on with the study, if finished trials still count.")
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="The file changed: begin another study beside the first one.")
    ] = False,
) -> None:
    """Search, confirm and write the report, or go on where an earlier launch stopped."""
    if study.is_dir():
        from vlstudy.tuning.begun import kept

        spec, reports = kept(study), study.parent
    else:
        from vlstudy.study.reading import read

        spec = read(study)  # before Ray and Optuna, so that a slip of the pen is told at once
    from vlstudy.tuning.launch import launch as run

    try:
        folder = run(spec, reports=reports, address=address, extend=extend, anew=anew)
    except KeyboardInterrupt:  # `run` has said how to go on
        raise typer.Exit(130) from None
    _write_report(folder, None, answered=True)


@app.command(epilog="Example: vlstudy status studies/fma.yaml")
def status(study: StudyOrFolder, reports: Reports = REPORTS) -> None:
    """Show how far a study is, also while it runs."""
    from vlstudy import journal
    from vlstudy.terminal.studies import find, show_status

    show_status(journal.read(find(study, reports)))


@app.command(epilog="Example: vlstudy report studies/fma.yaml --out fma.html")
def report(
    study: StudyOrFolder,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="The HTML file; by default report.html in the folder.")
    ] = None,
    reports: Reports = REPORTS,
) -> None:
    """Build the report from the journal again; trains nothing."""
    from vlstudy.terminal.studies import find

    _write_report(find(study, reports), out)


@app.command(epilog="Example: vlstudy dashboard studies/fma.yaml --port 8080")
def dashboard(
    study: StudyOrFolder,
    port: Annotated[int, typer.Option(help="Where the pages are served; 0 takes a free one.")] = 8080,
    host: Annotated[str, typer.Option(help="0.0.0.0 shows them to other machines too.")] = "127.0.0.1",
    reports: Reports = REPORTS,
) -> None:
    """Open a study in optuna-dashboard, on a copy of its journal, so that a viewer can never harm a run."""
    from vlstudy.terminal.dashboard import serve
    from vlstudy.terminal.studies import find

    serve(find(study, reports), host=host, port=port)


@app.command(name="list", epilog="Example: vlstudy list --reports /data/reports")
def list_studies(reports: Reports = REPORTS) -> None:
    """Show the studies on disk: question, state, trials, best value, folder."""
    from vlstudy.terminal.studies import show_list

    show_list(reports)


@app.command(epilog="Example: vlstudy methods fma")
def methods(
    name: Annotated[
        str | None, typer.Argument(help="One method, schedule, metric or source, `train` or `study`; without: all.")
    ] = None,
) -> None:
    """Show what a study file may name and set: knobs, defaults and ranges."""
    from vlstudy.terminal.catalogue import show

    show(name)


app.add_typer(changing.app)
data_app = typer.Typer(no_args_is_help=True, help="Look at the data that studies read.")
app.add_typer(data_app, name="data")


@data_app.command(epilog="Example: vlstudy data check coop --root /data --dataset dtd")
def check(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="coop, folder, domains, flickr8k or coco.")],
    root: Annotated[Path, typer.Option(help="The folder that the data is in.")],
    dataset: Annotated[
        str | None, typer.Option(help="coop: one of its eleven sets, without: all; domains: the published set.")
    ] = None,
) -> None:
    """Count classes, images and splits; tell what is missing and where it is to be had (then the exit code is 1)."""
    from vlstudy.data.checking import check as look

    found = look(source, root, dataset=dataset)
    for line in found.lines:
        print(line)
    raise typer.Exit(0 if found.complete else 1)


def main() -> None:
    """Run the verb of the command line; a user's mistake prints no traceback and exits 2."""
    try:
        app()
    except VlstudyError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.errno not in _PLACES:  # only what is wrong with a place is the user's to mend
            raise
        place = error.filename or "a file could not be written"
        print(f"{place}: {error.strerror}. Other places: --reports, --out, VLSTUDY_CACHE.", file=sys.stderr)
        sys.exit(2)


def _write_report(folder: Path, out: Path | None, *, answered: bool = False) -> None:
    """Print where the report is, on a line of its own, after the answer if that is asked for."""
    from vlstudy import journal
    from vlstudy.report.answer import answer
    from vlstudy.report.render import write
    from vlstudy.terminal import console

    record = journal.read(folder)
    path = write(record, out or folder / "report.html")
    for sentence in answer(record) if answered else ():
        console().print(f"{sentence.verdict}: {sentence.text}")
    print(path)
