"""Few-shot draws: pure, nested, disjoint, and the published recipe."""

import numpy as np
import pytest

from vlstudy.data.sampling import few_shot
from vlstudy.errors import DataError

LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(5), 12))


def test_a_draw_is_a_pure_function_of_seed_and_shots() -> None:
    one, two = few_shot(LABELS, 4, seed=7), few_shot(LABELS, 4, seed=7)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one.train, few_shot(LABELS, 4, seed=8).train)


@pytest.mark.parametrize(("shots", "held"), [(1, 1), (4, 4), (7, 4)])
def test_train_val_and_rest_partition_the_images(shots: int, held: int) -> None:
    draw = few_shot(LABELS, shots, seed=1)
    assert np.bincount(LABELS[draw.train]).tolist() == [shots] * 5
    assert np.bincount(LABELS[draw.val]).tolist() == [held] * 5
    assert sorted(np.concatenate(draw)) == list(range(60))


def test_fewer_shots_are_part_of_more() -> None:
    fewer, more = (set(few_shot(LABELS, shots, seed=3).train) for shots in (2, 4))
    assert fewer.issubset(more)


def test_the_recipe_is_one_generator_over_the_classes_in_order() -> None:
    rng = np.random.default_rng(2)
    expected = [rng.permutation(np.flatnonzero(label == LABELS))[:3] for label in range(5)]
    assert np.array_equal(few_shot(LABELS, 3, seed=2).train, np.concatenate(expected))


def test_a_small_class_gives_what_it_has() -> None:
    draw = few_shot(np.array([0, 0, 0, 1]), 2, seed=0)
    assert np.bincount(np.array([0, 0, 0, 1])[draw.train]).tolist() == [2, 1]


def test_an_empty_class_is_refused() -> None:
    with pytest.raises(DataError, match="class 1 has no image"):
        few_shot(np.array([0, 2]), 1, seed=0)
