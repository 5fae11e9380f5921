"""Recall that is left under noise, of what it is without: noise in the test, and noise in the training."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report import formatting
from vlstudy.report.figures.columns import columns
from vlstudy.report.figures.figure import NotApplicable, Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.figures.retrieval import MEAN
from vlstudy.report.reading import confirmed, data_of, families, family, grouped, measured
from vlstudy.report.statistics import interval
from vlstudy.report.style import INK, end_labels, key, panels

KNOBS, NONE = ("noise", "noise_level"), "off"
NOISY = re.compile(rf"{MEAN}@(\w+)=([0-9.]+)")
STAGES = {"eval": "tested on", "train": "trained on"}
PERCENT = formatting.scale("fraction")
Levels = Mapping[float, Mapping[int, float]]  # level -> seed -> mean recall


def title(record: StudyRecord) -> str:
    """The heading."""
    return "Recall under noise"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per stage, kind of noise, arm and level: recall relative to clean; the area stands at level 0."""
    trained = any(_level(record, arm) for arm in record.header.arms)
    if not trained and not any(NOISY.fullmatch(name) for item in record.confirms for name in item.metrics):
        raise NotApplicable("Neither the training nor the test was made noisy.")
    rows = [*_evaluated(record), *(_trained(record) if trained else ())]
    if not rows:
        raise Unavailable("No setting has been confirmed with noise and without yet.")
    frame = pd.DataFrame(rows)
    return frame.astype({"area: n": "Int64"})


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What is relative to what, and that the two stages are two questions."""
    stages = set(frame["stage"])
    lines = ["Mean recall on test as a share of what the same arm and seed reach without noise; band: 95 % interval."]
    if STAGES["eval"] in stages:
        lines.append("Tested on noise: trained clean, tested on noisy captions or pictures.")
    if STAGES["train"] in stages:
        lines.append("Trained on noise: tested clean; settings were searched anew at every level.")
    lines.append(
        "The area in the table is the mean of the curve over the levels, straight between them: 100 % if nothing is "
        "lost. What is left says nothing of how high the recall was."
    )
    return " ".join(lines)


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """One panel per stage, kind of noise and condition of the rest; a line a family."""
    groups = list(frame.groupby(["stage", "noise", "condition"], sort=False))
    figure, axes, columns = panels(len(groups), height=1.75, shared=True)
    for place, (panel, ((stage, noise, condition), rows)) in enumerate(zip(axes, groups, strict=True)):
        labels = _panel(panel, record, rows)
        name, longest = f"{stage} {noise} noise{', ' if condition else ''}{condition}", 46
        if columns == 1:
            end_labels(panel, labels, len(groups))
        else:  # the values of the condition alone, for there is little room
            values = re.sub(r"\w+ = ", "", str(condition))
            name, longest = f"{str(stage).removesuffix(' on')}: {noise}{', ' if values else ''}{values}", 22
        panel.set_title(short(name, longest), loc="left", parse_math=False)
        if place >= len(groups) - columns:
            panel.set_xlabel("level of noise")
            panel.tick_params(axis="x", labelbottom=True)
    figure.supylabel("mean recall left (% of clean)", fontsize=9.5, color=INK)
    if columns > 1:
        looks = [(short(arm), mark(record, arm)) for arm in dict.fromkeys(map(str, frame["arm"]))]
        key(figure, [(arm, look.colour, look.marker) for arm, look in looks])
    return figure


def area(curve: Mapping[float, float]) -> float:
    """The mean height of the curve over its levels, straight lines between them.

    >>> area({0.0: 1.0, 0.1: 1.0, 0.5: 0.5})
    0.8
    """
    points = sorted(curve.items())
    covered = sum((right - left) * (one + two) / 2 for (left, one), (right, two) in pairwise(points))
    return covered / (points[-1][0] - points[0][0])


def _panel(axes: Axes, record: StudyRecord, frame: pd.DataFrame) -> list[tuple[float, str, str]]:
    """What the lines are called, with the heights at which they end and their colours."""
    labels = []
    for arm, own in frame.groupby("arm", sort=False):
        look = mark(record, str(arm))
        if own["low"].notna().all():
            low, high = own["low"].astype(float), own["high"].astype(float)
            axes.fill_between(own["level"], low, high, color=look.colour, alpha=0.16, linewidth=0)
        line: dict[str, Any] = {"linewidth": 1.8, "markersize": 5, "markeredgewidth": 0}
        axes.plot(own["level"], own["mean"], look.marker, linestyle="-", color=look.colour, **line)
        labels.append((float(own["mean"].iloc[-1]), short(str(arm), 14), look.colour))
    return labels


def _evaluated(record: StudyRecord) -> list[dict[str, Any]]:
    """Trained clean, tested noisy."""
    rows = []
    for place in grouped(record.header.arms, without=KNOBS):
        clean = {family(arm): arm for arm in reversed(place.arms) if not _level(record, arm)}
        noisy = {name: _noisy(record, clean[name]) for name in families(record) if name in clean}
        for kind in dict.fromkeys(kind for found in noisy.values() for kind in found):
            for name, found in noisy.items():
                levels = {0.0: measured(record, clean[name].name, MEAN), **found.get(kind, {})}
                rows += _rows("eval", kind, place.label, name, levels)
    return rows


def _trained(record: StudyRecord) -> list[dict[str, Any]]:
    """Trained noisy, tested clean; clean is the arm at level 0 of the same kind of noise, else any without noise."""
    rows = []
    for place in grouped(record.header.arms, without=KNOBS):
        kinds = dict.fromkeys(_kind(record, arm) for arm in place.arms if _level(record, arm))
        for kind in kinds:
            for name in families(record):
                own = [arm for arm in place.arms if family(arm) == name]
                own.sort(key=lambda arm: _kind(record, arm) == kind)  # of several arms at level 0 the last one counts
                levels = {
                    _level(record, arm): measured(record, arm.name, MEAN)
                    for arm in own
                    if _kind(record, arm) == kind or not _level(record, arm)
                }
                rows += _rows("train", kind, place.label, name, levels)
    return rows


def _rows(stage: str, kind: str, place: str, name: str, levels: Levels) -> list[dict[str, Any]]:
    """A curve; nothing without a clean recall or without noise to set beside it."""
    base = {seed: value for seed, value in levels.get(0.0, {}).items() if value > 0}
    left = {
        level: {seed: found[seed] / base[seed] for seed in sorted(found.keys() & base.keys())}
        for level, found in sorted(levels.items())
    }
    left = {level: found for level, found in left.items() if found}
    if len(left) < 2 or 0.0 not in left:
        return []
    whole = sorted(set.intersection(*(set(found) for found in left.values())))
    areas = [area({level: found[seed] for level, found in left.items()}) for seed in whole]
    under = interval(areas) if areas else None
    return [
        {"stage": STAGES[stage], "noise": kind, "condition": place, "arm": name, "level": level}
        | columns(interval(list(found.values())), PERCENT)
        | columns(None if level else under, PERCENT, "area: ")
        for level, found in left.items()
    ]


def _noisy(record: StudyRecord, arm: ArmHeader) -> dict[str, dict[float, dict[int, float]]]:
    """Kind of noise in the test -> level -> seed -> mean recall."""
    found: dict[str, dict[float, dict[int, float]]] = {}
    for metric in sorted({name for item in confirmed(record, arm.name).values() for name in item.metrics}):
        if match := NOISY.fullmatch(metric):
            found.setdefault(match[1], {})[float(match[2])] = measured(record, arm.name, metric)
    return found


def _kind(record: StudyRecord, arm: ArmHeader) -> str:
    return str(data_of(record, arm).get("noise", NONE))


def _level(record: StudyRecord, arm: ArmHeader) -> float:
    """How much noise the arm was trained on."""
    return 0.0 if _kind(record, arm) == NONE else float(data_of(record, arm).get("noise_level", 0.0))
