"""Metrics made of the accuracies of groups of test images: base and new classes, or domains."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vlstudy.metrics.metric import Metric

BASE, NEW = "base", "new"
Combine = Callable[[Mapping[str, float]], float | None]


def harmonic_mean(accuracies: Mapping[str, float]) -> float | None:
    """2 b n / (b + n) of base and new accuracy, in [0, 1]; 0 if either is 0, None without such groups.

    >>> harmonic_mean({"base": 0.6, "new": 0.3}), harmonic_mean({"sketch": 0.5})
    (0.4, None)
    """
    if accuracies.keys() != {BASE, NEW}:
        return None
    base, new = accuracies[BASE], accuracies[NEW]
    return 2 * base * new / (base + new) if base and new else 0.0


def domain_accuracy(accuracies: Mapping[str, float]) -> float | None:
    """The mean accuracy over the tested domains, in [0, 1], each counting alike; None without domains.

    >>> domain_accuracy({"sketch": 0.5, "noise": 0.25}), domain_accuracy({"base": 0.5, "new": 0.5})
    (0.375, None)
    """
    named = _domains(accuracies)
    return sum(named) / len(named) if named else None


def worst_domain_accuracy(accuracies: Mapping[str, float]) -> float | None:
    """The lowest accuracy of a tested domain, in [0, 1]; None without domains.

    >>> worst_domain_accuracy({"sketch": 0.5, "noise": 0.25})
    0.25
    """
    return min(_domains(accuracies), default=None)


def _domains(accuracies: Mapping[str, float]) -> list[float]:
    return [value for name, value in accuracies.items() if name not in ("", BASE, NEW)]


def _fraction(name: str, meaning: str, source: str, combine: Combine) -> Metric:
    return Metric(
        name=name,
        direction="maximize",
        unit="fraction",
        low=0.0,
        high=1.0,
        meaning=meaning,
        source=source,
        combine=combine,
        split="test",
    )


_COCOOP = "CoCoOp, arXiv 2203.05557, section 4.1"
BASE_ACCURACY = _fraction(
    "base_accuracy", "accuracy on the classes that were trained on", _COCOOP, lambda found: found.get(BASE)
)
NEW_ACCURACY = _fraction(
    "new_accuracy", "accuracy on the classes that were not trained on", _COCOOP, lambda found: found.get(NEW)
)
HARMONIC_MEAN = _fraction("harmonic_mean", "harmonic mean of base and new accuracy", _COCOOP, harmonic_mean)
DOMAIN_ACCURACY = _fraction(
    "domain_accuracy", "mean accuracy over the tested domains", "DomainBed, arXiv 2007.01434", domain_accuracy
)
WORST_DOMAIN_ACCURACY = _fraction(
    "worst_domain_accuracy", "lowest accuracy of a tested domain", "standard", worst_domain_accuracy
)
