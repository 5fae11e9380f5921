"""Which settings deserve another seed: seeds go where they can still change which setting is best.

Source: racing as in irace (López-Ibáñez et al. 2016, doi:10.1016/j.orp.2016.09.002), and successive halving (Li et al.,
arXiv:1810.05934) with seeds as the resource. That both are joined, the level of the tests and the share are our choice.
Where seeds differ by half the spread of the settings or more, the halving decides and the race's test hardly ever does;
the interval test saves seeds where they differ by less (tests/benchmarks/false_winners.py).
"""

import math
from collections.abc import Sequence
from statistics import fmean, variance

from scipy.special import stdtrit
from scipy.stats import wilcoxon

from vlstudy.tuning.groups import Group

LEVEL = 0.1  # of both tests (our choice)
SHARE = 2  # one of this many settings with k seeds gets another one (our choice)


def further(groups: Sequence[Group], *, replicates: int, race: str, direction: str, begun_all: bool) -> list[Group]:
    """The settings that deserve one more seed now, the best first.

    A setting gets another seed if all of its seeds so far are complete, if it is among the best half of the settings
    with as many seeds, compared on the same seeds, and if the race does not tell it from the best one.

    Args:
        groups: of one arm.
        replicates: seeds that a setting has at most.
        race: `interval` or `wilcoxon`.
        direction: `maximize` or `minimize`.
        begun_all: no new setting will come, so that the best one is taken to its last seed, whatever its company.
    """
    sign = 1.0 if direction == "maximize" else -1.0
    racing = [group for group in groups if group.values and not group.given_up]
    racing = [group for group in racing if group.feasible] or racing  # one that breaks a constraint cannot win
    scores = {group.number: tuple(sign * value for value in group.values) for group in racing}
    found = []
    for group in groups:
        seeds = len(scores.get(group.number, ()))
        if not 0 < seeds < replicates or group.running:
            continue
        company = [(fmean(other[:seeds]), -number) for number, other in scores.items() if len(other) >= seeds]
        places = len(company) // SHARE
        if begun_all and not any(one.running for one in groups):
            places = max(1, places)
        own = (fmean(scores[group.number]), -group.number)  # of equals, as accuracies often are, the earlier one
        if own in sorted(company, reverse=True)[:places] and not _separated(scores, group.number, race):
            found.append((seeds, own, group))
    return [group for _, _, group in sorted(found, key=lambda item: item[:2], reverse=True)]


def falls_behind(groups: Sequence[Group], number: int, percent: int, *, direction: str) -> bool:
    """Whether a further seed stops: its setting is not among the better half at equal progress and equal seeds.

    Compared are the means over the first seeds, as many as the setting has, at `percent` of the training or the last
    measurement before it; the half is rounded up, so that the best one is never stopped.

    Args:
        groups: of one arm.
        number: of the trial in question.
        percent: how far it has come.
        direction: `maximize` or `minimize`.
    """
    sign = 1.0 if direction == "maximize" else -1.0
    own = next(group for group in groups if number in [trial.number for trial in group.trials])
    seeds = [trial.number for trial in own.trials].index(number) + 1
    race = [group for group in groups if group.feasible or not own.feasible]  # whom `further` compares it with
    found = {group.number: _mean_at(group, seeds, percent) for group in race}
    company = sorted((sign * mean for mean in found.values() if mean is not None), reverse=True)
    mean = found[own.number]
    return mean is not None and sign * mean < company[math.ceil(len(company) / SHARE) - 1]


def _mean_at(group: Group, seeds: int, percent: int) -> float | None:
    """The mean over the first seeds at that progress; None if the setting has fewer, or one is not there yet."""
    values = []
    for trial in group.trials[:seeds]:
        reached = [at for at in trial.intermediate_values if at <= percent]
        if not reached or (trial.last_step or 0) < percent:
            return None
        values.append(trial.intermediate_values[max(reached)])
    return fmean(values) if len(values) == seeds else None


def _separated(scores: dict[int, tuple[float, ...]], number: int, race: str) -> bool:
    """Whether the race tells a setting from the best of those with the most seeds."""
    most = max(map(len, scores.values()))
    best = max((other for other in scores if len(scores[other]) == most), key=lambda other: fmean(scores[other]))
    if best == number:
        return False
    own, first = scores[number], scores[best]
    return worse(own, first) if race == "wilcoxon" else apart(own, first, list(scores.values()))


def worse(own: Sequence[float], first: Sequence[float]) -> bool:
    """Whether Wilcoxon's signed-rank test, one-sided on the seeds that both have, finds `own` below `first`.

    Below four pairs no result can reach the level, so that nothing is told apart.
    """
    differences = [b - a for a, b in zip(own, first, strict=False)]
    if len(differences) < 4 or not any(differences):
        return False
    return bool(wilcoxon(differences, alternative="greater").pvalue < LEVEL)


def apart(own: Sequence[float], first: Sequence[float], every: Sequence[Sequence[float]]) -> bool:
    """Whether the intervals of the two means, `mean +- t s / sqrt(seeds)`, do not overlap and `own` is the lower.

    The spread `s` is pooled over all settings with two seeds or more, as one setting has too few to know its own.
    """
    freedom = sum(len(values) - 1 for values in every)
    if freedom == 0:
        return False
    pooled = math.sqrt(sum((len(values) - 1) * variance(values) for values in every if len(values) > 1) / freedom)
    reach = float(stdtrit(freedom, 1 - LEVEL / 2)) * pooled
    return fmean(own) + reach / math.sqrt(len(own)) < fmean(first) - reach / math.sqrt(len(first))
