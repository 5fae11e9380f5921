"""The page: complete, self-contained, deterministic, and unharmed by any name."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.report import tasks
from tests.report.records import LR, arm_header, confirm, full, header, small, trial
from vlstudy.journal import StudyRecord
from vlstudy.report import render, write
from vlstudy.report.figures import FIGURES

# what a study of few-shot features calls for, in the order of the page
SHOWN = ("comparison", "inference_axes", "best_so_far", "learning_curves", "importance")
HOSTILE = (
    "<script>alert(1)</script>",
    "a/../../b",
    "\"'&",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "$\\frac{1$",
)


class Page(HTMLParser):
    """Tags with their attributes, the visible text, and what stands in each script."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.open = "", list[str]()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "path", "use", "rect", "br", "image"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open[-1:]):
            self.text += data

    def values(self, attribute: str) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get(attribute)) is not None]


@pytest.fixture(scope="module")
def html() -> str:
    return render(full())


def named(name: str) -> StudyRecord:
    """A study in which everything a user or an exception can name is called `name`."""
    arms = (
        arm_header("linear_probe"),
        arm_header(
            name,
            method=name,
            baseline=False,
            space={name: name, LR: "log-uniform 1e-4 .. 1e-2"},
            meanings={name: name},
            fixed={f"{name}.fixed": name},
            axes={name: (0, 1)},
            choices=(name,),
            source=name,
        ),
    )
    changes: dict[str, Any] = {"study": name, "question": name, "data": {name: name}, "provenance": {name: name}}
    settings = {name: name, LR: 0.001}
    curves = [trial(name, n, {0.5: 0.5, 1.0: 0.6 + n / 100}, settings={name: n, LR: 10**-n}) for n in range(12)]
    failed = trial(name, 12, {0.5: 0.4}, verdict="failed", reason=name, settings=settings)
    confirms = [confirm("linear_probe", seed, 0.6 + seed / 100) for seed in range(1, 6)]
    confirms += [confirm(name, seed, 0.7 + seed / 99, axis={name: 5.0}, settings=settings) for seed in range(1, 6)]
    return StudyRecord(
        folder="f", text=name, header=header(*arms, **changes), trials=(*curves, failed), confirms=tuple(confirms)
    )


def test_the_page_is_in_the_order_of_a_reader(html: str) -> None:
    marks = [
        "<h1>",
        'class="answer"',
        *(f'id="{name}"' for name in SHOWN),
        'id="winners"',
        'id="trials"',
        'id="limits"',
        'id="provenance"',
    ]
    places = [html.index(mark) for mark in marks]
    assert places == sorted(places)
    assert html.startswith("<!DOCTYPE html>")


def test_every_figure_has_a_caption_and_a_table_twin(html: str) -> None:
    page = Page(html)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("svg") == tags.count("figcaption") == tags.count("figure") == len(SHOWN)
    assert tags.count("table") == len(SHOWN) + 2  # the settings measured on test, and every trial
    assert all(
        attributes.get("role") == "img" and attributes.get("aria-label")
        for tag, attributes in page.tags
        if tag == "svg"
    )


def test_it_tells_what_a_reader_must_be_able_to_check(html: str) -> None:
    text, record = Page(html).text.replace("\xa0", " "), full()
    assert "fma beats the strongest baseline, linear_probe, by" in text and "n = 5 paired seeds" in text
    for value in record.header.provenance.values():
        assert value in text
    for arm in record.header.arms:
        assert arm.source in text and all(choice in text for choice in arm.choices)
    assert record.text.strip() in text and record.header.digest in text
    assert text.count("the loss is not finite at step 160") == 6


def test_a_choice_is_told_once_and_its_code_harms_nothing() -> None:
    arms = [arm_header(name, choices=("`noise` and `<b>` are ours",)) for name in ("one", "two")]
    html = render(StudyRecord(folder="f", text="", header=header(*arms)))
    assert html.count("<code>noise</code> and <code>&lt;b&gt;</code> are ours") == 1 and "<b>`" not in html


def test_provenance_does_not_hide_what_was_asked_for() -> None:
    provenance = {"data": "sha256 9f86", "backbone": "sha256 6030"}
    text = Page(render(StudyRecord(folder="f", text="", header=header(provenance=provenance)))).text
    assert all(value in text for value in ("shots = 16", "model = miniature", *provenance.values()))


def test_it_needs_nothing_from_outside(html: str) -> None:
    page = Page(html)
    assert page.values("src") == []
    assert all(value.startswith("#") for value in page.values("href"))
    assert not re.search(r"url\((?!#)|@import|https?://", html)
    assert "default-src 'none'" in html


