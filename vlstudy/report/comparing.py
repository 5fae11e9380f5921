"""Arms beside the strongest baseline of their condition, and when a difference names a winner."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report.reading import Condition, conditions, family, state, strongest_baseline, tested
from vlstudy.report.statistics import CONFIDENCE, Interval, differences, holm, interval, signed_rank, smallest_p

FEWEST = 5  # paired seeds; with fewer no winner is named
RANKED = 6  # from so many seeds on a signed-rank p can be below 5 %, so that it has a say


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """An arm beside the strongest baseline of its condition; `lack` says why there is nothing to compare.

    Attributes:
        gain: paired difference on test, counted so that more is better.
        p: of Wilcoxon's signed-rank test of that difference, two-sided.
        corrected: p after Holm's correction for all alternatives of the condition.
        rivals: how many alternatives that were.
    """

    condition: str
    arm: ArmHeader
    base: str = ""
    gain: Interval | None = None
    lack: str = ""
    p: float = 1.0
    corrected: float = 1.0
    rivals: int = 1

    @property
    def missing(self) -> int:
        """How many paired seeds more it takes before a winner is named."""
        return 0 if self.gain is None else max(0, FEWEST - self.gain.n)

    @property
    def outcome(self) -> str:
        """`beats`, `falls behind`, `differs from` (it cannot be told), or "" if nothing was compared.

        A winner needs five paired seeds, an interval clear of zero and, where the seeds are enough for such a p at
        all, a corrected p below 5 %.
        """
        if self.gain is None:
            return ""
        if self.missing or (self.gain.n >= RANKED and self.corrected >= 1 - CONFIDENCE):
            return "differs from"
        if self.gain.low is not None and self.gain.low > 0:
            return "beats"
        return "falls behind" if self.gain.high is not None and self.gain.high < 0 else "differs from"


def comparisons(record: StudyRecord) -> tuple[Comparison, ...]:
    """Every arm that is not a baseline beside the strongest baseline of its condition."""
    return tuple(one for condition in conditions(record) for one in _within(record, condition))


def rules(found: Sequence[Comparison]) -> tuple[str, ...]:
    """What was asked of these differences before one named a winner, and what their seeds are too few for."""
    counts = {(one.gain.n, one.rivals) for one in found if one.gain}
    lines = []
    if any(n < FEWEST for n, _ in counts):
        lines.append(f"With fewer than {FEWEST} paired seeds no winner is named, whatever the interval.")
    if any(FEWEST <= n < RANKED for n, _ in counts):
        lines.append(
            f"{FEWEST} paired seeds cannot give a signed-rank p below {smallest_p(FEWEST):.4f}, even if all agree in "
            "sign: the interval alone decides."
        )
    if any(n >= RANKED for n, _ in counts):
        several = max(rivals for _, rivals in counts) > 1
        after = " after Holm's correction for the alternatives of a condition;" if several else ""
        lines.append(
            f"A winner needs an interval clear of zero and a p below 0.05{after or ';'} p is of Wilcoxon's "
            "signed-rank test of the paired differences, two-sided."
        )
    for n, rivals in sorted(counts):
        if n >= RANKED and (least_p := rivals * smallest_p(n)) >= 1 - CONFIDENCE:
            lines.append(f"{n} paired seeds and {rivals} alternatives cannot give a corrected p below {least_p:.3f}.")
    return tuple(lines)


def _within(record: StudyRecord, condition: Condition) -> list[Comparison]:
    """The condition's comparisons, their p corrected for being several."""
    base = strongest_baseline(record, condition)
    found = [_against(record, condition, arm, base) for arm in condition.arms if not arm.baseline]
    compared = [one for one in found if one.gain]
    corrected = dict(zip((one.arm.name for one in compared), holm([one.p for one in compared]), strict=True))
    return [replace(one, corrected=corrected.get(one.arm.name, 1.0), rivals=len(compared)) for one in found]


def _against(record: StudyRecord, condition: Condition, arm: ArmHeader, base: ArmHeader | None) -> Comparison:
    values = tested(record, arm.name)
    name = "" if base is None else family(base)
    if not values:
        return Comparison(
            condition=condition.label, arm=arm, base=name, lack=f"was not measured on test: {state(record, arm.name)}"
        )
    if base is None:
        return Comparison(condition=condition.label, arm=arm, lack="has no baseline that was measured on test")
    sign = 1 if record.header.direction == "maximize" else -1
    found = [sign * gain for gain in differences(values, tested(record, base.name))]
    if not found:
        lack = f"and {name} have no confirmation seed in common"
        return Comparison(condition=condition.label, arm=arm, base=name, lack=lack)
    return Comparison(condition=condition.label, arm=arm, base=name, gain=interval(found), p=signed_rank(found))
