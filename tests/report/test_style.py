"""Colours that can be read: WCAG contrast of text and arms, on light and on dark paper."""

import re
from pathlib import Path

import pytest

from vlstudy import report
from vlstudy.report.style import VARIABLES

STYLE = (Path(report.__file__).parent / "page.css").read_text()
PALETTES = [dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{[^}]*\}", STYLE)]


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


def test_light_dark_and_print_define_the_same_variables() -> None:
    assert len(PALETTES) == 3
    assert set(VARIABLES.values()) <= set(PALETTES[0])
    assert all(set(palette) == set(PALETTES[0]) for palette in PALETTES)


@pytest.mark.parametrize("palette", PALETTES, ids=["light", "dark", "print"])
def test_text_and_arms_can_be_read(palette: dict[str, str]) -> None:
    for name in set(palette) - {"--paper", "--raised", "--grid"}:
        assert contrast(palette[name], palette["--paper"]) >= 4.5, name
        assert contrast(palette[name], palette["--raised"]) >= 4.5, name
