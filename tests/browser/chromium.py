"""A page as Chromium sees it."""

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from numpy.typing import NDArray

EXECUTABLE = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needed = pytest.mark.skipif(EXECUTABLE is None, reason="no Chromium is installed")


def ask(page: str, expression: str, folder: Path, *, width: int = 1200, dark: bool = False) -> Any:
    """The JSON value of a JavaScript expression in the page, under the page's own content security policy.

    Args:
        page: the HTML.
        expression: evaluated when the page has loaded.
        folder: for the copy and the browser's profile.
        width: of the page in CSS pixels.
        dark: whether the reader prefers dark.
    """
    script = f"parent.document.body.dataset.answer = JSON.stringify({expression});"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    copy = page.replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    copy = html.escape(copy.replace("</body>", f"<script>{script}</script></body>"))
    path = folder / "frame.html"  # no window is narrower than 500 pixels, a frame may be
    path.write_text(f'<body><iframe style="width: {width}px; border: 0" srcdoc="{copy}"></iframe></body>', "utf-8")
    dom = _run("--dump-dom", path, dark=dark)
    found = re.search(r'data-answer="([^"]*)"', dom)
    assert found, "the script did not run"
    return json.loads(html.unescape(found[1]))


def seen(page: str, folder: Path, *, height: int, dark: bool = False) -> NDArray[np.uint8]:
    """The page from its top to `height` CSS pixels as it is painted, [height 1000 3]."""
    path, picture = folder / "page.html", folder / "page.png"
    path.write_text(page, "utf-8")
    _run(f"--window-size=1000,{height}", path, f"--screenshot={picture}", dark=dark)
    return (255 * imread(picture)[..., :3]).astype(np.uint8)


def _run(flag: str, path: Path, *more: str, dark: bool) -> str:
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --hide-scrollbars"
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    profile = f"--user-data-dir={path.parent / 'profile'}"
    command = [str(EXECUTABLE), *flags.split(), profile, scheme, flag, *more, path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=True).stdout
