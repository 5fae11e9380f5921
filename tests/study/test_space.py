"""Distributions in words."""

import pytest

from vlstudy.study.space import Axis, Choice, Distribution, Grid, Int, LogInt, LogUniform, Uniform, describe, plain


@pytest.mark.parametrize(
    ("distribution", "words"),
    [
        (Uniform(0.0, 1.0), "uniform 0 .. 1"),
        (LogUniform(1e-4, 1e-2), "log-uniform 1e-4 .. 0.01"),
        (Int(1, 8), "int 1 .. 8"),
        (LogInt(8, 128), "log-int 8 .. 128"),
        (Choice(("none", "bridge")), "one of none, bridge"),
        (Grid((0.1, 0.25)), "each of 0.1, 0.25"),
        (Axis(tuple(range(11))), "all of 0, 1, .. 10"),
        (Axis((0, 4, 8, 12)), "all of 0, 4, 8, 12"),
        (Choice(((0, 4), (0, 8))), "one of [0, 4], [0, 8]"),
        (Choice((True, False)), "one of true, false"),
    ],
)
def test_describe(distribution: Distribution, words: str) -> None:
    assert describe(distribution) == words


@pytest.mark.parametrize("value", [1e-7, 2.5e-4, 0.001, 0.3, 1.0, 64.0, 1e6, 3e20, -1e-5, 0.0])
def test_plain_numbers_are_read_back_as_they_were(value: float) -> None:
    assert float(plain(value)) == value
