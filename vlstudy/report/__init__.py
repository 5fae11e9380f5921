"""From what a journal says to one HTML page."""

from vlstudy.report.render import render, write

__all__ = ["render", "write"]
