"""Arms beside the strongest baseline of their condition."""

from dataclasses import dataclass

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report.reading import Condition, conditions, family, state, strongest_baseline, tested
from vlstudy.report.statistics import Interval, paired


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """An arm beside the strongest baseline of its condition; `lack` says why there is nothing to compare.

    Attributes:
        gain: paired difference on test, counted so that more is better.
    """

    condition: str
    arm: ArmHeader
    base: str = ""
    gain: Interval | None = None
    lack: str = ""

    @property
    def outcome(self) -> str:
        """`beats`, `falls behind`, `differs from` (it cannot be told), or "" if nothing was compared."""
        if self.gain is None:
            return ""
        if self.gain.low is not None and self.gain.low > 0:
            return "beats"
        return "falls behind" if self.gain.high is not None and self.gain.high < 0 else "differs from"


def comparisons(record: StudyRecord) -> tuple[Comparison, ...]:
    """Every arm that is not a baseline beside the strongest baseline of its condition."""
    return tuple(
        _against(record, condition, arm, strongest_baseline(record, condition))
        for condition in conditions(record)
        for arm in condition.arms
        if not arm.baseline
    )


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
    floor = {seed: sign * value for seed, value in tested(record, base.name).items()}
    gain = paired({seed: sign * value for seed, value in values.items()}, floor)
    lack = "" if gain else f"and {name} have no confirmation seed in common"
    return Comparison(condition=condition.label, arm=arm, base=name, gain=gain, lack=lack)
