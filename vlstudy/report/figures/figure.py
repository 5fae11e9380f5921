"""What every figure of the report offers: its numbers first, then a drawing of nothing but them."""

from typing import Protocol

import pandas as pd
from matplotlib.figure import Figure as Canvas

from vlstudy.journal import StudyRecord


class Unavailable(Exception):
    """A figure that cannot be drawn from this record; its message is the sentence that stands in its place."""


class NotApplicable(Unavailable):
    """A figure that this study's question does not call for; the page leaves it out, heading and all."""


class Figure(Protocol):
    """A module of this folder; the page knows nothing else of a figure."""

    def title(self, record: StudyRecord) -> str:
        """Its heading, in plain text; it stands there even where the figure is unavailable."""

    def numbers(self, record: StudyRecord) -> pd.DataFrame:
        """The table twin, in the unit that is shown.

        Raises:
            Unavailable: there is nothing to draw yet.
            NotApplicable: there never will be, in this study.
        """

    def caption(self, record: StudyRecord, frame: pd.DataFrame) -> str:
        """What to see, in plain text."""

    def draw(self, record: StudyRecord, frame: pd.DataFrame) -> Canvas:
        """The drawing of `frame`; the record gives names and looks, no numbers."""
