"""Trials of settings with several seeds, as a journal has them."""

from collections.abc import Mapping, Sequence

from optuna.trial import FrozenTrial, TrialState, create_trial

from vlstudy.journal.entries import CONSTRAINT, GROUP, REPLICATE


def seeded(
    number: int,
    value: float | None = None,
    *,
    group: int | None = None,
    replicate: int = 0,
    state: TrialState = TrialState.COMPLETE,
    shown: Mapping[int, float] | None = None,
    violated: float | None = None,
) -> FrozenTrial:
    """One trial; of a setting with one seed unless `group` says otherwise."""
    trial = create_trial(
        state=state,
        value=value,
        user_attrs={} if group is None else {GROUP: group, REPLICATE: replicate},
        system_attrs={} if violated is None else {f"{CONSTRAINT}:val/dimension": violated},
        intermediate_values=dict(shown or {}),
    )
    trial.number, trial._trial_id = number, 100 + number
    return trial


def raced(*settings: Sequence[float]) -> list[FrozenTrial]:
    """Complete trials: for each setting the values of its seeds; a setting's trials follow one another."""
    trials: list[FrozenTrial] = []
    for values in settings:
        first = len(trials)
        trials += [
            seeded(first + index, value, group=first if index else None, replicate=index)
            for index, value in enumerate(values)
        ]
    return trials
