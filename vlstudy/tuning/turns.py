"""Which trial comes next: a function of the journal, so that a resumed search goes on as if nothing had happened."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from vlstudy.journal.entries import GROUP, POINT, QUEUED, REPLICATE, SERVED, SETTINGS
from vlstudy.journal.ledger import Ledger
from vlstudy.study.space import Axis, Grid, Tied
from vlstudy.study.spec import Arm, StudySpec
from vlstudy.tuning.asking import Suggestion, suggest, wanted
from vlstudy.tuning.cells import enumerated
from vlstudy.tuning.groups import Group, groups_of
from vlstudy.tuning.racing import further
from vlstudy.tuning.standing import best_trials, carried
from vlstudy.tuning.stopping import rests

_POINTS_FROM = 1_000_000  # what points leave open is drawn from numbers of their own, not from the next setting's


@dataclass(frozen=True, kw_only=True)
class Handout:
    """A trial to be trained now: new, or interrupted and to be gone on with."""

    arm: str
    number: int
    settings: Mapping[str, Any]
    seed: int


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What an arm does next: a point of the file, a trial once more, another seed of a setting, or a new setting.

    Attributes:
        queued: where the journal or the file asked for it; "" for what the search came to by itself.
        again: the trial whose setting it repeats; None for a new setting.
        replicate: which of the setting's seeds it is.
        fixed: values that a new setting must have.
    """

    queued: str = ""
    again: FrozenTrial | None = None
    replicate: int = 0
    fixed: Mapping[str, Any] | None = None


class Turns:
    """The arms taking turns.

    Args:
        tell: gets one line for each thing that a user should know.
    """

    def __init__(self, spec: StudySpec, ledger: Ledger, tell: Callable[[str], None]) -> None:
        self._spec, self._ledger, self._tell = spec, ledger, tell
        self._wanted = {arm.name: wanted(arm, spec.search) for arm in spec.arms}
        self._bases = {base.name for arm in spec.arms if (base := spec.base_of(arm))}

    def due(self) -> tuple[Arm, Turn] | None:
        """The arm whose share of wanted settings is begun least, with its turn; None if no arm has one now.

        Arms that others wait for go first, so that a budget leaves the others as much as possible.
        """
        turns = [(arm, turn) for arm in self._spec.arms if (turn := self._turn(arm)) and self._ready(arm)]
        return min(turns, key=lambda item: self._share(item[0]), default=None)

    def begin(self, arm: Arm, turn: Turn) -> Handout | None:
        """The trial of a turn, as the journal has it now; None if its measurements were there already."""
        suggestion = self._suggestion(arm, turn)
        settings = {**suggestion.settings, **({} if turn.again else self._lower(arm))}
        origin: dict[str, Any] = {QUEUED: turn.queued} if turn.queued else {}
        if turn.again is not None:
            group = turn.again.user_attrs.get(GROUP, turn.again.number)
            origin = {**origin, GROUP: group, REPLICATE: turn.replicate}
        if twin := self._twin(arm, settings, turn.replicate):
            number = self._ledger.serve(arm.name, twin, notes=suggestion.notes, attributes=origin)
            first = twin.user_attrs.get(SERVED, twin.number)
            self._tell(f"{arm.name} {number} has the settings of {first}: its measurements are taken from the journal")
            return None
        number = self._ledger.begin(
            arm.name,
            settings,
            suggestion.params,
            suggestion.distributions,
            notes=suggestion.notes,
            attributes=origin,
        )
        return Handout(arm=arm.name, number=number, settings=settings, seed=self._spec.search.seed_of(turn.replicate))

    def handout(self, arm: str, trial: FrozenTrial) -> Handout:
        """A trial that was begun before."""
        seed = self._spec.search.seed_of(trial.user_attrs.get(REPLICATE, 0))
        return Handout(arm=arm, number=trial.number, settings=trial.user_attrs[SETTINGS], seed=seed)

    def _turn(self, arm: Arm) -> Turn | None:
        """What was asked for by hand first, then further seeds, then new settings."""
        trials = self._ledger.trials(arm.name)
        for name, entry in self._ledger.queue(arm.name).items():
            again = trials[entry["trial"]]
            return Turn(queued=name, again=again, replicate=again.user_attrs.get(REPLICATE, 0))
        taken = {trial.user_attrs.get(QUEUED) for trial in trials}
        for index, point in enumerate(arm.points):
            if f"{POINT}{index}" not in taken:
                return Turn(queued=f"{POINT}{index}", fixed=point)
        groups = groups_of(trials)
        more = self._begun(arm, groups) < self._wanted[arm.name] and not rests(self._spec, self._ledger, arm)
        for group in self._further(groups, begun_all=not more):
            return Turn(again=group.trials[0], replicate=len(group.trials))
        return Turn() if more else None

    def _begun(self, arm: Arm, groups: list[Group]) -> int:
        """Settings that were begun; of grids those that differ, so that a point that was tried twice costs no cell."""
        grids = all(
            isinstance(item.distribution, Grid | Axis | Tied) for item in enumerated(arm, self._spec.search).space
        )
        return sum(SERVED not in group.trials[0].user_attrs for group in groups) if grids else len(groups)

    def _further(self, groups: list[Group], *, begun_all: bool) -> list[Group]:
        search, header = self._spec.search, self._ledger.header
        if search.replicates == 1:
            return []
        return further(
            groups, replicates=search.replicates, race=search.race, direction=header.direction, begun_all=begun_all
        )

    def _suggestion(self, arm: Arm, turn: Turn) -> Suggestion:
        if turn.again is not None:
            settings = turn.again.user_attrs[SETTINGS]
            return Suggestion(
                settings=settings, params=turn.again.params, distributions=turn.again.distributions, notes={}
            )
        if turn.fixed is not None:
            number = _POINTS_FROM + int(turn.queued.removeprefix(POINT))
            return suggest(self._ledger, arm, self._spec.search, number, fixed=turn.fixed)
        return suggest(self._ledger, arm, self._spec.search, self._asked(arm.name))

    def _asked(self, arm: str) -> int:
        """How many settings the sampler was asked for."""
        return sum(
            GROUP not in trial.user_attrs and QUEUED not in trial.user_attrs for trial in self._ledger.trials(arm)
        )

    def _twin(self, arm: Arm, settings: Mapping[str, Any], replicate: int) -> FrozenTrial | None:
        """A trial with the same settings and seed that has its verdict: training it again would tell nothing new."""
        key = json.dumps(settings, sort_keys=True)
        return next(
            (
                trial
                for trial in self._ledger.trials(arm.name)
                if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
                and trial.user_attrs.get(REPLICATE, 0) == replicate
                and json.dumps(trial.user_attrs[SETTINGS], sort_keys=True) == key
            ),
            None,
        )

    def _share(self, arm: Arm) -> tuple[bool, float]:
        begun = len(groups_of(self._ledger.trials(arm.name)))
        return arm.name not in self._bases, begun / self._wanted[arm.name]

    def _ready(self, arm: Arm) -> bool:
        """Whether the arm that this one is trained on, if any, is searched to its end and has features to give."""
        base = self._spec.base_of(arm)
        if base is None:
            return True
        running = any(trial.state == TrialState.RUNNING for trial in self._ledger.trials(base.name))
        return not running and self._turn(base) is None and bool(best_trials(self._ledger, base.name, 1))

    def _lower(self, arm: Arm) -> dict[str, Any]:
        """What a new trial stores of the trial that it is trained on; its choice follows from the journal."""
        base = self._spec.base_of(arm)
        return {} if base is None else carried(best_trials(self._ledger, base.name, 1)[0])
