"""Pairs on a map before and after training: an illustration beside two numbers."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vlstudy.journal import ArmHeader, StudyRecord, evidence
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.figures.marks import label, mark, short
from vlstudy.report.figures.retrieval import on_captions
from vlstudy.report.formatting import MINUS
from vlstudy.report.gaps import collapsed
from vlstudy.report.reading import conditions, confirmed
from vlstudy.report.style import INK, MUTED, PALETTE, WIDTH, key

MOST = 3  # arms that are drawn
POINTS = 120  # pairs that are drawn of each: more hide each other and make the page heavy
COLOURED = 6  # classes with a colour of their own
SIDES, WHEN = (("images", "o"), ("captions", "^")), ("before", "after")
COLUMNS = ("kNN mixing", "matched less mismatched cosine")
NEEDED = {"tsne", "tsne_classes", "tsne_metrics"}
HEAD, GAP, FOOT = 0.58, 0.08, 0.22  # inches: of the two lines above a pair of maps, between maps, of a line of the key
Arrays = Mapping[str, NDArray[Any]]


def title(record: StudyRecord) -> str:
    """The heading."""
    return "Images and captions on a map"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row an arm: kNN mixing and the matched less the mismatched cosine, before and after; places mean nothing."""
    if not on_captions(record):
        raise NotApplicable("Nothing was learnt from captions.")
    rows = [_row(record, arm, arrays) for arm, arrays in _mapped(record)]
    if not rows:
        raise Unavailable("No confirmed arm has left a map of its pairs yet.")
    return pd.DataFrame(rows)


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What marks and colours are, and that the map proves nothing."""
    shown = _shown(record)
    pairs, drawn = shown[0][1]["tsne"].shape[2], len(_kept(shown[0][1]))
    left = [str(arm) for arm in frame["arm"] if arm not in {arm.name for arm, _ in shown}]
    few = f", {drawn} of {pairs} pairs drawn" if drawn < pairs else f", {pairs} pairs"
    lines = [
        f"An illustration only: t-SNE of held-out pairs{few}. Circles are images, triangles their captions, colours "
        "classes. Before is the untouched backbone, after the trained arm, on the first confirmation seed. Both come "
        "from one fit per arm, so that left and right may be compared; distances and sizes of groups mean nothing, and "
        "another seed draws another map. Only the numbers above each map can carry a claim. Mixing: the share of an "
        "embedding's nearest neighbours that are of the other modality, 0 apart, about 1 mixed. Pairs: mean cosine of "
        "an image with its own caption less that with others', higher is better."
    ]
    if left:
        lines.append(f"Not drawn, in the table: {', '.join(left[:8])}{' and others' if len(left) > 8 else ''}.")
    if fallen := [arm.name for arm, _ in shown if collapsed(record, arm)]:
        lines.append(f"{', '.join(fallen)}: the features have collapsed, so that mixing there is no success.")
    return " ".join(lines)


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """Two maps an arm, before and after, on one scale, under the arm's name and its numbers."""
    shown = _shown(record)
    looks = _looks(shown)
    side = (WIDTH - GAP) / 2
    high = len(shown) * (side + HEAD) + FOOT * -(-(len(looks) + len(SIDES)) // 2)
    figure = Figure(figsize=(WIDTH, high))
    for place, (arm, arrays) in enumerate(shown):
        top = high - place * (side + HEAD)
        name, colour = label(record, arm.name, 40), mark(record, arm.name).colour
        look: dict[str, Any] = {"fontsize": 9.5, "fontweight": "bold", "color": colour, "parse_math": False}
        figure.text(0, (top - 0.27) / high, name, **look)
        row = frame[frame["arm"] == arm.name].iloc[0]
        for column, when in enumerate(WHEN):
            left = column * (side + GAP) / WIDTH
            axes = figure.add_axes((left, (top - HEAD - side) / high, side / WIDTH, side / high))
            _map(axes, arrays, column, looks)
            mixing, pairs = (float(row[f"{name}: {when}"]) for name in COLUMNS)
            told = f"{when}: mixing {mixing:.2f}, pairs {pairs:.2f}".replace("-", MINUS)
            figure.text(left, (top - HEAD + 0.06) / high, told, fontsize=9, color=INK)
    key(figure, [(name, INK, marker) for name, marker in SIDES] + [(short(name), look, "s") for name, look in looks])
    return figure


def _mapped(record: StudyRecord) -> list[tuple[ArmHeader, Arrays]]:
    """Confirmed arms that left a map, but for those that leave the backbone as it is."""
    arms = [arm for arm in record.header.arms if arm.method != "zero_shot" and confirmed(record, arm.name)]
    found = [(arm, evidence(record, arm.name)) for arm in arms]
    return [(arm, arrays) for arm, arrays in found if set(arrays) >= NEEDED]


def _shown(record: StudyRecord) -> list[tuple[ArmHeader, Arrays]]:
    """Of the last condition that has maps, the arms that are no baselines: the first, a middle one and the last."""
    mapped = {arm.name: (arm, arrays) for arm, arrays in _mapped(record)}
    own = next(
        found
        for one in reversed(conditions(record))
        if (found := [mapped[arm.name] for arm in one.arms if arm.name in mapped])
    )
    asked = [one for one in own if not one[0].baseline] or own
    return [asked[place] for place in sorted({round(at) for at in np.linspace(0, len(asked) - 1, MOST)})]


def _kept(arrays: Arrays) -> NDArray[np.int_]:
    """Which pairs are drawn: all, or as many as fit, spread evenly."""
    pairs = arrays["tsne"].shape[2]
    return np.linspace(0, pairs - 1, min(POINTS, pairs)).astype(int)


def _row(record: StudyRecord, arm: ArmHeader, arrays: Arrays) -> dict[str, Any]:
    values = {
        f"{column}: {when}": float(arrays["tsne_metrics"][row, place])
        for place, column in enumerate(COLUMNS)
        for row, when in enumerate(WHEN)
    }
    return {"arm": arm.name, "seed": min(confirmed(record, arm.name)), "pairs": arrays["tsne"].shape[2], **values}


def _looks(shown: list[tuple[ArmHeader, Arrays]]) -> list[tuple[str, str]]:
    """The most frequent classes with their colours, and one for all others; none where no class is known."""
    drawn = [str(name) for _, arrays in shown for name in arrays["tsne_classes"][_kept(arrays)]]
    counts = Counter(filter(None, drawn))
    looks = list(zip(sorted(name for name, _ in counts.most_common(COLOURED)), PALETTE[1:], strict=False))
    others = bool(looks) and len(counts) + ("" in drawn) > len(looks)
    return looks + [("other classes", MUTED)] * others


def _map(axes: Axes, arrays: Arrays, when: int, looks: list[tuple[str, str]]) -> None:
    """Images and captions before (0) or after (1), on the scale of both; those of other classes below and fainter."""
    kept = _kept(arrays)
    points, colours = arrays["tsne"][:, :, kept].astype(float), dict(looks)
    own = np.array([colours.get(str(name), MUTED) for name in arrays["tsne_classes"][kept]])
    for colour in (MUTED, *dict.fromkeys(own[own != MUTED])):
        for (_, marker), cloud in zip(SIDES, points[when], strict=True):
            look: dict[str, Any] = {"alpha": 0.35 if colour == MUTED and looks else 0.85, "markeredgewidth": 0}
            axes.plot(*cloud[own == colour].T, marker, color=colour, markersize=4.5, **look)
    low, high = points.min(axis=(0, 1, 2)), points.max(axis=(0, 1, 2))
    room = np.maximum(0.04 * (high - low), 1e-6)
    axes.set(xlim=(low[0] - room[0], high[0] + room[0]), ylim=(low[1] - room[1], high[1] + room[1]))
    axes.set(xticks=[], yticks=[])
