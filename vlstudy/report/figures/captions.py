"""Six test images with what people said of them and what the decoder wrote."""

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vlstudy.journal import ArmHeader, StudyRecord, evidence
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.figures.marks import label, mark, short
from vlstudy.report.gaps import FACTORS
from vlstudy.report.reading import conditions, confirmed, data_of
from vlstudy.report.style import INK, MUTED, WIDTH

MOST = 2  # arms that are drawn
DOTS = 150  # per inch of a picture
SIDE, LINE, GAP = 0.85, 0.165, 0.14  # inches: of a picture, of a line of text, between images
LETTERS, LINES = 48, 2  # of a line beside a picture, and lines of one caption
MEMORIES = ("off", "on")
NEEDED = {"caption_references", "caption_written", "caption_cider"}
Arrays = Mapping[str, NDArray[Any]]
Line = tuple[str, str, str]  # text, colour, weight


def title(record: StudyRecord) -> str:
    """The heading."""
    return "What was written of six images"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per arm, image and memory: the first reference, the caption that was written, and its CIDEr-D x100."""
    left = _left(record)
    if not left and not any(data_of(record, arm).get("captioning") for arm in record.header.arms):
        raise NotApplicable("No captions were asked for.")
    if not left:
        raise Unavailable("No confirmed arm has written captions yet.")
    return pd.DataFrame([row for arm, arrays in left for row in _rows(arm, arrays)])


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What memory means, what the numbers are, and whose captions are left to the table."""
    shown = [arm.name for arm, _ in _shown(record)]
    left = [name for name in dict.fromkeys(map(str, frame["arm"])) if name not in shown]
    return (
        "Test images, spread evenly over the test set and not chosen by what was written, with the first of the "
        "references and the captions of a decoder that was trained on texts alone, anew for each arm. Memory off: it "
        "reads the image's embedding as it is, so that a gap between the modalities shows; on: the embedding is first "
        "projected onto those of the training captions. The number is CIDEr-D ×100 against all references of the "
        "image; of six images it says little, the mean over the test set is what counts. All of the first "
        "confirmation seed."
        + (f" In the table alone: {', '.join(left[:8])}{' and others' if len(left) > 8 else ''}." if left else "")
    )


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """An image a row: its picture, where it has one, and beside it the reference and what each arm wrote."""
    shown = _shown(record)
    pictures = shown[0][1].get("caption_pictures")
    blocks = [_lines(record, shown, frame, image) for image in range(1, 1 + len(shown[0][1]["caption_references"]))]
    heights = [max(0.0 if pictures is None else SIDE, LINE * len(lines)) + GAP for lines in blocks]
    high = sum(heights)
    figure = Figure(figsize=(WIDTH, high), dpi=DOTS)
    top, left = high, 0.0 if pictures is None else SIDE + 0.1
    for place, (lines, height) in enumerate(zip(blocks, heights, strict=True)):
        if pictures is not None:
            axes = figure.add_axes((0, (top - SIDE) / high, SIDE / WIDTH, SIDE / high))
            axes.imshow(pictures[place], interpolation="bilinear")
            axes.set_axis_off()
        for row, (text, colour, weight) in enumerate(lines):
            look: dict[str, Any] = {"fontsize": 9, "color": colour, "fontweight": weight, "va": "top"}
            figure.text(left / WIDTH, (top - LINE * row) / high, text, parse_math=False, **look)
        top -= height
    return figure


def _left(record: StudyRecord) -> list[tuple[ArmHeader, Arrays]]:
    """Confirmed arms that left captions."""
    arms = [arm for arm in record.header.arms if confirmed(record, arm.name)]
    found = [(arm, evidence(record, arm.name)) for arm in arms]
    return [(arm, arrays) for arm, arrays in found if set(arrays) >= NEEDED]


def _shown(record: StudyRecord) -> list[tuple[ArmHeader, Arrays]]:
    """The first and the last arm of the last condition that has captions, if they wrote of the same images."""
    left = {arm.name: (arm, arrays) for arm, arrays in _left(record)}
    own = next(
        found
        for one in reversed(conditions(record))
        if (found := [left[arm.name] for arm in one.arms if arm.name in left])
    )
    alike = [one for one in own if np.array_equal(one[1]["caption_references"], own[0][1]["caption_references"])]
    return alike if len(alike) < MOST else [alike[0], alike[-1]]


def _rows(arm: ArmHeader, arrays: Arrays) -> list[dict[str, Any]]:
    return [
        {
            "arm": arm.name,
            "image": place + 1,
            "reference": (str(said).splitlines() or [""])[0],
            "memory": memory,
            "written": str(arrays["caption_written"][row][place]),
            "CIDEr-D (×100)": FACTORS["cider"] * float(arrays["caption_cider"][row][place]),
        }
        for place, said in enumerate(arrays["caption_references"])
        for row, memory in enumerate(MEMORIES)
    ]


def _lines(record: StudyRecord, shown: list[tuple[ArmHeader, Arrays]], frame: pd.DataFrame, image: int) -> list[Line]:
    """What stands beside a picture."""
    rows = frame[frame["image"] == image]
    lines = [(text, MUTED, "normal") for text in _wrapped(f"“{rows['reference'].iloc[0]}”")]
    for arm, _ in shown:
        lines.append((label(record, arm.name, 40), mark(record, arm.name).colour, "bold"))
        for _, row in rows[rows["arm"] == arm.name].iterrows():
            score = f"{row['CIDEr-D (×100)']:.0f}"
            lines += [(text, INK, "normal") for text in _wrapped(f"{row['memory']}, {score}: {row['written']}")]
    return lines


def _wrapped(text: str) -> list[str]:
    """At most two lines of printable letters; what does not fit ends in an ellipsis."""
    lines = wrap(short(text, LETTERS * LINES * 4), LETTERS)
    return lines if len(lines) <= LINES else [*lines[: LINES - 1], f"{lines[LINES - 1][: LETTERS - 1]}…"]
