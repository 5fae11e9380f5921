"""Where the class token looks, before and after the training, on six test pictures."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vlstudy.journal import ArmHeader, StudyRecord, evidence
from vlstudy.report.figures.figure import NotApplicable
from vlstudy.report.figures.marks import label, mark
from vlstudy.report.reading import conditions, confirmed
from vlstudy.report.style import INK, PAPER, WIDTH

MOST = 4  # arms; every one adds six pictures to the page
DOTS = 150  # per inch of a picture: 100 across, twice that of the screen it is shown on
GAP, LINE = 0.04, 0.21  # inches between pictures; of a line of text
NEEDED = {"pictures", "picture_classes", "attention_before", "attention_after"}
Arrays = Mapping[str, NDArray[Any]]


def title(record: StudyRecord) -> str:
    """The heading."""
    return "Attention before and after"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per arm and picture: how much of the attention is on the object, and how few patches hold half of it."""
    shown = _shown(record)
    if not shown:
        raise NotApplicable("No arm trained an image tower whose attention can be looked at.")
    layers = _layers(record, shown)
    return pd.DataFrame([row for arm, arrays in shown for row in _rows(arm, arrays, layers)])


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What the pictures are, of which seed and layers, and who is left out."""
    shown = _shown(record)
    arrays = shown[0][1]
    classes = ", ".join(f"{place} {name}" for place, name in enumerate(map(str, arrays["picture_classes"]), start=1))
    layers, deep = _layers(record, shown), arrays["attention_after"].shape[1]
    which = f"all {deep} layers" if layers >= deep else f"the first {layers} of {deep} layers, which are aligned"
    outline = " The line is the object's outline." if "masks" in arrays else ""
    seed = min(confirmed(record, shown[0][0].name), default=None)
    left = [arm.name for arm in record.header.arms if _has(record, arm) and arm.name not in set(frame["arm"])]
    return (
        f"Test pictures of different classes ({classes}), not chosen by what they show. Attention of the class token "
        f"to the patches, mean over heads and {which}: bright is much, on one scale for each picture.{outline} Before: "
        f"the backbone as it was; after: the first confirmation seed{'' if seed is None else f' ({seed})'}."
        + (f" Not shown: {', '.join(left[:8])}{' and others' if len(left) > 8 else ''}." if left else "")
    )


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """A row of pictures, one of the backbone's attention, one of each arm's."""
    shown = _shown(record)
    arrays, layers = shown[0][1], _layers(record, shown)
    before = arrays["attention_before"][:, :layers].mean(axis=1)
    after = [one["attention_after"][:, :layers].mean(axis=1) for _, one in shown]
    looks = [mark(record, arm.name).colour for arm, _ in shown]
    heads = [
        ("before", INK),
        *((label(record, arm.name, 50), look) for (arm, _), look in zip(shown, looks, strict=True)),
    ]
    count, rows = len(arrays["pictures"]), 1 + len(heads)
    side = (WIDTH - GAP * (count - 1)) / count
    figure = Figure(figsize=(WIDTH, rows * (side + LINE)), dpi=DOTS)
    tops = np.max([before, *after], axis=(0, 2, 3))
    for place, picture in enumerate(arrays["pictures"]):
        maps = [before[place], *(one[place] for one in after)]
        images = [picture, *(_lit(picture, one / tops[place]) for one in maps)]
        for row, image in enumerate(images):
            axes = _place(figure, row, rows, place * (side + GAP), side)
            axes.imshow(image, interpolation="bilinear")
            if "masks" in arrays:
                _outline(axes, arrays["masks"][place])
            if row == 0:
                axes.set_title(str(place + 1), fontsize=9, pad=3)
            elif place == 0:
                text, colour = heads[row - 1]
                axes.set_title(text, fontsize=9, pad=3, loc="left", color=colour, fontweight="bold", parse_math=False)
    return figure


def _shown(record: StudyRecord) -> list[tuple[ArmHeader, Arrays]]:
    """Arms of the last condition that has maps, all of the same pictures; baselines only where there is room."""
    for condition in reversed(conditions(record)):
        found: list[tuple[ArmHeader, Arrays]] = []
        for arm in sorted(condition.arms, key=lambda arm: arm.baseline):
            arrays = evidence(record, arm.name) if len(found) < MOST and confirmed(record, arm.name) else {}
            if set(arrays) >= NEEDED and (not found or _same(arrays, found[0][1])):
                found.append((arm, arrays))
        if found:
            return sorted(found, key=lambda one: record.header.arms.index(one[0]))
    return []


def _same(one: Arrays, other: Arrays) -> bool:
    """Whether both are of the same pictures and of towers of the same shape."""
    return np.array_equal(one["pictures"], other["pictures"]) and (
        one["attention_after"].shape == other["attention_after"].shape
    )


def _has(record: StudyRecord, arm: ArmHeader) -> bool:
    return bool(confirmed(record, arm.name)) and "attention_after" in evidence(record, arm.name)


def _layers(record: StudyRecord, shown: list[tuple[ArmHeader, Arrays]]) -> int:
    """How many of the first layers are averaged: as many as the first arm that says so aligns, else all."""
    deep = int(shown[0][1]["attention_after"].shape[1])
    for arm, _ in shown:
        chosen = next(iter(confirmed(record, arm.name).values()))
        aligned = {**arm.fixed, **chosen.settings}.get("method.layers")
        if isinstance(aligned, int):
            return min(aligned, deep)
    return deep


def _rows(arm: ArmHeader, arrays: Arrays, layers: int) -> list[dict[str, Any]]:
    rows = []
    for place, name in enumerate(map(str, arrays["picture_classes"])):
        row: dict[str, Any] = {"arm": arm.name, "picture": place + 1, "class": name}
        for when in ("before", "after"):
            attention = arrays[f"attention_{when}"][place, :layers].mean(axis=0).astype(float)
            if "masks" in arrays:
                row[f"on the object {when} (%)"] = _inside(attention, arrays["masks"][place])
            row[f"patches with half of it {when}"] = _patches(attention)
        rows.append(row)
    return rows


def _inside(attention: NDArray[Any], mask: NDArray[Any]) -> float | None:
    """Percent of the attention [g g] on the mask [s s], a patch counting as far as it lies in it; None without one."""
    spread = attention[np.ix_(*[_patch(mask.shape[0], attention.shape[0])] * 2)]
    return float(100 * (spread * mask).sum() / spread.sum()) if mask.any() else None


def _patches(attention: NDArray[Any]) -> int:
    """The smallest number of patches that hold half of the attention."""
    ordered = np.sort(attention.ravel())[::-1].cumsum()
    return int(np.searchsorted(ordered, ordered[-1] / 2) + 1)


def _patch(size: int, patches: int) -> NDArray[np.int_]:
    """Pixel -> the patch that it is in."""
    return np.arange(size) * patches // size


def _lit(picture: NDArray[np.uint8], attention: NDArray[Any]) -> NDArray[Any]:
    """The picture in grey under colours that say how much attention, in [0, 1], each patch gets."""
    grey = picture.astype(float) @ [0.299, 0.587, 0.114] / 255
    patch = _patch(len(picture), len(attention))
    colours = matplotlib.colormaps["inferno"](attention[np.ix_(patch, patch)])[..., :3]
    lit: NDArray[Any] = np.clip(0.45 * grey[..., None] + 0.55 * colours, 0, 1)
    return lit


def _outline(axes: Axes, mask: NDArray[Any]) -> None:
    """Dark within light, or light within dark, to be seen on any picture."""
    if not mask.any() or mask.all():
        return
    for colour, width in ((PAPER, 2.2), (INK, 0.9)):
        axes.contour(mask.astype(float), levels=[0.5], colors=[colour], linewidths=width)


def _place(figure: Figure, row: int, rows: int, left: float, side: float) -> Axes:
    """Axes without frame in a row from the top."""
    high = rows * (side + LINE)
    bottom = high - (row + 1) * (side + LINE)
    axes = figure.add_axes((left / WIDTH, bottom / high, side / WIDTH, side / high))
    axes.set_axis_off()
    return axes
