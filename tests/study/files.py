"""A study file that has nothing wrong, for tests to break."""

from pathlib import Path

import pytest

from vlstudy.errors import Problem, StudyError
from vlstudy.study.reading import read

TEXT = """\
study: fma
question: Does a flow beat an adapter?
data: {source: miniature, shots: 16}
backbone: {model: miniature}
objective: val/accuracy
arms:
  - name: zero_shot
    method: zero_shot
  - name: adapter
    method: clip_adapter
    space:
      train.lr: {log_uniform: [1e-4, 1e-2]}
      method.ratio: {uniform: [0.1, 0.9]}
  - name: flow
    method: fma
    fixed: {method.blocks: 4}
    space:
      method.path: {choice: [none, bridge]}
      method.noise: {uniform: [0.0, 1.0], when: {method.path: bridge}}
      method.solver_steps: {axis: [0, 1, 2, 3, 4, 5]}
search: {sampler: tpe, trials: 24, seed: 0}
pruner: {name: asha, reduction: 3, grace: 0.2}
confirm: {top: 1, seeds: 5}
resources: {cpus: 1, gpus: 0, concurrent: auto}
budget: {minutes: 10}
"""


def changed(*changes: tuple[str, str]) -> str:
    """The text with each first string replaced by the second; every first string stands in it exactly once."""
    text = TEXT
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


def problems(folder: Path, text: str | bytes) -> tuple[Problem, ...]:
    """What the reader says about a file with this text."""
    file = folder / "broken.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(StudyError) as caught:
        read(file)
    return caught.value.problems


def one_fault(
    folder: Path, changes: tuple[tuple[str, str], ...], place: tuple[int, int, str], says: str, text: str = TEXT
) -> None:
    """Holds if the reader finds exactly one fault after the changes: its line, column and place, and what it says."""
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    (problem,) = problems(folder, text)
    assert (problem.line, problem.column, problem.where) == place
    assert says in problem.message
