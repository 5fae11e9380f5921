"""Which knobs separate an arm's best trials from the rest."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report.figures.figure import Unavailable
from vlstudy.report.figures.marks import mark, short
from vlstudy.report.reading import conditions, family, validated
from vlstudy.report.style import canvas

BEST = 5  # trials that count as best, a tenth from 50 on: with fewer the estimate is unstable (Optuna's note)
FEWEST = 2 * BEST  # below it most trials are among the best


def title(record: StudyRecord) -> str:
    """The heading."""
    return "Which knobs mattered"


def numbers(record: StudyRecord) -> pd.DataFrame:
    """One row per arm and knob: its share of the importance, and the complete trials n that it rests on."""
    rows = [row for arm in record.header.arms for row in _rows(record, arm)]
    if not rows:
        raise Unavailable(
            f"No arm has both two searched knobs and {FEWEST} complete trials with different values: too little to say "
            "which knob mattered."
        )
    return pd.DataFrame(rows)


def caption(record: StudyRecord, frame: pd.DataFrame) -> str:
    """What the shares mean and what they do not."""
    found = [f"{arm} n = {rows['n'].iloc[0]}" for arm, rows in frame.groupby("arm", sort=False)]
    counts = ", ".join(found[:8]) + (", and others in the table" if len(found) > 8 else "")
    several = (
        " A bar, with its number at the right, is the mean over the conditions, a dot one of them."
        if len(conditions(record)) > 1
        else ""
    )
    left = [arm.name for arm in record.header.arms if len(arm.space) > 1 and arm.name not in set(frame["arm"])]
    return (
        f"PED-ANOVA over complete trials ({counts}): how differently a knob's values are spread among the arm's best "
        f"{BEST} trials (the best tenth, from {10 * BEST} on) than among all of them, as shares of the arm's total. "
        "A long bar says that the good trials agree on that knob; it is not the size or the direction of an effect, "
        "and with so few trials it is a hint. Bars of different arms are not comparable."
        + several
        + (f" Fewer than {FEWEST} complete trials: {', '.join(left[:8])}." if left else "")
    )


def draw(record: StudyRecord, frame: pd.DataFrame) -> Figure:
    """One bar a knob, a panel an arm."""
    names = {arm.name: family(arm) for arm in record.header.arms}
    arms = list(frame.groupby(frame["arm"].map(names), sort=False))
    sizes = [rows["knob"].nunique() for _, rows in arms]
    figure, axes = canvas(rows=len(arms), height=0.5 + sum(0.42 + 0.3 * size for size in sizes), ratios=sizes)
    for panel, (arm, rows) in zip(axes, arms, strict=True):
        _panel(panel, record, str(arm), rows)
        panel.set_xticks([0, 0.25, 0.5, 0.75, 1], [""] * 5 if panel is not axes[-1] else None)
    axes[-1].set_xlabel("share of the arm's importance")
    return figure


def _panel(axes: Axes, record: StudyRecord, arm: str, frame: pd.DataFrame) -> None:
    """One bar a knob, the mean over the family's conditions; a dot each where there are several."""
    means = frame.groupby("knob", sort=False)["importance"].mean().sort_values(ascending=False, kind="stable")
    look, several = mark(record, arm), frame["arm"].nunique() > 1
    for place, (knob, share) in enumerate(means.items()):
        axes.barh(-place, share, height=0.6, color=look.colour, linewidth=0, alpha=0.55 if several else 1)
        if several:
            dots = frame[frame["knob"] == knob]["importance"]
            axes.plot(dots, [-place] * len(dots), "o", color=look.colour, markersize=4, markeredgewidth=0)
        axes.text(1.13 if several else share + 0.015, -place, f"{share:.2f}", va="center", fontsize=9)
    axes.set_yticks(
        [-place for place in range(len(means))], [short(str(knob)) for knob in means.index], parse_math=False
    )
    axes.set_ylim(-len(means) + 0.4, 0.6)
    axes.set_xlim(0, 1.12)
    counts = " to ".join(str(count) for count in sorted({frame["n"].min(), frame["n"].max()}))
    axes.set_title(f"{short(arm, 30)}, n = {counts}", loc="left", color=look.colour, parse_math=False)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)


def _rows(record: StudyRecord, arm: ArmHeader) -> list[dict[str, Any]]:
    own = [trial for trial in record.trials if trial.arm == arm.name and trial.verdict == "complete"]
    trials = [(trial.settings, value) for trial in own if (value := validated(record, trial)) is not None]
    drawn = [name for name, words in arm.space.items() if not words.startswith("tied to")]  # else its knob counts twice
    seen = {name: [settings[name] for settings, _ in trials if name in settings] for name in drawn}
    varied = {name: values for name, values in seen.items() if len(set(map(repr, values))) > 1}
    if len(trials) < FEWEST or len(varied) < 2 or len({value for _, value in trials}) < 2:
        return []
    spaces = {
        (name, block): _distribution(_words(arm.space[name], block), [own[name] for own in having])
        for name in varied
        for block in {_block(name, settings) for settings, _ in trials}
        if (having := [own for own, _ in trials if _has(own, name, block)])
    }
    evaluator = PedAnovaImportanceEvaluator(target_quantile=max(0.1, BEST / len(trials)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        shares = get_param_importances(_study(record, trials, spaces), evaluator=evaluator, params=list(varied))
    return [{"arm": arm.name, "knob": name, "importance": share, "n": len(trials)} for name, share in shares.items()]


def _study(
    record: StudyRecord,
    trials: Sequence[tuple[Mapping[str, Any], float]],
    spaces: Mapping[tuple[str, str], BaseDistribution],
) -> optuna.Study:
    """The arm's complete trials as Optuna would hold them; conditional knobs only where they were set."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it announces every study it creates
    study = optuna.create_study(direction=record.header.direction)
    optuna.logging.set_verbosity(before)
    for settings, value in trials:
        own = {name: space for (name, block), space in spaces.items() if _has(settings, name, block)}
        params = {name: _plain(settings[name], space) for name, space in own.items()}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=own, value=value))
    return study


def _block(name: str, settings: Mapping[str, Any]) -> str:
    """The schedule that a schedule's knob belongs to, where schedules are searched; "" for other knobs."""
    return str(settings.get("schedule", "")) if name.startswith("schedule.") else ""


def _has(settings: Mapping[str, Any], name: str, block: str) -> bool:
    return name in settings and _block(name, settings) == block


def _words(words: str, block: str) -> str:
    """How a knob is searched in one of the schedules that have it: each has its own range."""
    return next((part for part in words.split("; ") if part.endswith(f"when schedule = {block}")), words)


def _distribution(words: str, values: Sequence[Any]) -> BaseDistribution:
    """Of the values seen, since the record keeps the space in words only."""
    log = words.startswith("log-")
    if words.startswith("choice") or not all(type(value) in (int, float) for value in values):
        return CategoricalDistribution(sorted({_text(value) for value in values}))
    if all(type(value) is int for value in values):
        return IntDistribution(min(values), max(values), log=log)
    return FloatDistribution(float(min(values)), float(max(values)), log=log)


def _plain(value: Any, space: BaseDistribution) -> Any:
    return _text(value) if isinstance(space, CategoricalDistribution) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
