"""From an arm and a suggestion to what a training takes."""

import pytest

from vlstudy.methods.clip_adapter import ClipAdapter
from vlstudy.methods.fma import Fma
from vlstudy.schedules.fixed import Fixed
from vlstudy.study.settings import Settings, resolve
from vlstudy.study.space import Axis, Dimension, Uniform
from vlstudy.study.spec import Arm
from vlstudy.training import TrainSettings


def test_what_is_not_said_has_its_default() -> None:
    arm = Arm(name="adapter", method="clip_adapter")
    assert resolve(arm, {}) == Settings(method=ClipAdapter(), schedule=Fixed(), train=TrainSettings())


def test_fixed_values_axes_and_suggestions_meet() -> None:
    arm = Arm(
        name="flow",
        method="fma",
        fixed={"method.blocks": 4, "train.epochs": 60},
        space=(
            Dimension(name="method.noise", distribution=Uniform(0.0, 1.0)),
            Dimension(name="method.solver_steps", distribution=Axis((0, 1, 2))),
        ),
    )
    settings = resolve(arm, {"method.noise": 0.25, "train.lr": 1e-3})
    assert settings.method == Fma(blocks=4, noise=0.25, solver_steps=(0, 1, 2))
    assert settings.train == TrainSettings(epochs=60, lr=1e-3)


def test_lists_of_the_journal_become_tuples() -> None:
    settings = resolve(Arm(name="flow", method="fma"), {"method.readout_steps": [0, 8]})
    assert settings.method == Fma(readout_steps=(0, 8))


def test_a_knob_that_does_not_exist_is_no_silent_default() -> None:
    with pytest.raises(TypeError, match="blocks"):
        resolve(Arm(name="adapter", method="clip_adapter"), {"method.blocks": 4})
