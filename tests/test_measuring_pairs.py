"""What is measured of images with captions: on validation, on test, under noise, and where there are no classes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.toy_pairs import toy_pairs, without_classes
from vlstudy.data.sets import Group, Splits
from vlstudy.measurement import Measurement
from vlstudy.methods.cma import Cma
from vlstudy.methods.contrastive import Contrastive
from vlstudy.methods.mean_centring import MeanCentring
from vlstudy.methods.protocol import Method
from vlstudy.methods.zero_shot import ZeroShot
from vlstudy.schedules.fixed import Fixed
from vlstudy.schedules.three_phase import ThreePhase
from vlstudy.schedules.variance_sim import VarianceSim
from vlstudy.training import State, TrainSettings, fit
from vlstudy.training import test as measure_test

RECALLS = {f"{way}_recall@{depth}" for way in ("image_to_text", "text_to_image") for depth in (1, 5, 10)}


def splits(*, classes: bool = True, noisy: bool = False, captioning: bool = False) -> Splits:
    dev = toy_pairs() if classes else without_classes(toy_pairs())
    test = Group(name="", images=dev.val, classes=dev.classes)
    mixed = replace(dev.val, image_features=dev.val.image_features.roll(1, 0))
    groups = [replace(test, name="caption=0.1"), Group(name="caption=0.5", images=mixed, classes=dev.classes)]
    return Splits(dev=dev, test=(test,), noisy=tuple(groups if noisy else ()), captioning=captioning)


def measured(method: Method, given: Splits, *, look: bool = False) -> tuple[Measurement, dict[str, np.ndarray]]:
    ((_, state),) = fit(method, Fixed(), given.dev, TrainSettings(), seed=0, objective="val/mean_recall")
    found, evidence = measure_test(method, state, given, "val/mean_recall", seed=0, look=look)
    return found, dict(evidence)


def test_pairs_are_measured_beside_classes() -> None:
    found, _ = measured(ZeroShot(), splits())
    names = {name.removeprefix("test/") for name in found.metrics}
    assert RECALLS | {"mean_recall", "centroid_gap", "distribution_gap", "joint_ari", "modality_probe"} <= names
    assert {"accuracy", "cross_entropy"} <= names and "cider" not in names
    dev = splits().dev
    matched = dev.val.captions
    assert matched is not None
    first = matched.text_features[matched.first_each()]
    gap = float((dev.val.image_features.mean(0) - first.mean(0)).norm())
    assert found.metrics["test/centroid_gap"] == pytest.approx(gap, abs=1e-5)


def test_validation_lacks_what_only_the_test_measures() -> None:
    ((measurement, _),) = fit(ZeroShot(), Fixed(), toy_pairs(), TrainSettings(), seed=0, objective="val/mean_recall")
    names = {name.removeprefix("val/") for name in measurement.metrics}
    assert RECALLS | {"mean_recall", "knn_mixing", "accuracy"} <= names
    assert not {"joint_ari", "modality_probe"} & names


def test_without_classes_there_is_no_accuracy() -> None:
    found, evidence = measured(ZeroShot(), splits(classes=False), look=True)
    assert "test/mean_recall" in found.metrics
    assert not any(word in name for name in found.metrics for word in ("accuracy", "entropy", "joint"))
    assert "reliability" not in evidence and "tsne" in evidence


def test_recall_under_noise_and_its_area() -> None:
    found, _ = measured(ZeroShot(), splits(noisy=True))
    clean, same, mixed = (found.metrics[f"test/mean_recall{end}"] for end in ("", "@caption=0.1", "@caption=0.5"))
    assert same == clean and mixed < 0.7 * clean
    by_hand = (0.1 + 0.4 * (1 + mixed / clean) / 2) / 0.5
    assert found.metrics["test/caption_noise_robustness"] == pytest.approx(by_hand)
    assert "test/pixel_noise_robustness" not in found.metrics


def test_the_map_is_drawn_only_where_somebody_looks() -> None:
    given = splits()
    assert measured(MeanCentring(), given)[1] == {}
    _, evidence = measured(MeanCentring(), given, look=True)
    assert {"tsne", "tsne_classes", "tsne_metrics", "reliability"} <= evidence.keys()


def test_captions_are_written_where_they_are_asked_for() -> None:
    found, evidence = measured(ZeroShot(), splits(captioning=True), look=True)
    assert {"test/cider", "test/cider_memory"} <= found.metrics.keys()
    assert {"caption_written", "caption_cider", "caption_references"} <= evidence.keys()


def test_the_schedule_says_what_it_does_and_goes_on_where_it_was() -> None:
    settings = TrainSettings(epochs=10, batch=16, evaluations=4)

    def run(state: State | None = None) -> list[tuple[Measurement, State]]:
        schedule = ThreePhase(alpha_target=0.5, anchor=0.25, ramp=0.5, gate="off")
        return list(fit(Cma(), schedule, toy_pairs(), settings, seed=0, objective="val/mean_recall", state=state))

    whole = run()
    alphas = [measurement.signals["alpha"] for measurement, _ in whole]
    assert alphas == sorted(alphas) and alphas[0] == 0 and alphas[-1] == 0.5
    rest = run(whole[1][1])
    assert [m.signals for m, _ in rest] == [m.signals for m, _ in whole[2:]]
    ends = rest[-1][1].model, whole[-1][1].model
    assert ends[0].keys() == ends[1].keys() and all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_check_29_gamma_0_is_fixed_bit_for_bit() -> None:
    settings = TrainSettings(epochs=13, batch=16, evaluations=1)
    states = [
        list(fit(Contrastive(), schedule, toy_pairs(), settings, seed=0, objective="val/mean_recall"))[-1][1]
        for schedule in (Fixed(), VarianceSim(gamma=0.0))
    ]
    assert states[0].measurement.step == 52
    assert all(torch.equal(value, states[1].model[name]) for name, value in states[0].model.items())
