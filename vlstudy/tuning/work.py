"""What a worker does with a study, behind a protocol: the engine trains nothing itself."""

from collections.abc import Generator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vlstudy.journal import Header
from vlstudy.journal.arrays import Arrays
from vlstudy.measurement import Measurement
from vlstudy.study.spec import Arm, StudySpec, label

if TYPE_CHECKING:
    from vlstudy.data.pair_pool import PairPool
    from vlstudy.data.pool import Pool
    from vlstudy.stacking import Base

Below = tuple[Arm, Mapping[str, Any]] | None  # the arm that another is trained on, and its settings; None: the backbone


class State(Protocol):
    """What a training needs to go on."""

    @property
    def measurement(self) -> Measurement:
        """The last one that was given."""

    def save(self, path: Path) -> None:
        """Writes it to `path`, whole or not at all."""


class Work(Protocol):
    """One study's trainings. Instances go to other machines by pickle, and import torch only when they work."""

    def prepare(self, spec: StudySpec) -> Mapping[str, str]:
        """Facts of the data, such as digests and counts; after it the data is ready for every worker."""

    def header(self, spec: StudySpec, facts: Mapping[str, str]) -> Header:
        """What a reader of the journal must know of the study."""

    def train(
        self,
        spec: StudySpec,
        arm: Arm,
        settings: Mapping[str, Any],
        *,
        seed: int,
        fresh: bool,
        state: State | None,
        base: Below,
    ) -> Generator[tuple[Measurement, State]]:
        """The measurements after `state` to the end; `fresh` draws for confirmation and not for the search.

        With `base` the training starts from the features of that arm, trained with those settings on the same draw.
        """

    def test(
        self,
        spec: StudySpec,
        arm: Arm,
        settings: Mapping[str, Any],
        state: State,
        *,
        seed: int,
        base: Below,
        look: bool,
    ) -> tuple[Measurement, Arrays]:
        """The final state of a fresh training on the test split, and with `look` the arrays that the report draws."""

    def load(self, path: Path) -> State:
        """What `State.save` wrote."""


class Training:
    """The real work: `training.fit` on the study's data."""

    def prepare(self, spec: StudySpec) -> Mapping[str, str]:
        """The facts of all conditions; what the search's draw needs is encoded now, once for all workers.

        A fact that differs between conditions is told for each.
        """
        found: dict[str, Mapping[str, str]] = {}
        for where, arm in {label(arm.condition): arm for arm in spec.arms}.items():
            pool = _pool(spec, arm)
            pool.dev(spec.search.seed)
            found[where] = pool.facts
        pairs = [(name, where, value) for where, facts in found.items() for name, value in facts.items()]
        shared = {name for name, _, value in pairs if all(facts.get(name) == value for facts in found.values())}
        return {name if name in shared else f"{name} {where}": value for name, where, value in pairs}

    def header(self, spec: StudySpec, facts: Mapping[str, str]) -> Header:
        """The header, from the tables of methods, schedules and metrics."""
        from vlstudy.tuning.header import header_of

        return header_of(spec, facts)

    def train(
        self,
        spec: StudySpec,
        arm: Arm,
        settings: Mapping[str, Any],
        *,
        seed: int,
        fresh: bool,
        state: State | None,
        base: Below,
    ) -> Generator[tuple[Measurement, State]]:
        """`training.fit` on the draw of `seed`."""
        from vlstudy import training
        from vlstudy.study.settings import resolve

        assert state is None or isinstance(state, training.State)
        resolved, pool, device = resolve(arm, settings), _pool(spec, arm), _device(spec)
        dev = pool.confirm(seed).dev if fresh else pool.dev(seed)
        yield from training.fit(
            resolved.method,
            resolved.schedule,
            _stacked(spec, base, seed, fresh).dev(dev) if base else dev,
            resolved.train,
            seed=seed,
            objective=spec.objective,
            state=state,
            device=device,
        )

    def test(
        self,
        spec: StudySpec,
        arm: Arm,
        settings: Mapping[str, Any],
        state: State,
        *,
        seed: int,
        base: Below,
        look: bool,
    ) -> tuple[Measurement, Arrays]:
        """`training.test` on the draw of `seed`."""
        from vlstudy import training
        from vlstudy.study.settings import resolve

        assert isinstance(state, training.State)
        resolved = resolve(arm, settings)
        splits = _pool(spec, arm).confirm(seed)
        seen = _stacked(spec, base, seed, fresh=True).splits(splits) if base else splits
        return training.test(resolved.method, state, seen, spec.tested, seed=seed, look=look, device=_device(spec))

    def load(self, path: Path) -> State:
        """`training.State.load`."""
        from vlstudy import training

        return training.State.load(path)


@lru_cache(maxsize=8)
def _loaded(source: Any, model: str, pretrained: str | None) -> "Pool | PairPool":
    """A worker trains many trials of one study, perhaps under several conditions: it maps the features once."""
    from vlstudy.data import load

    return load(source, model, pretrained)


def _pool(spec: StudySpec, arm: Arm) -> "Pool | PairPool":
    return _loaded(spec.data_of(arm), spec.backbone.model, spec.backbone.pretrained)


def _stacked(spec: StudySpec, base: tuple[Arm, Mapping[str, Any]], seed: int, fresh: bool) -> "Base":
    """The arm below with all that its training depends on, so that a machine trains it once for all above it."""
    from vlstudy.stacking import Base
    from vlstudy.study.settings import resolve

    arm, settings = base
    resolved = resolve(arm, settings)
    key = {
        **_pool(spec, arm).facts,
        "source": repr(spec.data_of(arm)),
        "backbone": f"{spec.backbone.model} {spec.backbone.pretrained}",
        "settings": repr(resolved),
        "draw": "confirm" if fresh else "search",
    }
    return Base(
        method=resolved.method,
        schedule=resolved.schedule,
        settings=resolved.train,
        key=key,
        seed=seed,
        objective=spec.objective,
        device=_device(spec),
    )


def _device(spec: StudySpec) -> str:
    """The device that the study's resources entitle a trial to, with threads and memory limited to its share."""
    import torch

    torch.set_num_threads(max(1, int(spec.resources.cpus)))
    if not spec.resources.gpus:
        return "cpu"
    if spec.resources.gpus < 1 and torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(spec.resources.gpus)
    return "cuda"
