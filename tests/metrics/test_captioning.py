"""CIDEr-D by hand, its known properties, and what it leaves unloaded."""

import math
import subprocess
import sys

import pytest

from vlstudy.metrics.captioning import CIDER, CIDER_MEMORY, cider, words


def test_by_hand_one_word_in_common() -> None:
    """Two images, so a word of one image's references weighs log 2, and a word of both weighs nothing."""
    mean, each = cider(["red star", "blue ring"], [["red heart"], ["green ring"]])
    # 1-grams: (red, star) against (red, heart), both of norm sqrt(2) log 2, one in common: 1/2; `star` is in no
    # reference and weighs log 2 like the others. 2-grams: none in common; 3- and 4-grams: there are none.
    assert each == pytest.approx((10 * 0.5 / 4, 10 * 0.5 / 4)) and mean == pytest.approx(1.25)


def test_by_hand_lengths_clipping_and_several_references() -> None:
    """`red red red` against `red star`, and against a second reference without a word in common."""
    _, each = cider(["red red red", "blue ring"], [["red star", "pink heart"], ["blue ring"]])
    # 1-grams: counts (3) and (1, 1): min(3, 1) * 1 / (3 * sqrt 2); both other sizes have none in common.
    # The reference is a word shorter: exp(-1 / 72). The mean over 4 sizes and 2 references, times 10.
    assert each[0] == pytest.approx(10 * math.exp(-1 / 72) / (3 * math.sqrt(2)) / 4 / 2)
    assert each[1] == pytest.approx(10 * 2 / 4)  # equal, but of two words: no 3-grams and no 4-grams


def test_what_equals_its_only_reference_and_is_said_of_no_other_image_gets_ten() -> None:
    said = ["a red star at night", "two rings on brown sand", "the big heart over water"]
    mean, each = cider(said, [[text] for text in said])
    assert mean == pytest.approx(10) and each == pytest.approx((10, 10, 10))


def test_what_is_said_of_every_image_counts_nothing() -> None:
    assert cider(["a red star at night"], [["a red star at night"]])[0] == 0.0  # one image alone
    assert cider(["on a wall", "on a wall"], [["on a wall"], ["on a wall"]])[0] == 0.0


def test_case_and_punctuation_do_not_count() -> None:
    references = [["a red star at night"], ["two rings on brown sand"]]
    neat, loud = (cider([text, "two rings"], references)[1][0] for text in ("a red star", "A RED star!"))
    assert neat == loud > 0
    assert words("Don't: a man's café-bar, no. 7_8") == ["don", "t", "a", "man", "s", "café", "bar", "no", "7", "8"]


def test_a_silent_image_gets_nothing() -> None:
    assert cider(["", "two rings"], [["a red star"], ["two rings"]])[1][0] == 0.0


def test_captions_and_images_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        cider(["a star"], [["a star"], ["a ring"]])


def test_both_metrics_are_described() -> None:
    for metric, name in ((CIDER, "cider"), (CIDER_MEMORY, "cider_memory")):
        assert (metric.name, metric.direction, metric.low, metric.high, metric.split) == (
            name,
            "maximize",
            0.0,
            10.0,
            "test",
        )
        assert "x100" in metric.meaning and "1411.5726" in metric.source


def test_importing_the_metrics_loads_neither_torch_nor_the_scorer() -> None:
    code = "import sys, vlstudy.metrics.captioning; print(*sorted({'torch', 'pycocoevalcap'} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == ""
