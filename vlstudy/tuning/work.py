"""What a worker does with a study, behind a protocol: the engine trains nothing itself."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vlstudy.journal import Header
from vlstudy.measurement import Measurement
from vlstudy.study.spec import Arm, StudySpec

if TYPE_CHECKING:
    from vlstudy.data.pool import Pool
    from vlstudy.data.sets import DevSplits, Splits


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
        self, spec: StudySpec, arm: Arm, settings: Mapping[str, Any], *, seed: int, fresh: bool, state: State | None
    ) -> Iterator[tuple[Measurement, State]]:
        """The measurements after `state` to the end; `fresh` draws for confirmation and not for the search."""

    def test(self, spec: StudySpec, arm: Arm, settings: Mapping[str, Any], state: State, *, seed: int) -> Measurement:
        """The final state of a fresh training on the test split."""

    def load(self, path: Path) -> State:
        """What `State.save` wrote."""


class Training:
    """The real work: `training.fit` on the study's data."""

    def prepare(self, spec: StudySpec) -> Mapping[str, str]:
        """The pool's facts; its features are encoded now, once for all workers."""
        return _pool(spec).facts

    def header(self, spec: StudySpec, facts: Mapping[str, str]) -> Header:
        """The header, from the tables of methods, schedules and metrics."""
        from vlstudy.tuning.header import header_of

        return header_of(spec, facts)

    def train(
        self, spec: StudySpec, arm: Arm, settings: Mapping[str, Any], *, seed: int, fresh: bool, state: State | None
    ) -> Iterator[tuple[Measurement, State]]:
        """`training.fit` on the draw of `seed`."""
        from vlstudy import training
        from vlstudy.study.settings import resolve

        assert state is None or isinstance(state, training.State)
        device = _device(spec)
        resolved = resolve(arm, settings)
        yield from training.fit(
            resolved.method,
            resolved.schedule,
            _fresh(spec, seed).dev if fresh else _development(spec, seed),
            resolved.train,
            seed=seed,
            objective=spec.objective,
            state=state,
            device=device,
        )

    def test(self, spec: StudySpec, arm: Arm, settings: Mapping[str, Any], state: State, *, seed: int) -> Measurement:
        """`training.test` on the draw of `seed`."""
        from vlstudy import training
        from vlstudy.study.settings import resolve

        assert isinstance(state, training.State)
        resolved = resolve(arm, settings)
        splits = _fresh(spec, seed)
        return training.test(resolved.method, state, splits, spec.objective, seed=seed, device=_device(spec))

    def load(self, path: Path) -> State:
        """`training.State.load`."""
        from vlstudy import training

        return training.State.load(path)


@lru_cache(maxsize=1)
def _loaded(source: Any, model: str, pretrained: str | None) -> "Pool":
    """A worker trains many trials of one study: it maps the features once."""
    from vlstudy.data import load

    return load(source, model, pretrained)


def _pool(spec: StudySpec) -> "Pool":
    return _loaded(spec.data, spec.backbone.model, spec.backbone.pretrained)


def _development(spec: StudySpec, seed: int) -> "DevSplits":
    return _pool(spec).dev(seed)


def _fresh(spec: StudySpec, seed: int) -> "Splits":
    return _pool(spec).confirm(seed)


def _device(spec: StudySpec) -> str:
    """The device that the study's resources entitle a trial to, with threads and memory limited to its share."""
    import torch

    torch.set_num_threads(max(1, int(spec.resources.cpus)))
    if not spec.resources.gpus:
        return "cpu"
    if spec.resources.gpus < 1 and torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(spec.resources.gpus)
    return "cuda"
