"""Drawings as inline SVG: no fixed colours, no identifiers shared between two figures of a page."""

import html
import io
import re
import warnings
from collections.abc import Callable

from matplotlib.figure import Figure

from vlstudy.report.style import VARIABLES, theme

_NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}


def drawn(name: str, label: str, draw: Callable[[], Figure]) -> str:
    """What `draw` draws, as an `<svg>` element that is safe inside HTML; equal drawings give equal text.

    Args:
        name: goes in front of every identifier; plain letters.
        label: what a screen reader says.
        draw: called within the theme.
    """
    with theme(name), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # measured with one font, shown with another
        file = io.StringIO()
        draw().savefig(file, format="svg", metadata=_NO_METADATA, transparent=True)
    return _inlined(file.getvalue(), name, label)


def _inlined(text: str, name: str, label: str) -> str:
    """From `<svg` on, with identifiers and colours exchanged inside tags only, never in a text."""
    text = re.sub(r"<style.*?</style>|<metadata.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"<(?!/)[^>]*>", lambda tag: _tag(tag.group(), name), text)
    text = text.replace("<svg ", f'<svg role="img" aria-label="{html.escape(label)}" ', 1).strip()
    return _numbered(text, name)


def _numbered(text: str, name: str) -> str:
    """Hashed identifiers by the order in which they come.

    Matplotlib hashes all digits of a clip's corners, of which the layout's solver leaves the last ones to chance.
    """
    known: dict[str, str] = {}

    def number(found: re.Match[str]) -> str:
        return found[1] + known.setdefault(found[2], f"{name}-h{len(known) + 1}")

    return re.sub(rf'(id="|url\(#|href="#)({name}-[a-z][0-9a-f]{{8,}})(?=[")])', number, text)


def _tag(tag: str, name: str) -> str:
    tag = re.sub(r' (?:width|height)="[\d.]+pt"| xmlns(?::\w+)?="[^"]*"', "", tag)
    tag = re.sub(r' id="', f' id="{name}-', tag)
    tag = tag.replace(" xlink:href=", " href=")
    tag = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", tag)
    for colour, variable in VARIABLES.items():
        tag = tag.replace(colour, f"var({variable})")
    return tag
