"""Who gets another seed, and which further seed is stopped."""

import random

import pytest
from optuna.trial import FrozenTrial, TrialState

from tests.tuning.seeds import raced, seeded
from vlstudy.tuning.groups import Group, groups_of
from vlstudy.tuning.racing import apart, falls_behind, further, worse

RUNNING, PRUNED = TrialState.RUNNING, TrialState.PRUNED


def asked(
    trials: list[FrozenTrial],
    *,
    replicates: int = 5,
    race: str = "interval",
    direction: str = "maximize",
    begun_all: bool = False,
) -> list[int]:
    """The numbers of the settings that get another seed."""
    found: list[Group] = further(
        groups_of(trials), replicates=replicates, race=race, direction=direction, begun_all=begun_all
    )
    return [group.number for group in found]


def test_the_better_half_gets_another_seed_the_best_first() -> None:
    assert asked(raced((0.5,), (0.9,), (0.7,), (0.8,))) == [1, 3]
    assert asked(raced((0.5,), (0.9,), (0.7,), (0.8,)), direction="minimize") == [0, 2]


def test_the_setting_that_is_further_comes_before_a_better_one() -> None:
    assert asked(raced((0.90, 0.80), (0.95,), (0.6,), (0.6,)), begun_all=True) == [0, 2]


def test_of_settings_that_are_equal_the_earlier_ones_are_the_better_half() -> None:
    assert asked(raced((0.75,), (0.75,), (0.75,), (0.75,))) == [0, 1]


def test_a_setting_alone_waits_for_company_until_all_are_begun() -> None:
    assert asked(raced((0.5,))) == []
    assert asked(raced((0.5,)), begun_all=True) == [0]


def test_as_long_as_a_trial_runs_the_last_word_is_not_spoken() -> None:
    assert asked([*raced((0.5,)), seeded(1, state=RUNNING)], begun_all=True) == []


def test_a_setting_whose_seed_runs_gets_no_other_one() -> None:
    trials = [*raced((0.9,), (0.5,)), seeded(2, group=0, replicate=1, state=RUNNING)]
    assert asked(trials) == []


@pytest.mark.parametrize("state", [PRUNED, TrialState.FAIL])
def test_a_setting_whose_seed_was_pruned_or_failed_gets_no_other_one(state: TrialState) -> None:
    ended = seeded(3, 0.1 if state == PRUNED else None, group=0, replicate=1, state=state)
    assert asked([*raced((0.9,), (0.8,), (0.5,)), ended], begun_all=True) == [1]


def test_a_complete_setting_gets_no_other_seed() -> None:
    assert asked(raced((0.9, 0.9), (0.1, 0.1)), replicates=2, begun_all=True) == []


def test_a_setting_that_breaks_a_constraint_does_not_race_against_one_that_holds_them() -> None:
    breaks, holds = seeded(0, 0.9, violated=0.1), seeded(1, 0.5, violated=-0.1)
    assert asked([breaks, holds], begun_all=True) == [1]
    assert asked([breaks], begun_all=True) == [0]


def test_settings_are_compared_on_the_same_seeds() -> None:
    """On its first seed the leader was worse than the other one, which is thus in the better half of the two."""
    assert asked(raced((0.6, 0.99), (0.65,))) == [2]
    assert asked(raced((0.7, 0.89), (0.65,))) == []


def test_an_interval_tells_settings_apart_only_with_a_spread_to_measure_by() -> None:
    assert not apart((0.1,), (0.9,), [(0.1,), (0.9,)])
    assert apart((0.1,), (0.9, 0.91), [(0.1,), (0.9, 0.91)])
    assert not apart((0.9, 0.91), (0.1,), [(0.1,), (0.9, 0.91)])
    assert not apart((0.5,), (0.4, 0.8), [(0.5,), (0.4, 0.8)])


def test_the_interval_is_that_of_the_pooled_spread() -> None:
    """Variances 0.02 and 0 with 1 freedom each: s = 0.1; t(0.95, 2) = 2.92, so two seeds reach 0.2065 each."""
    one, other = (0.4, 0.6), (0.9, 0.9)
    assert not apart(one, other, [one, other])
    assert apart(one, (0.92, 0.92), [one, (0.92, 0.92)])


def test_the_race_drops_a_setting_of_the_better_half_that_is_apart_from_the_best() -> None:
    trials = raced((0.9, 0.91), (0.5,), (0.1,), (0.1,))
    assert asked(trials, race="interval", begun_all=True) == [0]
    assert asked(trials, race="wilcoxon", begun_all=True) == [0, 2]


def test_wilcoxon_tells_nothing_apart_before_the_fourth_pair() -> None:
    """Four pairs in one direction have p = 1/16, three 1/8."""
    assert not worse((0.1, 0.1, 0.1), (0.9, 0.8, 0.7))
    assert worse((0.1, 0.1, 0.1, 0.1), (0.9, 0.8, 0.7, 0.6))
    assert not worse((0.9, 0.8, 0.7, 0.6), (0.1, 0.1, 0.1, 0.1))
    assert not worse((0.5,) * 4, (0.5,) * 4)


