"""Semantic label smoothing and the margin metric softmax: the checks of the specification."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from vlstudy.losses import label_targets, margin_logits, smoothing_matrix, soft_cross_entropy

CLASSES, WIDTH, SIGMA, EPS = 6, 12, 3.0, 0.9


def unit(rows: int, seed: int) -> Tensor:
    return normalize(torch.randn(rows, WIDTH, generator=torch.Generator().manual_seed(seed)), dim=-1)


TEXTS, FEATURES, LABELS = unit(CLASSES, seed=0), unit(8, seed=1), torch.tensor([0, 1, 2, 3, 4, 5, 5, 0])
SMOOTHING = smoothing_matrix(TEXTS, SIGMA)
LOGITS = 20 * FEATURES @ TEXTS.T


def loss(mode: str, eps: float = EPS, smoothing: Tensor = SMOOTHING) -> Tensor:
    return soft_cross_entropy(LOGITS, label_targets(smoothing, eps, mode)[LABELS])


def test_check_12_rows_are_distributions_in_the_ratio_of_the_cosines() -> None:
    torch.testing.assert_close(SMOOTHING.sum(dim=1), torch.ones(CLASSES))
    ratio = SMOOTHING / SMOOTHING.diagonal()[:, None]
    torch.testing.assert_close(ratio, (SIGMA * (TEXTS @ TEXTS.T - 1)).exp())
    torch.testing.assert_close(ratio, ratio.T)


def test_check_12_from_uniform_to_the_identity() -> None:
    torch.testing.assert_close(smoothing_matrix(TEXTS, 0.0), torch.full((CLASSES, CLASSES), 1 / CLASSES))
    torch.testing.assert_close(smoothing_matrix(TEXTS, 1e4), torch.eye(CLASSES))
    assert SMOOTHING.diagonal().max() < 0.999


def test_check_12_no_gradient_passes_the_matrix() -> None:
    assert not smoothing_matrix(TEXTS.clone().requires_grad_(), SIGMA).requires_grad


def test_check_13_row_sums() -> None:
    released = label_targets(SMOOTHING, EPS, "released").sum(dim=1)
    torch.testing.assert_close(released, EPS + 1 - SMOOTHING.diagonal())
    assert (released - 1).abs().max() > 0.01
    for mode in ("convex", "redistribute", "uniform", "off"):
        torch.testing.assert_close(label_targets(SMOOTHING, EPS, mode).sum(dim=1), torch.ones(CLASSES))


def test_check_14_convex_at_its_ends() -> None:
    torch.testing.assert_close(loss("convex", eps=1.0), cross_entropy(LOGITS, LABELS))
    classical = cross_entropy(LOGITS, LABELS, label_smoothing=1 - EPS)
    torch.testing.assert_close(loss("convex", smoothing=smoothing_matrix(TEXTS, 0.0)), classical)
    torch.testing.assert_close(loss("uniform"), classical)
    torch.testing.assert_close(loss("off"), cross_entropy(LOGITS, LABELS))
    assert abs(loss("convex") - classical) > 1e-3


def test_check_14_redistribute_keeps_the_true_class_and_the_order_of_the_others() -> None:
    targets = label_targets(SMOOTHING, EPS, "redistribute")
    assert torch.equal(targets.diagonal(), torch.full((CLASSES,), EPS))
    for label in range(CLASSES):
        others = [other for other in range(CLASSES) if other != label]
        by_cosine = sorted(others, key=lambda other: float(TEXTS[label] @ TEXTS[other]))
        assert by_cosine == sorted(others, key=lambda other: float(targets[label, other]))
        by_hand = (1 - EPS) * SMOOTHING[label, others] / (1 - SMOOTHING[label, label])
        torch.testing.assert_close(targets[label, others], by_hand)


def test_check_14_redistribute_survives_classes_that_are_far_apart() -> None:
    far = smoothing_matrix(torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.6, 0.8]]), 35.0)
    assert far[0, 0] == 1  # 1 - W[y, y] is 0 here
    torch.testing.assert_close(label_targets(far, EPS, "redistribute")[0], torch.tensor([0.9, 0.05, 0.05]))


def test_check_15_released_at_eps_one_is_not_cross_entropy() -> None:
    plain = cross_entropy(LOGITS, LABELS)
    assert loss("released", eps=1.0) - plain > 0.01
    apart = smoothing_matrix(TEXTS, 1e4)  # as good as orthogonal
    torch.testing.assert_close(loss("released", eps=1.0, smoothing=apart), plain)


@pytest.mark.parametrize("mode", ["released", "convex", "redistribute", "uniform", "off"])
def test_check_16_the_order_of_the_classes_does_not_matter(mode: str) -> None:
    order = torch.randperm(CLASSES, generator=torch.Generator().manual_seed(2))
    places = order.argsort()
    targets = label_targets(smoothing_matrix(TEXTS[order], SIGMA), EPS, mode)
    torch.testing.assert_close(targets, label_targets(SMOOTHING, EPS, mode)[order][:, order])
    torch.testing.assert_close(soft_cross_entropy(LOGITS[:, order], targets[places[LABELS]]), loss(mode))


def test_check_17_without_a_margin_it_is_plain_softmax() -> None:
    plain = margin_logits(FEATURES, TEXTS, LABELS, logit_scale=20.0, alpha=0.0)
    torch.testing.assert_close(plain, LOGITS)
    torch.testing.assert_close(soft_cross_entropy(plain, torch.eye(CLASSES)[LABELS]), cross_entropy(LOGITS, LABELS))


def test_check_17_the_true_class_has_to_win_by_the_margin() -> None:
    alpha, scale = 0.3, 100.0
    logits = margin_logits(FEATURES, TEXTS, LABELS, logit_scale=scale, alpha=alpha)
    for row, (feature, label) in enumerate(zip(FEATURES, LABELS.tolist(), strict=True)):
        true = TEXTS[label]
        for other, text in enumerate(TEXTS):
            lead = feature @ (true - text) - alpha * (1 - true @ text)
            assert (logits[row, label] - logits[row, other]).item() / scale == pytest.approx(float(lead), abs=1e-5)


def test_check_17_no_margin_lies_between_equal_texts() -> None:
    texts = torch.cat([TEXTS, TEXTS[:1]])
    logits = margin_logits(FEATURES, texts, torch.zeros(8, dtype=torch.int64), logit_scale=100.0, alpha=0.5)
    torch.testing.assert_close(logits[:, 0], logits[:, -1])
    assert (logits[:, 0] - logits[:, 1]).abs().max() > 1


def test_logits_stay_in_single_precision_under_autocast() -> None:
    given = dict(logit_scale=100.0, alpha=0.3)
    exact, matrix = margin_logits(FEATURES, TEXTS, LABELS, **given), smoothing_matrix(TEXTS, 35.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(margin_logits(FEATURES, TEXTS, LABELS, **given), exact)
        assert torch.equal(smoothing_matrix(TEXTS, 35.0), matrix)


def test_soft_cross_entropy_is_a_mean_over_images_of_a_sum_over_classes() -> None:
    found = soft_cross_entropy(torch.zeros(3, 4), torch.tensor([[1.0, 1.0, 0.0, 0.0]] * 3))
    assert found.item() == pytest.approx(2 * math.log(4))


def test_an_unknown_mode_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"`relased`\. Known: released, convex, redistribute, uniform, off"):
        label_targets(SMOOTHING, EPS, "relased")
