"""The shipped weights leave the four ideas something to do, and the card says how much."""

from pathlib import Path
from typing import Any

import pytest

from vlstudy.backbones import load
from vlstudy.backbones.pretrain import card
from vlstudy.backbones.pretrain.probe import linear_probe
from vlstudy.backbones.towers import Backbone
from vlstudy.data.miniature import CLASSNAMES, TEMPLATES, Scenes, caption_pool, few_shot_pool


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load("miniature")


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return few_shot_pool("test", 10)


@pytest.fixture(scope="module")
def zero_shot(backbone: Backbone, scenes: Scenes) -> float:
    return card.zero_shot(backbone, scenes, backbone.class_text_features(CLASSNAMES, TEMPLATES))


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    return card.read()


def test_zero_shot_is_neither_hopeless_nor_perfect(zero_shot: float) -> None:
    assert 0.40 <= zero_shot <= 0.75


def test_a_linear_probe_finds_more_than_zero_shot(backbone: Backbone, scenes: Scenes, zero_shot: float) -> None:
    assert linear_probe(backbone, scenes, card.SHOTS) >= zero_shot + 0.08


def test_there_is_a_centroid_gap(backbone: Backbone) -> None:
    assert card.pair_numbers(backbone, caption_pool("test", 200))["centroid_gap"] >= 0.4


def test_the_card_is_that_of_the_shipped_weights(zero_shot: float, written: dict[str, Any]) -> None:
    assert written["zero_shot_top1"] == pytest.approx(zero_shot, abs=0.06)
    assert written["seconds"]["wall"] < 3600


def test_part_of_the_attention_lies_on_the_background(backbone: Backbone) -> None:
    attention, area = card.background_attention(backbone, few_shot_pool("test", 1))
    assert 0.1 < attention < 1
    assert 0.5 < area < 1


def test_the_table_shows_every_range(written: dict[str, Any]) -> None:
    shown = card.table(written)
    assert "40.0 % to 75.0 %" in shown
    assert f"{100 * written['zero_shot_top1']:.1f} %" in shown


def test_the_readme_repeats_the_card() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert card.table(card.read()).strip() in readme
