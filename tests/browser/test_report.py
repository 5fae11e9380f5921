"""The report in a browser: narrow, dark, sorted, printed, and silent on the network."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.browser.chromium import ask, needed, seen
from tests.report import tasks
from tests.report.records import full
from tests.report.test_render import HOSTILE, named
from vlstudy.journal import StudyRecord
from vlstudy.report import render

pytestmark = [pytest.mark.browser, needed]

OPENED = "[...document.querySelectorAll('details')].map((item) => item.open = true) && "
HEAD = "[...document.querySelectorAll('#trials th')].find((head) => head.textContent.trim() === '{}')"
COLUMN = "[...document.querySelectorAll('#trials tbody tr')].map((row) => row.cells[{}].textContent)"


@pytest.fixture(scope="module")
def page() -> str:
    return render(full())


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_sticks_out_sideways(page: str, width: int, tmp_path: Path) -> None:
    widths = ask(page, f"{OPENED} [innerWidth, document.documentElement.scrollWidth]", tmp_path, width=width)
    assert widths == [width, width]


def test_a_long_name_does_not_stick_out_either(tmp_path: Path) -> None:
    widths = ask(render(named("n" * 300)), f"{OPENED} document.documentElement.scrollWidth", tmp_path, width=360)
    assert widths == 360


def test_figures_can_be_read_on_a_phone(page: str, tmp_path: Path) -> None:
    size = (
        "parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getBoundingClientRect().width"
        " / text.ownerSVGElement.viewBox.baseVal.width"
    )
    sizes = ask(page, f"[...document.querySelectorAll('svg text')].map((text) => {size})", tmp_path, width=360)
    assert len(sizes) > 80 and min(sizes) >= 9.5


def test_figures_are_written_in_the_pages_font(page: str, tmp_path: Path) -> None:
    fonts = "['body', 'svg text'].map((name) => getComputedStyle(document.querySelector(name)).fontFamily)"
    body, text = ask(page, fonts, tmp_path)
    assert body == text and "system-ui" in body


def test_a_click_sorts_by_number_and_another_turns_it_round(page: str, tmp_path: Path) -> None:
    click = f"(() => {{ const head = {HEAD.format('train.lr')}; const place = head.cellIndex; const found = [];"
    click += "for (const turn of [1, 2]) { head.querySelector('button').click();"
    click += f"found.push([head.getAttribute('aria-sort'), {COLUMN.format('place')}]); }} return found; }})()"
    (first, up), (second, down) = ask(page, click, tmp_path)
    assert (first, second) == ("ascending", "descending")
    numbers = [float(text) for text in up if text]
    assert numbers == sorted(numbers) and len(numbers) == 72
    assert up[-1] == down[-1] == ""  # the arm without the knob stays last
    assert [float(text) for text in down if text] == sorted(numbers, reverse=True)


def test_words_are_sorted_too(page: str, tmp_path: Path) -> None:
    click = f"{HEAD.format('verdict')}.querySelector('button').click() || {COLUMN.format(2)}"
    words = ask(page, click, tmp_path)
    assert words == sorted(words) and words[0] == "complete"


def test_it_is_dark_where_the_reader_prefers_dark(page: str, tmp_path: Path) -> None:
    colours = (
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color,"
        " getComputedStyle(document.querySelector('svg text')).fill]"
    )
    light, dark = ask(page, colours, tmp_path), ask(page, colours, tmp_path, dark=True)
    assert light == ["rgb(255, 255, 255)", "rgb(27, 32, 39)", "rgb(27, 32, 39)"]
    assert dark == ["rgb(21, 24, 28)", "rgb(231, 233, 236)", "rgb(231, 233, 236)"]


def test_printing_opens_every_table(page: str, tmp_path: Path) -> None:
    states = (
        "dispatchEvent(new Event('beforeprint')) && [...document.querySelectorAll('details')].map((item) => item.open)"
    )
    opened = ask(page, states, tmp_path)
    assert len(opened) == 6 and all(opened)


@pytest.mark.parametrize("name", HOSTILE[:4])
def test_it_asks_nothing_of_the_network_and_runs_nothing_of_a_name(name: str, tmp_path: Path) -> None:
    expression = "[performance.getEntriesByType('resource').length, document.scripts.length, document.images.length]"
    assert ask(render(named(name)), expression, tmp_path) == [0, 2, 0]


@pytest.mark.parametrize("dark", [False, True])
def test_pictures_are_painted_under_the_pages_own_policy(dark: bool, tmp_path: Path) -> None:
    record = tasks.looked_at(tmp_path)
    arrays = tasks.pictures(1)
    tasks.leave(tmp_path, "finetune", arrays | {"pictures": np.full_like(arrays["pictures"], [255, 0, 255])})
    tasks.leave(tmp_path, "alignclip", {})
    page = render(record)
    magenta = [
        int(np.all(np.abs(seen(text, tmp_path, height=2000, dark=dark).astype(int) - [255, 0, 255]) < 8, axis=-1).sum())
        for text in (page, page.replace("; img-src data:", ""))
    ]
    assert magenta[0] > 6 * 2000 and magenta[1] == 0  # the policy is what lets them in


@pytest.mark.parametrize("record", [tasks.by_shots, tasks.base_to_new, tasks.left_out, tasks.stacked])
def test_figures_of_the_tasks_fit_and_can_be_read_on_a_phone(record: Callable[[], StudyRecord], tmp_path: Path) -> None:
    size = (
        "parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getBoundingClientRect().width"
        " / text.ownerSVGElement.viewBox.baseVal.width"
    )
    sizes = f"[...document.querySelectorAll('svg text')].map((text) => {size})"
    widths, found = ask(
        render(record()), f"{OPENED} [document.documentElement.scrollWidth, {sizes}]", tmp_path, width=360
    )
    assert widths == 360 and len(found) > 20 and min(found) >= 9.5


def test_no_text_of_a_figure_is_cut_off(tmp_path: Path) -> None:
    outside = (
        "[...document.querySelectorAll('figure svg text')].filter((text) => { const box = text.getBoundingClientRect();"
        "const all = text.ownerSVGElement.getBoundingClientRect(); return box.width && (box.left < all.left - 12"
        " || box.right > all.right + 12 || box.top < all.top - 2 || box.bottom > all.bottom + 2); })"
        ".map((text) => text.textContent)"
    )
    folder = tmp_path / "crowd"
    assert ask(render(tasks.crowd(folder)), outside, tmp_path) == []
