"""Attention alignment: the checks of the specification that need no tower, and what autocast must not do."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from vlstudy.losses import attention_loss, attention_target, class_attention, similarity_loss, uniform_target
from vlstudy.losses.attention_alignment import cosines

IMAGES, TOKENS, WIDTH, CLASSES = 4, 7, 16, 5


def unit(*shape: int, seed: int) -> Tensor:
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


BRANCH, ORDINARY = unit(IMAGES, TOKENS, WIDTH, seed=0), unit(IMAGES, TOKENS, WIDTH, seed=1)
TEXTS, LABELS = unit(CLASSES, WIDTH, seed=2), torch.tensor([0, 3, 3, 4])


def maps(layers: int, seed: int = 3) -> Tensor:
    raw = torch.randn(layers, IMAGES, TOKENS, TOKENS, generator=torch.Generator().manual_seed(seed))
    return raw.softmax(dim=-1)


def test_check_06_hand_computed_kl() -> None:
    target, attention = torch.tensor([[0.5, 0.25, 0.25]]), torch.full((1, 3), 1 / 3)
    assert attention_loss(target, attention).item() == pytest.approx(0.05889, abs=1e-5)
    # the wrong way round it is 0.0566, and per entry a third
    assert attention_loss(attention, target).item() == pytest.approx(0.05663, abs=1e-5)
    both = attention_loss(torch.cat([target, attention]), torch.cat([attention, attention]))
    assert both.item() == pytest.approx(0.05889 / 2, abs=1e-5)  # a mean over images, a sum over patches


def test_check_06_both_are_distributions_and_the_loss_knows_equality() -> None:
    target, attention = attention_target(BRANCH, TEXTS, LABELS, kappa=0.1), class_attention(maps(5))
    for spread in (target, attention, uniform_target(attention)):
        assert spread.shape == (IMAGES, TOKENS - 1)
        assert (spread >= 0).all()
        torch.testing.assert_close(spread.sum(dim=-1), torch.ones(IMAGES))
    assert attention_loss(target, attention) > 0.01
    assert attention_loss(attention, attention).item() == pytest.approx(0.0, abs=1e-7)


def test_check_06_the_class_tokens_row_is_taken_and_renormalised() -> None:
    attention = maps(2)
    by_hand = torch.zeros(IMAGES, TOKENS - 1)
    for layer in attention:
        for image in range(IMAGES):
            row = layer[image, 0, 1:]
            by_hand[image] += row / row.sum() / 2
    torch.testing.assert_close(class_attention(attention), by_hand)


def test_check_06_the_target_is_a_softmax_over_patches_of_the_labels_cosine() -> None:
    by_hand = torch.zeros(IMAGES, TOKENS - 1)
    for image, label in enumerate(LABELS.tolist()):
        raised = [math.exp(float(BRANCH[image, 1 + patch] @ TEXTS[label]) / 0.2) for patch in range(TOKENS - 1)]
        by_hand[image] = torch.tensor(raised) / sum(raised)
    torch.testing.assert_close(attention_target(BRANCH, TEXTS, LABELS, kappa=0.2), by_hand)


def test_check_07_equal_patches_give_the_uniform_target() -> None:
    equal, attention = BRANCH[:, :1].expand_as(BRANCH), class_attention(maps(5))
    target = attention_target(equal, TEXTS, LABELS, kappa=0.05)
    torch.testing.assert_close(target, uniform_target(attention))
    assert attention_loss(target, attention).item() == pytest.approx(
        float(-math.log(TOKENS - 1) - attention.log().mean()), abs=1e-6
    )


def test_check_08_what_changes_neither_target_nor_loss() -> None:
    target, attention = attention_target(BRANCH, TEXTS, LABELS, kappa=0.1), class_attention(maps(5))
    # one more coordinate, 1 in the patches and 0.3 in the texts, adds 0.3 to all cosines
    shifted = torch.cat([BRANCH, torch.ones(IMAGES, TOKENS, 1)], dim=-1)
    texts = torch.cat([TEXTS, torch.full((CLASSES, 1), 0.3)], dim=-1)
    torch.testing.assert_close(attention_target(shifted, texts, LABELS, kappa=0.1), target)
    torch.testing.assert_close(attention_target(BRANCH * 3, TEXTS, LABELS, kappa=0.3), target)
    order = torch.randperm(TOKENS - 1, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(attention_loss(target[:, order], attention[:, order]), attention_loss(target, attention))


def test_check_09_only_a_target_that_is_not_detached_hands_back_a_gradient() -> None:
    branch = BRANCH.clone().requires_grad_()
    assert not attention_target(branch, TEXTS, LABELS).requires_grad
    loss = attention_loss(attention_target(branch, TEXTS, LABELS, detach=False), class_attention(maps(1)))
    (gradient,) = torch.autograd.grad(loss, branch)
    assert gradient[:, 1:].abs().min() > 0
    assert not gradient[:, 0].any()  # the class token is no patch


def test_check_10_one_class_equals_the_label_alone() -> None:
    labels = torch.zeros(IMAGES, dtype=torch.int64)
    one = similarity_loss(ORDINARY, BRANCH, TEXTS[:1])
    assert one > 0
    torch.testing.assert_close(one, similarity_loss(ORDINARY, BRANCH, TEXTS[:1], labels))


def test_check_10_all_is_the_sum_over_classes_and_nothing_between_equal_paths() -> None:
    terms = [similarity_loss(ORDINARY, BRANCH, TEXTS, torch.full((IMAGES,), label)) for label in range(CLASSES)]
    torch.testing.assert_close(similarity_loss(ORDINARY, BRANCH, TEXTS), torch.stack(terms).sum())
    assert similarity_loss(BRANCH, BRANCH, TEXTS).item() == 0
    by_hand = attention_loss(attention_target(BRANCH, TEXTS, LABELS), attention_target(ORDINARY, TEXTS, LABELS))
    torch.testing.assert_close(similarity_loss(ORDINARY, BRANCH, TEXTS, LABELS), by_hand)


def test_attention_and_targets_that_underflow_leave_loss_and_gradient_numbers() -> None:
    attention = torch.tensor([[1.0, 0.0]], requires_grad=True)
    target = torch.tensor([[0.0, 1.0]], requires_grad=True)
    loss = attention_loss(target, attention)
    assert loss.item() == pytest.approx(-math.log(1e-8), rel=1e-5)
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(loss, (attention, target)))
    assert class_attention(torch.zeros(1, 1, 3, 3)).isfinite().all()


def test_cosines_stay_in_single_precision_under_autocast() -> None:
    exact = cosines(BRANCH, TEXTS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(cosines(BRANCH, TEXTS), exact)
        assert not torch.equal((BRANCH @ TEXTS.T).float(), exact)
