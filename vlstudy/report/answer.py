"""The answer to the study's question: who beats the strongest baseline, within each condition."""

from collections.abc import Sequence
from dataclasses import dataclass

from vlstudy.journal import StudyRecord
from vlstudy.report import formatting
from vlstudy.report.comparing import RANKED, Comparison, comparisons, rules
from vlstudy.report.reading import (
    Condition,
    conditions,
    family,
    state,
    test_metric,
    tested,
)
from vlstudy.report.statistics import Interval, interval

MANY = 4  # sentences; with more, each family of arms has one that goes through its conditions


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A verdict (`Yes`, `No`, `It depends`, `Cannot tell`, `Not answered yet`) and what it rests on."""

    verdict: str
    text: str


_TO = {"beats": "over", "falls behind": "below", "differs from": "against"}
_VERDICTS = {"beats": "Yes", "falls behind": "No", "differs from": "Cannot tell", "": "Cannot tell"}


def answer(record: StudyRecord) -> tuple[Sentence, ...]:
    """A sentence for each arm that is not a baseline, or for each family of arms where those would be many."""
    if not any(tested(record, arm.name) for arm in record.header.arms):
        return (Sentence(verdict="Not answered yet", text=_waiting(record)),)
    found = comparisons(record)
    if not any(one.base for one in found):
        lack = "no baseline was measured on test" if found else "every arm is a baseline"
        lead = " ".join(filter(None, (_leader(record, one) for one in conditions(record))))
        text = f"{lack}, so that there is nothing to compare. {lead}"
        return (Sentence(verdict="Cannot tell", text=text),)
    if len(found) <= MANY or len(conditions(record)) == 1:
        return tuple(_single(record, one) for one in found)
    names = dict.fromkeys(family(one.arm) for one in found)
    return tuple(_together(record, name, [one for one in found if family(one.arm) == name]) for name in names)


def reservations(record: StudyRecord) -> tuple[str, ...]:
    """What a reader must know to read the answer: metric, choice of baseline, several comparisons, missing seeds."""
    header, several = record.header, len(conditions(record)) > 1
    better = "higher is better" if header.direction == "maximize" else "lower is better, and a gain counts as positive"
    lines = [f"Measured by {formatting.metric_name(test_metric(record))}; {better}."]
    compared = [one for one in comparisons(record) if one.base]
    if compared:
        if several:
            lines.append("Arms are compared within one condition only: the same data, the same seeds.")
        if any(_rivals(record, condition) > 1 for condition in conditions(record)):
            where = " of its condition" if several else ""
            lines.append(
                f"The strongest baseline{where} is the one with the best mean on test, which favours the baseline."
            )
        if len(compared) > 1:
            lines.append(f"The {len(compared)} intervals are not corrected for being {len(compared)} comparisons.")
        lines += rules(compared)
    return (*lines, *_missing(record))


def _missing(record: StudyRecord) -> list[str]:
    wanted = len(record.header.confirm_seeds)
    counts = {arm.name: len(tested(record, arm.name)) for arm in record.header.arms}
    short = [f"{arm} {count}" for arm, count in counts.items() if count < wanted]
    if not any(counts.values()) or not short:
        return []
    rest = f" and {len(short) - 8} more" if len(short) > 8 else ""
    return [f"Not every arm has all {wanted} confirmation seeds: {', '.join(short[:8])}{rest}."]


def _rivals(record: StudyRecord, condition: Condition) -> int:
    return sum(arm.baseline and bool(tested(record, arm.name)) for arm in condition.arms)


def _single(record: StudyRecord, one: Comparison) -> Sentence:
    """A sentence on one arm; its condition stands in front where there are several."""
    verdict, name = _VERDICTS[one.outcome], family(one.arm)
    place = f"at {one.condition}, " if one.condition else ""
    if one.gain is None:
        return Sentence(verdict=verdict, text=f"{place}{name} {one.lack}.")
    rival, size = f"the strongest baseline, {one.base},", _size(record, one, one.gain)
    return Sentence(verdict=verdict, text=f"{place}{name} {one.outcome} {rival} by {size} ({_ground(record, one)}).")


def _together(record: StudyRecord, name: str, found: Sequence[Comparison]) -> Sentence:
    """A sentence on a family of arms: where it wins, loses, and where neither can be told, each with its interval."""
    verdicts = {_VERDICTS[one.outcome] for one in found}
    verdict = verdicts.pop() if len(verdicts) == 1 else "It depends"
    rival = "the strongest baseline of the same condition"
    heads = {
        "beats": (f"beats {rival}", ""),
        "falls behind": (f"falls behind {rival}", "falls behind"),
        "differs from": (f"cannot be told from {rival}", "cannot be told apart"),
    }
    parts = list[str]()
    for outcome, (first, later) in heads.items():
        places = [_place(record, one, one.gain) for one in found if one.outcome == outcome and one.gain]
        if places:
            parts.append(f"{later if parts else first} at {', at '.join(places)}")
    parts += [f"{one.lack} at {one.condition}" for one in found if one.gain is None]
    return Sentence(verdict=verdict, text=f"{name} {'. It '.join(parts)}.")


def _place(record: StudyRecord, one: Comparison, gain: Interval) -> str:
    unit = record.header.unit
    if gain.low is None or gain.high is None:
        ground = f"n = {gain.n} seed"
    else:
        ground = f"{formatting.bounds(gain.low, gain.high, unit)}, n = {gain.n}"
    ground += f"; {one.missing} more needed" if one.missing else _chance(one, gain)
    return f"{one.condition} ({_size(record, one, gain)} {_TO[one.outcome]} {one.base}, {ground})"


def _size(record: StudyRecord, one: Comparison, gain: Interval) -> str:
    """Without a sign where the verb tells it."""
    size = formatting.difference(gain.mean, record.header.unit)
    sign = "+" if gain.mean > 0 else formatting.MINUS if gain.mean < 0 else ""
    return f"{sign}{size}" if one.outcome == "differs from" else size


def _ground(record: StudyRecord, one: Comparison) -> str:
    gain = one.gain
    if gain is None or gain.low is None or gain.high is None:
        text = "n = 1 seed, too few for an interval"
    else:
        ends = formatting.bounds(gain.low, gain.high, record.header.unit)
        text = f"95 % interval {ends}, n = {gain.n} paired seeds{_chance(one, gain)}"
    return f"{text}; {one.missing} more needed to name a winner" if one.missing else text


def _chance(one: Comparison, gain: Interval) -> str:
    """The p behind a comma, where it has a say."""
    if gain.n < RANKED:
        return ""
    name = "corrected p" if one.rivals > 1 else "p"
    return f", {name} < 0.001" if one.corrected < 0.001 else f", {name} = {one.corrected:.3f}"


def _leader(record: StudyRecord, condition: Condition) -> str:
    """The best mean of a condition; "" where nothing was measured."""
    sign = 1 if record.header.direction == "maximize" else -1
    found = {family(arm): list(tested(record, arm.name).values()) for arm in condition.arms}
    means = {arm: interval(values) for arm, values in found.items() if values}
    if not means:
        return ""
    best = max(means, key=lambda arm: sign * means[arm].mean)
    mean, unit, place = means[best], record.header.unit, f" at {condition.label}" if condition.label else ""
    text, count = f"The best mean on test{place} is {best}'s, {formatting.shown(mean.mean, unit)}", f"n = {mean.n}"
    if mean.low is None or mean.high is None:
        return f"{text} ({count})."
    return f"{text} (95 % interval {formatting.bounds(mean.low, mean.high, unit)}, {count})."


def _waiting(record: StudyRecord) -> str:
    if not record.trials:
        return "no trial has begun."
    states = [f"{arm.name}: {state(record, arm.name)}" for arm in record.header.arms]
    rest = f"; and {len(states) - 8} arms more" if len(states) > 8 else ""
    return f"no arm has been measured on the test split. {'; '.join(states[:8])}{rest}."
