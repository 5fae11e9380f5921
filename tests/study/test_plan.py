"""The numbers that are known before anything runs."""

import pytest

from vlstudy.study.plan import Length, length
from vlstudy.study.space import Axis, Choice, Dimension, Int
from vlstudy.study.spec import Arm, PrunerSpec


def test_steps_are_epochs_times_batches() -> None:
    arm = Arm(name="flow", method="fma", fixed={"train.epochs": 3, "train.batch": 32, "train.evaluations": 5})
    assert length(arm, images=100) == Length(steps=(12, 12), measurements=(5, 5), points=1)


def test_searched_lengths_have_both_ends() -> None:
    epochs = Dimension(name="train.epochs", distribution=Int(1, 10))
    batch = Dimension(name="train.batch", distribution=Choice((64, 16)))
    axis = Dimension(name="method.solver_steps", distribution=Axis((0, 2, 4)))
    found = length(Arm(name="flow", method="fma", space=(epochs, batch, axis)), images=100)
    assert found == Length(steps=(2, 70), measurements=(2, 10), points=3)


def test_a_conditional_length_can_be_the_default_as_well() -> None:
    epochs = Dimension(name="train.epochs", distribution=Int(1, 10), when={"method.path": "bridge"})
    path = Dimension(name="method.path", distribution=Choice(("none", "bridge")))
    arm = Arm(name="flow", method="fma", space=(path, epochs), fixed={"train.batch": 100})
    assert length(arm, images=100).steps == (1, 100)


def test_what_is_not_trained_by_steps_is_measured_once() -> None:
    assert length(Arm(name="probe", method="linear_probe"), images=100) == Length(
        steps=(0, 0), measurements=(1, 1), points=1
    )


@pytest.mark.parametrize(
    ("pruner", "percents"),
    [
        (PrunerSpec(name="asha", reduction=3, grace=0.2), (20, 60)),
        (PrunerSpec(name="asha", reduction=2, grace=0.01), (1, 2, 4, 8, 16, 32, 64)),
        (PrunerSpec(name="hyperband", reduction=4, grace=0.25), (25,)),
        (PrunerSpec(name="median", grace=0.5), (50,)),
        (PrunerSpec(name="none"), ()),
        (PrunerSpec(name="asha", grace=1.0), ()),
    ],
)
def test_percentages_at_which_trials_are_compared(pruner: PrunerSpec, percents: tuple[int, ...]) -> None:
    assert pruner.rungs == percents
