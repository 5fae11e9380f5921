"""AlignCLIP's behaviour: checks 24 (in a world with a planted object) and 25 of the specification."""

from functools import cache

import numpy as np
import torch
from scipy.stats import spearmanr

from tests.planted import planted
from tests.toy_pixels import toy_pictures
from vlstudy.methods.alignclip import AlignClip
from vlstudy.schedules import SCHEDULES
from vlstudy.training import TrainSettings, build, fit
from vlstudy.training import test as measure_test

SEEDS, ALIGNED = (0, 1, 2), (1, 2, 3)
SETTINGS = TrainSettings(epochs=12, lr=1e-3, evaluations=1, crop=1.0)
PLAIN = AlignClip(weight=0.0, sls="off", margin=0.0, beta=0.0)


@cache
def looking(target: str, weight: float, seed: int) -> float:
    """Share of the aligned blocks' class-token attention on the planted patch, of test images whose cue flips."""
    method = AlignClip(
        target=target,
        weight=weight,
        kappa=0.05,
        layers=len(ALIGNED),
        branch_blocks=6,
        sim_align="off",
        sls="off",
        margin=0.0,
        beta=0.0,
    )
    splits = planted(seed).confirm(seed)
    ((_, state),) = fit(method, SCHEDULES["fixed"](), splits.dev, SETTINGS, seed=seed, objective="val/accuracy")
    tested, _ = measure_test(method, state, splits, "val/accuracy", seed=seed)
    return float(np.mean([tested.metrics[f"test/attention_on_object@{layer}"] for layer in ALIGNED]))


def test_check_24_alignment_draws_attention_to_the_planted_object_and_the_control_does_not() -> None:
    plain = [looking("branch", 0.0, seed) for seed in SEEDS]
    gained = [looking("branch", 10.0, seed) - start for seed, start in zip(SEEDS, plain, strict=True)]
    uniform = [looking("uniform", 10.0, seed) - start for seed, start in zip(SEEDS, plain, strict=True)]
    assert np.mean(gained) > 0.1 and min(gained) > 0
    assert np.mean(uniform) < 0


def ordered(method: AlignClip, seed: int) -> float:
    """Mean rank correlation, over the wrong classes of each test image, of probabilities with cosines of the texts."""
    splits = toy_pictures(per_class=8).confirm(seed)
    settings = TrainSettings(epochs=10, lr=1e-3, evaluations=1)
    ((_, state),) = fit(method, SCHEDULES["fixed"](), splits.dev, settings, seed=seed, objective="val/accuracy")
    model = build(method, splits.dev, seed).eval()
    model.load_state_dict(state.model, strict=False)
    (group,) = splits.test
    with torch.inference_mode():
        scores = method.logits(model, group.images, group.classes)[0]
    cosines = group.classes.text_features @ group.classes.text_features.T
    found = []
    for label, row in zip(group.images.labels.tolist(), scores, strict=True):
        wrong = torch.arange(len(row)) != label
        found.append(spearmanr(row[wrong].numpy(), cosines[label][wrong].numpy()).statistic)
    return float(np.mean(found))


def test_check_25_semantic_smoothing_orders_the_wrong_classes() -> None:
    """On the miniature: a smoothing that is sharp enough for its texts (the released sigma); a flat one does not."""
    smoothed = AlignClip(weight=0.0, sls="convex", eps=0.6, sigma=35.0, margin=0.0, beta=0.0)
    gains = [ordered(smoothed, seed) - ordered(PLAIN, seed) for seed in SEEDS]
    assert np.mean(gains) > 0.03 and min(gains) > 0
