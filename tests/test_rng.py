"""Named randomness depends on its name, seed and step, and on nothing else."""

import numpy as np

from vlstudy.rng import derive, generator


def test_a_stream_is_a_pure_function_of_its_arguments() -> None:
    first = generator(1, "noise", 2).random(4)
    np.random.default_rng().random(9)
    assert np.array_equal(generator(1, "noise", 2).random(4), first)


def test_seed_stream_and_step_each_change_it() -> None:
    drawn = {derive(0, "a", 0), derive(1, "a", 0), derive(0, "b", 0), derive(0, "a", 1), derive(0, "a/1", 0)}
    assert len(drawn) == 5
    assert all(0 <= seed < 2**63 for seed in drawn)


def test_the_numbers_do_not_change_between_versions() -> None:
    assert derive(0, "order", 3) == 2723741169552378311
