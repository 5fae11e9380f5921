"""What the terminal shows: the same counts from the journal and from the open ledger."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.tuning.fakes import searched, study
from tests.tuning.here import sitting, train
from vlstudy.journal import read
from vlstudy.study.spec import PrunerSpec
from vlstudy.tuning.launch import count
from vlstudy.tuning.progress import Board, Row, rows, table


def some(**changes: object) -> Row:
    plain = {"wanted": 4, "complete": 2, "running": 1, "pruned": 0, "failed": 0, "best": 0.5}
    return Row(**{"name": "a", **plain, "confirmed": 0, "confirm": 5, **changes})  # type: ignore[arg-type]


def printed(drawn: object, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(drawn)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_open_ledger_and_the_journal_count_alike(tmp_path: Path) -> None:
    pruner = PrunerSpec(name="asha", reduction=2, grace=0.2)
    spec = study(tmp_path, arms=(searched("a"), searched("bug")), trials=6, pruner=pruner)
    with sitting(spec, tmp_path) as (search, errand, ledger, _):
        for _ in range(9):
            train(search, errand, search.next())
        train(search, errand, search.next(), measurements=1)
        assert count(ledger) == rows(read(errand.folder))
        good, bad = count(ledger)
        assert good.done + good.running == 5 and good.complete and good.pruned and good.best > 0.5
        assert bad.failed and bad.best is None
        shown = printed(table(read(errand.folder)))
    assert f"{100 * good.best:.2f} %" in shown
    assert f"{good.done}/6" in shown


def test_a_name_is_not_markup() -> None:
    out = io.StringIO()
    with Board(lambda: [some(name="[red]x[/red]")], "val/accuracy", "fraction", Console(file=out, width=200)) as board:
        board.say("[bold]a reason[/bold]")
    assert "[red]x[/red] 2/4, best 50.00 %" in out.getvalue() and "[bold]a reason[/bold]" in out.getvalue()


def test_plain_lines_come_at_most_every_two_seconds_and_only_with_news(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("vlstudy.tuning.progress.time.monotonic", lambda: now)
    row, out = some(complete=0), io.StringIO()
    board = Board(lambda: [row], "val/accuracy", "fraction", Console(file=out, width=200))
    for second, complete in ((1.0, 0), (2.5, 0), (3.0, 1), (4.0, 1), (5.0, 1), (9.0, 1), (12.5, 2)):
        now, row = 100.0 + second, some(complete=complete)
        board.beat(1, 2)
    lines = out.getvalue().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "a 0/4, best 50.00 % (slots busy 1/2, 0:02 elapsed, time left not known yet)",
        "a 1/4, best 50.00 % (slots busy 1/2, 0:05 elapsed, about 0:08 left)",
        "a 2/4, best 50.00 % (slots busy 1/2, 0:12 elapsed, about 0:10 left)",
    ]


def test_plain_lines_tell_only_the_arms_with_news() -> None:
    counts, out = [0, 0], io.StringIO()
    both = lambda: [some(name=name, complete=count) for name, count in zip("ab", counts, strict=True)]  # noqa: E731
    board = Board(both, "val/accuracy", "fraction", Console(file=out, width=200))
    board.beat(1, 2, force=True)
    counts[1] = 1
    board.beat(1, 2, force=True)
    first, second = out.getvalue().splitlines()
    assert "a 0/4, best 50.00 %; b 0/4, best 50.00 %" in first
    assert "b 1/4" in second and "a 0/4" not in second


def test_the_time_left_of_the_confirmation_is_at_its_own_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.5
    monkeypatch.setattr("vlstudy.tuning.progress.time.monotonic", lambda: now)
    row, out = some(complete=3), io.StringIO()
    board = Board(lambda: [row, some(name="never", complete=0, failed=4, best=None)], "m", "nats", Console(file=out))
    for second, done, confirmed in ((10.0, 3, 0), (1000.0, 4, 0), (1010.0, 4, 2)):
        now = second
        row = some(complete=done, confirmed=confirmed)
        board.beat(0, 2)
    assert "about 0:15 left" in out.getvalue().replace("\n", " ").rsplit("elapsed", 1)[1]


def test_a_terminal_gets_one_table_that_is_kept_up_to_date() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    with Board(lambda: [some()], "val/accuracy", "fraction", console) as board:
        board.say("above the table")
        board.beat(1, 2, force=True)
    assert "above the table" in out.getvalue() and "best val/accuracy" in out.getvalue()


def test_status_needs_no_ray() -> None:
    code = "import vlstudy.tuning.progress, sys; assert not {'ray', 'torch', 'optuna'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