def test_pictures_are_inside_the_page(tmp_path: Path) -> None:
    html = render(tasks.looked_at(tmp_path))
    page = Page(html)
    pictures = [attributes["href"] or "" for tag, attributes in page.tags if tag == "image"]
    assert len(pictures) >= 6 * 4 and all(value.startswith("data:image/png;base64,") for value in pictures)
    assert "; img-src data:" in html and not re.search(r"https?://", html)
    assert "img" not in [tag for tag, _ in page.tags] and len(html) < 1_000_000


def test_a_figure_that_the_task_does_not_call_for_is_left_out_and_one_that_waits_is_not(html: str) -> None:
    assert [name for name in FIGURES if f'id="{name}"' in html] == list(SHOWN)
    waiting = replace(tasks.base_to_new(), confirms=())
    page = render(waiting)
    assert "No setting has been confirmed on base and new classes yet." in page and 'id="domains"' not in page


def test_the_arms_of_a_family_are_described_once_with_their_conditions() -> None:
    text = Page(render(tasks.by_shots())).text.split("Where it comes from")[1]
    assert text.count("learning rate at the start") == 6
    assert "24 trials at each of shots = 1; shots = 2; shots = 4; shots = 8; shots = 16. Source" in text
    asked, varied = text.split("data asked for")[1].split("data varied, shots")
    assert "shots" not in asked and varied.split()[:5] == ["1,", "2,", "4,", "8,", "16"]


def test_each_task_says_what_it_does_not_show(html: str, tmp_path: Path) -> None:
    def limits(record: StudyRecord) -> str:
        return render(record).split("What this does not show")[1].split("Where it comes from")[0]

    base = limits(full())
    assert "not a sample" not in base and "Attention inside" not in base and "two halves" not in base
    assert "A few domains are not a sample of all domains." in limits(tasks.left_out(("zero_shot", "fma")))
    assert "two halves of one list" in limits(tasks.base_to_new(("zero_shot", "fma")))
    assert "Attention inside a mask is not evidence of better predictions" in limits(tasks.looked_at(tmp_path))
    assert "stands on another" in limits(tasks.stacked())


def test_identifiers_are_unique_and_references_find_them(html: str) -> None:
    page = Page(html)
    identifiers = page.values("id")
    assert len(identifiers) == len(set(identifiers))
    used = {value.removeprefix("#") for value in page.values("href")} | set(re.findall(r"url\(#([^)]+)\)", html))
    assert used and used <= set(identifiers)


def test_equal_records_give_equal_pages_of_bearable_size(html: str) -> None:
    assert render(full()) == html
    assert len(html.encode()) < 1_000_000


def test_no_colour_of_a_figure_is_fixed(html: str) -> None:
    assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", html)) <= {"none", *re.findall(r"var\(--[\w-]+\)", html)}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_harms_the_page(name: str) -> None:
    html = render(named(name))
    page = Page(html)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("script") == 1 and "img" not in tags
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")]
    assert page.text.count(name) > 10
    assert "alert(1)" not in "".join(re.findall(r"<script>.*?</script>", html, re.DOTALL))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_reaches_the_disk(name: str, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.html"
    assert write(named(name), path) == path
    assert [item for item in tmp_path.rglob("*") if item.is_file()] == [path]


def test_a_failed_write_leaves_the_old_page_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def fails(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError, match="disk full"):
        write(small({"fma": []}), path)
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"] and path.read_text() == "old"


def test_a_page_can_be_read_by_others(tmp_path: Path) -> None:
    assert write(small({"fma": []}), tmp_path / "report.html").stat().st_mode & 0o777 == 0o644


def test_a_name_that_no_encoding_knows_is_written_all_the_same(tmp_path: Path) -> None:
    record = small({"linear_probe": [0.5], "fma": [0.6]}, question="half a pair: \ud83d")
    assert "half a pair: ?" in write(record, tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("phase", ["empty", "searching"])
def test_a_study_that_is_not_done_has_sentences_instead_of_figures(phase: str) -> None:
    record = full(phase="searching")
    html = render(record if phase == "searching" else replace(record, trials=()))
    assert "Not answered yet" in html and "No setting has been confirmed on the test split yet." in html
    assert ("<svg" in html) == (phase == "searching")


def test_lesser_is_better_and_other_units_have_their_own_words() -> None:
    record = small(
        {"linear_probe": [1.2, 1.3, 1.2], "fma": [0.9, 1.0, 0.8]}, direction="minimize", unit="nats", subjects=("fma",)
    )
    text = Page(render(record)).text
    assert "(nats)" in text and "%" not in text.split("What this does not show")[0].replace("95\xa0%", "")


def test_the_report_needs_neither_torch_nor_ray_nor_a_table_of_ours() -> None:
    code = (
        "import sys; from tests.report.records import full; from vlstudy.report import render; render(full());"
        "print(sorted({'torch', 'ray', 'open_clip', 'yaml', 'pydantic'} & set(sys.modules)),"
        "sorted({name.split('.')[1] for name in sys.modules if name.startswith('vlstudy.')}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "[] ['bounds', 'errors', 'journal', 'measurement', 'report']"
