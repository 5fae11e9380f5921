"""Distributions as values: what a knob may be, without a library that draws from it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Uniform:
    """A real number in [low, high]."""

    low: float
    high: float


@dataclass(frozen=True)
class LogUniform:
    """A real number in [low, high], 0 < low, whose logarithm is uniform."""

    low: float
    high: float


@dataclass(frozen=True)
class Int:
    """A whole number in [low, high], both ends included."""

    low: int
    high: int


@dataclass(frozen=True)
class LogInt:
    """A whole number in [low, high], 1 <= low, both ends included, log-uniform."""

    low: int
    high: int


@dataclass(frozen=True)
class Choice:
    """One of `values`, without order."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Grid:
    """Each of `values` in turn: the cells of all grids of an arm are enumerated, not sampled."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Axis:
    """All of `values` in every trial: an inference knob, measured and not searched."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Tied:
    """Always the value of the searched knob `to`, times `times` for a number."""

    to: str
    times: float = 1.0


@dataclass(frozen=True)
class AnyOf:
    """What a condition wants where it names several values: one of them.

    >>> str(AnyOf(("fixed", "three_phase")))
    'fixed or three_phase'
    """

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return " or ".join(map(plain, self.values))


def fits(value: Any, wanted: Any) -> bool:
    """Whether a value is what a condition wants.

    >>> fits(3, 3), fits(3, AnyOf((1, 2)))
    (True, False)
    """
    return value in wanted.values if isinstance(wanted, AnyOf) else bool(value == wanted)


Distribution = Uniform | LogUniform | Int | LogInt | Choice | Grid | Axis | Tied


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """A dotted knob (`train.lr`) with its distribution.

    Attributes:
        when: knob -> the value, or `AnyOf` several, under which this one matters.
    """

    name: str
    distribution: Distribution
    when: Mapping[str, Any] = field(default_factory=dict)

    def matters(self, known: Mapping[str, Any]) -> bool:
        """Whether its condition holds, given the values of other knobs."""
        return all(name in known and fits(known[name], wanted) for name, wanted in self.when.items())


def describe(distribution: Distribution) -> str:
    """The distribution in words.

    >>> describe(LogUniform(1e-4, 0.03)), describe(Axis((0, 1, 2, 3, 4)))
    ('log-uniform 1e-4 .. 0.03', 'all of 0, 1, .. 4')
    """
    match distribution:
        case Uniform(low, high) | LogUniform(low, high) | Int(low, high) | LogInt(low, high):
            return f"{_WORDS[type(distribution)]} {plain(low)} .. {plain(high)}"
        case Choice(values) | Grid(values) | Axis(values):
            return f"{_WORDS[type(distribution)]} {_listed(values)}"
        case Tied(to, times):
            return f"tied to {to}{'' if times == 1 else f', times {plain(times)}'}"


def plain(value: Any) -> str:
    """A value as one would write it by hand.

    >>> plain(0.00025), plain((0, 4)), plain(1000.0)
    ('2.5e-4', '[0, 4]', '1000')
    """
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(plain, value))}]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if not isinstance(value, float):
        return str(value)
    if 1e-3 <= abs(value) < 1e6 or value == 0 or not math.isfinite(value):
        return f"{value:.6g}"
    mantissa, exponent = f"{value:.5e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


_WORDS: Mapping[type, str] = {
    Uniform: "uniform",
    LogUniform: "log-uniform",
    Int: "int",
    LogInt: "log-int",
    Choice: "one of",
    Grid: "each of",
    Axis: "all of",
}


def _listed(values: tuple[Any, ...]) -> str:
    """All values; a run of consecutive whole numbers by its ends."""
    run = all(type(value) is int for value in values) and values == tuple(range(values[0], values[0] + len(values)))
    if run and len(values) > 3:
        return f"{values[0]}, {values[1]}, .. {values[-1]}"
    return ", ".join(map(plain, values))