@pytest.mark.parametrize("race", ["interval", "wilcoxon"])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("seed", range(8))
def test_every_race_ends_with_a_complete_setting_however_its_trials_end(race: str, direction: str, seed: int) -> None:
    """Settings come one by one, seeds as the race asks for them; at most one in six further seeds is pruned."""
    draw = random.Random(seed)
    settings: list[list[float | None]] = []
    while True:
        trials = _listed(settings)
        found = asked(trials, replicates=4, race=race, direction=direction, begun_all=len(settings) == 12)
        assert found == asked(trials, replicates=4, race=race, direction=direction, begun_all=len(settings) == 12)
        if found:
            index = next(i for i, number in enumerate(_firsts(settings)) if number == found[0])
            rest = sum(None not in values for values in settings)
            settings[index].append(None if draw.random() < 1 / 6 and rest > 1 else draw.random())
        elif len(settings) < 12:
            settings.append([draw.random()])
        else:
            break
    whole = [values for values in settings if None not in values and len(values) == 4]
    assert whole
    assert max(map(len, settings)) == 4


def _firsts(settings: list[list[float | None]]) -> list[int]:
    return [sum(map(len, settings[:index])) for index in range(len(settings))]


def _listed(settings: list[list[float | None]]) -> list[FrozenTrial]:
    """None stands for a pruned trial."""
    trials: list[FrozenTrial] = []
    for values in settings:
        first = len(trials)
        for replicate, value in enumerate(values):
            state = PRUNED if value is None else TrialState.COMPLETE
            group = first if replicate else None
            trials.append(seeded(len(trials), value or 0.0, group=group, replicate=replicate, state=state))
    return trials


def second(number: int, group: int, at_33: float) -> FrozenTrial:
    """A second seed on its way, at 33 % of its training."""
    return seeded(number, group=group, replicate=1, state=RUNNING, shown={33: at_33})


def test_a_further_seed_stops_by_the_mean_of_its_setting_and_not_by_its_own_value() -> None:
    first = [seeded(0, 0.9, shown={33: 0.8}), seeded(1, 0.6, shown={33: 0.5})]
    lucky = [*first, second(2, 0, 0.4), second(3, 1, 0.5)]  # means 0.6 and 0.5, though 0.4 < 0.5
    assert not falls_behind(groups_of(lucky), 2, 33, direction="maximize")
    assert falls_behind(groups_of(lucky), 3, 33, direction="maximize")
    assert falls_behind(groups_of(lucky), 2, 33, direction="minimize")


def test_the_better_half_of_three_are_two() -> None:
    first = [seeded(number, 0.5, shown={33: 0.5}) for number in range(3)]
    trials = [*first, second(3, 0, 0.9), second(4, 1, 0.5), second(5, 2, 0.1)]
    assert [falls_behind(groups_of(trials), number, 33, direction="maximize") for number in (3, 4, 5)] == [
        False,
        False,
        True,
    ]


def test_a_further_seed_is_compared_with_as_many_seeds_only() -> None:
    """The lucky first seeds of others, which have no second one, stop nobody."""
    trials = [seeded(0, 0.5, shown={33: 0.4}), *(seeded(n, 0.9, shown={33: 0.8}) for n in (1, 2, 3))]
    assert not falls_behind(groups_of([*trials, second(4, 0, 0.4)]), 4, 33, direction="maximize")


def test_a_further_seed_is_compared_at_equal_progress() -> None:
    """The other setting's end is far above; at 33 % it was below."""
    other = [seeded(0, 0.9, shown={33: 0.3, 100: 0.9}), seeded(1, 0.9, group=0, replicate=1, shown={33: 0.3, 100: 0.9})]
    own = [seeded(2, 0.5, shown={33: 0.4, 100: 0.5}), seeded(3, group=2, replicate=1, state=RUNNING, shown={33: 0.4})]
    assert not falls_behind(groups_of([*other, *own]), 3, 33, direction="maximize")


def test_a_setting_that_breaks_a_constraint_stops_none_that_holds_them() -> None:
    better = [seeded(0, 0.9, shown={33: 0.8}, violated=0.5), second(1, 0, 0.8)]
    own = [seeded(2, 0.5, shown={33: 0.4}, violated=-0.5), second(3, 2, 0.4)]
    groups = groups_of([*better, *own])
    assert not falls_behind(groups, 3, 33, direction="maximize")
    assert not falls_behind(groups, 1, 33, direction="maximize")


def test_a_seed_that_was_not_measured_at_a_rung_is_compared_where_it_was_before() -> None:
    """Measurements at 30 and 60 % have nothing at 33 %; what it showed at 30 % stands."""
    other = [seeded(0, 0.9, shown={30: 0.6, 60: 0.7}), seeded(1, group=0, replicate=1, state=RUNNING, shown={30: 0.6})]
    own = [seeded(2, 0.5, shown={33: 0.4}), second(3, 2, 0.4)]
    assert not falls_behind(groups_of([*other, *own]), 3, 33, direction="maximize")  # the other is not at 33 % yet
    other[1].intermediate_values[60] = 0.7
    assert falls_behind(groups_of([*other, *own]), 3, 33, direction="maximize")
