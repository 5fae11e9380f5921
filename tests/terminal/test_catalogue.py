"""What `vlstudy methods` prints."""

from tests.commands import Typed


def test_methods_prints_everything_that_a_file_may_name(typed: Typed) -> None:
    printed = typed("methods")
    for name in (
        *("method.blocks", "method.solver_steps", "method.ratio", "method.c", "train.lr", "data.views", "data.path"),
        *("val/accuracy", "minimize", "search.trials", "tpe, random", "schedule fixed", "interpolant", "1 .. 24"),
    ):
        assert name in printed, name
    assert max(map(len, printed.splitlines())) <= 80


def test_methods_of_one_name(typed: Typed) -> None:
    printed = typed("methods", "clip_adapter")
    assert "method.ratio" in printed and "method.blocks" not in printed
    assert "Did you mean `fma`?" in typed("methods", "fmaa", code=2)
    assert typed("methods", "val/accuracy") == typed("methods", "accuracy")


def test_methods_say_what_can_stand_where(typed: Typed) -> None:
    def words(name: str) -> str:
        return " ".join(typed("methods", name).split())

    assert "Can be trained on another arm: `on: ARM`." in words("fma") and "pictures" not in words("fma")
    assert "Other arms can be trained on its features." in words("clip_lora")
    assert "Trains on pictures." in words("clip_lora")
    assert "Cannot score classes that it was not trained on." in words("linear_probe")
    assert "Features only. Any knob may be {each: [..]}." in words("feature_file")
    assert "metric test/harmonic_mean" in words("test/harmonic_mean")
    assert "can be no objective" in words("harmonic_mean") and "can be no objective" not in words("accuracy")
    masks = next(line for line in typed("methods", "folder").splitlines() if "data.masks" in line)
    assert "none" in masks and "must be given" not in masks


def test_methods_and_schedules_say_what_they_learn_from_and_where_they_are_from(typed: Typed) -> None:
    assert "Learns from captions." in " ".join(typed("methods", "cma").split())
    assert "Learns from labels or captions." in " ".join(typed("methods", "zero_shot").split())
    assert "2503.03202" in typed("methods", "variance_sim") and "2604.00279" in typed("methods", "three_phase")
