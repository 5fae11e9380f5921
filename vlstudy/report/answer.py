"""The answer to the study's question, in a sentence an arm."""

from collections import Counter
from dataclasses import dataclass

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report import formatting
from vlstudy.report.reading import VERDICTS, strongest_baseline, test_metric, tested
from vlstudy.report.statistics import Interval, interval, paired


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A verdict (`Yes`, `No`, `Cannot tell`, `Not answered yet`) and what it rests on."""

    verdict: str
    text: str


def answer(record: StudyRecord) -> tuple[Sentence, ...]:
    """One sentence for each arm that is not a baseline; one sentence in all where none can be compared."""
    if not any(tested(record, arm.name) for arm in record.header.arms):
        return (Sentence(verdict="Not answered yet", text=_waiting(record)),)
    base, subjects = strongest_baseline(record), [arm for arm in record.header.arms if not arm.baseline]
    if base is None or not subjects:
        lack = "no baseline was measured on test" if base is None else "every arm is a baseline"
        text = f"{lack}, so that there is nothing to compare. {_leader(record)}"
        return (Sentence(verdict="Cannot tell", text=text),)
    return tuple(_against(record, arm, base) for arm in subjects)


def reservations(record: StudyRecord) -> tuple[str, ...]:
    """What a reader must know to read the answer: metric, choice of baseline, several comparisons, missing seeds."""
    header = record.header
    better = "higher is better" if header.direction == "maximize" else "lower is better, and a gain counts as positive"
    lines = [f"Measured by {formatting.metric_name(test_metric(record))}; {better}."]
    base, subjects = strongest_baseline(record), [arm for arm in header.arms if not arm.baseline]
    if base and subjects:
        if sum(arm.baseline and bool(tested(record, arm.name)) for arm in header.arms) > 1:
            lines.append("The strongest baseline is the one with the best mean on test, which favours the baseline.")
        if len(subjects) > 1:
            lines.append(f"The {len(subjects)} intervals are not corrected for being {len(subjects)} comparisons.")
    wanted, counts = len(header.confirm_seeds), {arm.name: len(tested(record, arm.name)) for arm in header.arms}
    short = [f"{arm} {count}" for arm, count in counts.items() if count < wanted]
    if any(counts.values()) and short:
        lines.append(f"Not every arm has all {wanted} confirmation seeds: {', '.join(short)}.")
    return tuple(lines)


def _against(record: StudyRecord, arm: ArmHeader, base: str) -> Sentence:
    values = tested(record, arm.name)
    if not values:
        return Sentence(verdict="Cannot tell", text=f"{arm.name} was not measured on test: {_state(record, arm.name)}.")
    sign = 1 if record.header.direction == "maximize" else -1
    floor = {seed: sign * value for seed, value in tested(record, base).items()}
    gain = paired({seed: sign * value for seed, value in values.items()}, floor)
    if gain is None:
        return Sentence(verdict="Cannot tell", text=f"{arm.name} and {base} have no confirmation seed in common.")
    return _judged(record, arm.name, base, gain)


def _judged(record: StudyRecord, arm: str, base: str, gain: Interval) -> Sentence:
    unit, rival = record.header.unit, f"the strongest baseline, {base},"
    size, ground = formatting.difference(gain.mean, unit), _ground(record, gain)
    if gain.low is not None and gain.low > 0:
        return Sentence(verdict="Yes", text=f"{arm} beats {rival} by {size} ({ground}).")
    if gain.high is not None and gain.high < 0:
        return Sentence(verdict="No", text=f"{arm} falls behind {rival} by {size} ({ground}).")
    sign = "+" if gain.mean > 0 else formatting.MINUS if gain.mean < 0 else ""
    return Sentence(verdict="Cannot tell", text=f"{arm} differs from {rival} by {sign}{size} ({ground}).")


def _ground(record: StudyRecord, gain: Interval) -> str:
    if gain.low is None or gain.high is None:
        return "n = 1 seed, too few for an interval"
    return f"95 % interval {formatting.bounds(gain.low, gain.high, record.header.unit)}, n = {gain.n} paired seeds"


def _leader(record: StudyRecord) -> str:
    sign = 1 if record.header.direction == "maximize" else -1
    found = {arm.name: list(tested(record, arm.name).values()) for arm in record.header.arms}
    means = {arm: interval(values) for arm, values in found.items() if values}
    best = max(means, key=lambda arm: sign * means[arm].mean)
    mean, unit = means[best], record.header.unit
    text, count = f"The best mean on test is {best}'s, {formatting.shown(mean.mean, unit)}", f"n = {mean.n}"
    if mean.low is None or mean.high is None:
        return f"{text} ({count})."
    return f"{text} (95 % interval {formatting.bounds(mean.low, mean.high, unit)}, {count})."


def _waiting(record: StudyRecord) -> str:
    if not record.trials:
        return "no trial has begun."
    states = [f"{arm.name}: {_state(record, arm.name)}" for arm in record.header.arms]
    return f"no arm has been measured on the test split. {'; '.join(states)}."


def _state(record: StudyRecord, arm: str) -> str:
    """How far the arm's search is, with the reason that its failed trials share most."""
    trials = [trial for trial in record.trials if trial.arm == arm]
    counts = Counter(trial.verdict for trial in trials)
    spoken = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
    reasons = Counter(trial.reason for trial in trials if trial.verdict == "failed" and trial.reason)
    why = f" ({reasons.most_common(1)[0][0].rstrip('.')})" if reasons and not counts["complete"] else ""
    return f"{spoken}{why}" if spoken else "no trial yet"
