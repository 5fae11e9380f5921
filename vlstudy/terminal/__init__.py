"""What the verbs print, as tables that are as wide as the terminal, or 80 columns in a pipe."""

from rich.console import Console
from rich.table import Table
from rich.text import Text


def console() -> Console:
    """Standard output; what users wrote is never taken for markup."""
    return Console(highlight=False, markup=False, emoji=False)


def table(*titles: str, title: str = "") -> Table:
    """An empty table whose long cells break into lines."""
    drawn = Table(title=Text(title, style="bold") if title else None, title_justify="left", show_edge=False)
    for name in titles:
        drawn.add_column(Text(name), overflow="fold")
    return drawn


def cells(*values: str) -> list[Text]:
    """Cells in which brackets are brackets."""
    return [Text(value) for value in values]
