"""Settings with several seeds: which trials are one setting, and what a sampler sees of it."""

import math

import pytest
from optuna.trial import TrialState

from tests.tuning.seeds import raced, seeded
from vlstudy.tuning.groups import groups_of, means, shown

RUNNING, PRUNED, FAIL = TrialState.RUNNING, TrialState.PRUNED, TrialState.FAIL


def test_trials_of_one_setting_are_one_group_in_the_order_of_their_replicates() -> None:
    trials = [
        seeded(0, 0.5),
        seeded(1, 0.6),
        seeded(2, 0.9, group=0, replicate=2),
        seeded(3, 0.7, group=0, replicate=1),
    ]
    first, second = groups_of(trials)
    assert (first.number, first.values) == (0, (0.5, 0.7, 0.9))
    assert (second.number, second.values) == (1, (0.6,))


def test_a_trial_that_was_tried_again_stands_for_the_one_that_failed() -> None:
    failed, again = seeded(0, state=FAIL), seeded(1, 0.5, group=0)
    assert groups_of([failed])[0].given_up
    (group,) = groups_of([failed, again])
    assert (group.trials, group.given_up, group.values) == ((again,), False, (0.5,))


@pytest.mark.parametrize(
    ("state", "running", "given_up"), [(RUNNING, True, False), (PRUNED, False, True), (FAIL, False, True)]
)
def test_a_group_knows_whether_a_seed_is_not_over_and_whether_one_was_given_up(
    state: TrialState, running: bool, given_up: bool
) -> None:
    ended = seeded(1, group=0, replicate=1, state=state, value=0.1 if state == PRUNED else None)
    (group,) = groups_of([seeded(0, 0.5), ended])
    assert (group.running, group.given_up, group.values) == (running, given_up, (0.5,))


def test_constraints_hold_in_the_mean_of_the_seeds() -> None:
    trials = [seeded(0, 0.5, violated=0.5), seeded(1, 0.5, group=0, replicate=1, violated=-1.5)]
    assert not groups_of(trials[:1])[0].feasible
    (group,) = groups_of(trials)
    assert group.feasible
    assert list(group.violations.values()) == [-0.5]
    assert shown(trials)[0].constraints == {"val/dimension": -0.5}


def test_a_sampler_sees_the_very_trials_where_each_setting_has_one_seed() -> None:
    trials = [seeded(0, 0.5), seeded(1, state=RUNNING), seeded(2, 0.1, state=PRUNED), seeded(3, state=FAIL)]
    assert shown(trials) is trials


def test_a_sampler_sees_one_trial_a_setting_with_the_mean_of_its_seeds() -> None:
    trials = raced((0.5, 0.7), (0.9,))
    one, other = shown(trials)
    assert (one.number, one._trial_id, one.state) == (0, 100, TrialState.COMPLETE)
    assert one.value == pytest.approx(0.6)
    assert other is trials[2]
    assert trials[0].value == 0.5  # the journal's own trials are not touched


def test_intermediate_values_are_means_over_the_seeds_that_came_so_far() -> None:
    trials = [
        seeded(0, 0.5, shown={33: 0.2, 66: 0.4}),
        seeded(1, group=0, replicate=1, state=RUNNING, shown={33: 0.4}),
    ]
    (one,) = shown(trials)
    assert one.intermediate_values == {33: pytest.approx(0.3), 66: 0.4}
    assert (one.state, one.value, one.datetime_complete) == (TrialState.COMPLETE, 0.5, None)


def test_a_setting_whose_further_seed_was_pruned_is_pruned_for_a_sampler() -> None:
    (one,) = shown([seeded(0, 0.5), seeded(1, 0.1, group=0, replicate=1, state=PRUNED)])
    assert one.state == PRUNED
    assert one.value == pytest.approx(0.3)


def test_a_setting_whose_further_seed_failed_has_failed_for_a_sampler() -> None:
    (one,) = shown([seeded(0, 0.5), seeded(1, group=0, replicate=1, state=FAIL)])
    assert (one.state, one.values) == (FAIL, None)


def test_an_unmeasurable_constraint_stays_violated_in_the_mean() -> None:
    trials = [seeded(0, 0.5, violated=-1.0), seeded(1, 0.5, group=0, replicate=1, violated=math.inf)]
    assert not groups_of(trials)[0].feasible


def test_means_are_of_columns() -> None:
    assert means([[1.0, 0.0], [3.0, 1.0]]) == [2.0, 0.5]
