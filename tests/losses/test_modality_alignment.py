"""The losses of TPC-CMA: checks 15 to 21 of its specification, and the parts about them of 3, 6 and 12."""

import math
from collections.abc import Callable

import pytest
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vlstudy.losses.contrastive import cosines, directions
from vlstudy.losses.modality_alignment import (
    TARGETS,
    centroid_distance,
    geometry_matching,
    gram,
    hard_weights,
    paired_residual,
    reweighted_negatives,
    semantic_weights,
)

Pairs = tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]


def drawn(count: int = 12, width: int = 6, seed: int = 0) -> Float[Tensor, "b d"]:
    return normalize(torch.randn(count, width, generator=torch.Generator().manual_seed(seed)), dim=-1)


def clouds(seed: int = 0, **shape: int) -> Pairs:
    """Pairs that are alike, with a gap between their centres."""
    one, other = drawn(seed=seed, **shape), drawn(seed=seed + 99, **shape)
    return normalize(one + 0.4, dim=-1), normalize(one + 0.5 * other - 0.4, dim=-1)


def turned(width: int = 6) -> Float[Tensor, "d d"]:
    """An orthogonal matrix."""
    orthogonal: Tensor = torch.linalg.qr(torch.randn(width, width, generator=torch.Generator().manual_seed(5)))[0]
    return orthogonal


def contrastive(images: Tensor, texts: Tensor, scale: float) -> Tensor:
    one, other = directions(images, texts, scale)
    return (one + other) / 2


def gradients(loss: Callable[[Tensor, Tensor], Tensor], pairs: Pairs) -> tuple[Tensor, ...]:
    leaves = [side.clone().requires_grad_() for side in pairs]
    return torch.autograd.grad(loss(*leaves), leaves, allow_unused=True)


def test_check_15_equal_similarities_give_the_logarithm_of_the_batch() -> None:
    same = drawn(1).repeat(12, 1)
    assert contrastive(same, same, 100.0).item() == pytest.approx(math.log(12), abs=1e-5)
    assert reweighted_negatives(same, same, 100.0, torch.ones(12, 12)).item() == pytest.approx(math.log(12), abs=1e-5)


@pytest.mark.parametrize("mode", ["none", "semantic", "hard"])
@pytest.mark.parametrize("scale", [5.0, 100.0])
def test_check_16_weights_of_one_are_the_contrastive_loss_with_its_gradients(mode: str, scale: float) -> None:
    pairs = clouds()
    weights = {
        "none": torch.ones(12, 12),
        "semantic": semantic_weights(drawn(seed=3), drawn(seed=4), 0.0),
        "hard": hard_weights(cosines(*pairs), 0.0),
    }[mode]
    loss = reweighted_negatives(*pairs, scale, weights)
    assert loss.item() == pytest.approx(contrastive(*pairs, scale).item(), abs=1e-7)
    found = gradients(lambda x, y: reweighted_negatives(x, y, scale, weights), pairs)
    for one, other in zip(found, gradients(lambda x, y: contrastive(x, y, scale), pairs), strict=True):
        torch.testing.assert_close(one, other, atol=1e-7, rtol=0)


def test_check_17_negatives_without_weight_do_not_count_and_less_weight_is_never_more_loss() -> None:
    pairs, generator = clouds(), torch.Generator().manual_seed(0)
    alone = torch.eye(12)
    assert reweighted_negatives(*pairs, 20.0, alone).item() == 0
    assert all(side.isfinite().all() for side in gradients(lambda x, y: reweighted_negatives(x, y, 20.0, alone), pairs))
    high = torch.rand(12, 12, generator=generator)
    for share in (0.9, 0.5, 0.0):
        low = high * torch.where(torch.rand(12, 12, generator=generator) < 0.5, share, 1.0)
        assert reweighted_negatives(*pairs, 20.0, low) <= reweighted_negatives(*pairs, 20.0, high)
    assert reweighted_negatives(*pairs, 20.0, high * 0.5) < reweighted_negatives(*pairs, 20.0, high)


def test_the_diagonal_of_the_weights_is_not_looked_at() -> None:
    pairs, weights = clouds(), torch.rand(12, 12, generator=torch.Generator().manual_seed(0))
    other = weights.clone().fill_diagonal_(0)
    assert torch.equal(reweighted_negatives(*pairs, 20.0, weights), reweighted_negatives(*pairs, 20.0, other))


def test_weights_belong_to_pairs_of_an_image_and_a_text_in_both_directions() -> None:
    pairs, weights = clouds(count=3), torch.ones(3, 3)
    weights[0, 1] = 0.25  # image 0 against text 1
    odds = (4 * cosines(*pairs)).exp()
    rows, columns = (odds * weights).sum(dim=1), (odds * weights).sum(dim=0)
    by_hand = -((odds.diag() / rows).log() + (odds.diag() / columns).log()).mean() / 2
    assert reweighted_negatives(*pairs, 4.0, weights).item() == pytest.approx(by_hand.item(), abs=1e-6)


def test_check_18_no_gradient_reaches_the_weights() -> None:
    images, texts = clouds(count=5)
    leaf = images.clone().requires_grad_()

    def loss(x: Tensor, weights: Tensor) -> Tensor:
        return reweighted_negatives(x, texts, 3.0, weights)

    weights = hard_weights(cosines(images, texts), 8.0)
    (found,) = torch.autograd.grad(loss(leaf, hard_weights(cosines(leaf, texts), 8.0)), leaf)
    frozen, moving = torch.zeros_like(images), torch.zeros_like(images)
    for place in range(images.numel()):
        step = torch.zeros(images.numel())
        step[place] = 0.01
        high, low = images + step.view_as(images), images - step.view_as(images)
        frozen.view(-1)[place] = (loss(high, weights) - loss(low, weights)) / 0.02
        free = [loss(side, hard_weights(cosines(side, texts), 8.0)) for side in (high, low)]
        moving.view(-1)[place] = (free[0] - free[1]) / 0.02
    torch.testing.assert_close(found, frozen, atol=5e-4, rtol=0)
    assert (found - moving).abs().max() > 0.01
    assert not semantic_weights(drawn(5).requires_grad_(), drawn(5, seed=1).requires_grad_(), 0.5).requires_grad
    assert not hard_weights(drawn(5, 5).requires_grad_(), 2.0).requires_grad
    learnt = torch.rand(5, 5, requires_grad=True)
    assert torch.autograd.grad(loss(leaf, learnt), learnt, allow_unused=True)[0] is None


def test_semantic_weights_by_hand() -> None:
    images, texts = (
        torch.tensor([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.0]]),
        torch.tensor([[1.0, 0.0], [1.0, 0.0], [0, 1.0]]),
    )
    expected = torch.tensor([[0.5, 1 - 0.5 * 0.8, 1.0], [1 - 0.5 * 0.8, 0.5, 1.0], [1.0, 1.0, 0.5]])
    torch.testing.assert_close(semantic_weights(images, texts, 0.5), expected)


def test_hard_weights_are_a_softmax_over_the_others() -> None:
    scores = torch.tensor([[0.9, 0.5, 0.1], [0.2, 0.9, 0.2], [0.0, 0.3, 0.9]])
    found = hard_weights(scores, 2.0)
    ahead = 2 * math.exp(1.0) / (math.exp(1.0) + math.exp(0.2))
    torch.testing.assert_close(found[0], torch.tensor([0.0, ahead, 2 - ahead]))
    torch.testing.assert_close(found[1], torch.tensor([1.0, 0.0, 1.0]))
    torch.testing.assert_close(hard_weights(scores, 1e-4), 1 - torch.eye(3), atol=1e-3, rtol=0)


def test_check_19_geometry_is_blind_to_turns_and_symmetric() -> None:
    images, texts = clouds()
    assert geometry_matching(images, images @ turned()).item() == pytest.approx(0, abs=1e-9)
    assert geometry_matching(images, drawn(seed=7)) > 0.05
    assert geometry_matching(images, texts).item() == pytest.approx(geometry_matching(texts, images).item(), abs=1e-9)


@pytest.mark.parametrize("shift", [0.3, -2.0])
def test_check_3_geometry_is_blind_to_shifts(shift: float) -> None:
    images, texts = clouds()
    found = geometry_matching(images + shift, texts).item()
    assert found == pytest.approx(geometry_matching(images, texts).item(), abs=1e-6)


def test_check_6_geometry_is_blind_to_a_turn_of_one_side() -> None:
    images, texts = clouds()
    found = geometry_matching(images, texts @ turned()).item()
    assert found == pytest.approx(geometry_matching(images, texts).item(), abs=1e-6)
    assert not torch.isclose(paired_residual(images, texts @ turned()), paired_residual(images, texts), rtol=0.1)


def test_geometry_by_hand() -> None:
    images = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 3.0], [0.0, -3.0]])  # rows of length 1: cosines 0 and -1
    texts = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]])  # the square's neighbours: 0, across -1
    # off the diagonal, K_x is -1 for (1, 2) and (3, 4), K_y for (1, 3) and (2, 4): 8 of 12 entries differ by 1
    assert geometry_matching(images, texts).item() == pytest.approx(8 / 12, abs=1e-6)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_says_which_side_moves(target: str) -> None:
    pairs, teacher = clouds(), gram(drawn(seed=8)).requires_grad_()
    matrix = teacher if target == "teacher" else None
    images, texts = gradients(lambda x, y: geometry_matching(x, y, target=target, teacher=matrix), pairs)
    assert (images is None) == (target == "image") and (texts is None) == (target == "text")
    loss = geometry_matching(*pairs, target=target, teacher=matrix)
    if target == "teacher":
        assert not loss.requires_grad
        off = ~torch.eye(12, dtype=torch.bool)
        apart = torch.stack([(gram(side) - teacher)[off].square().mean() for side in pairs])
        assert loss.item() == pytest.approx(apart.mean().item(), abs=1e-6)
    else:
        assert torch.equal(loss, geometry_matching(*pairs))


def test_targets_that_do_not_exist_are_told() -> None:
    for target in ("teacher", "images"):
        with pytest.raises(ValueError, match="both, image, text, teacher"):
            geometry_matching(*clouds(), target=target)


def test_one_pair_has_no_negatives_and_no_geometry() -> None:
    pairs = clouds(count=1)
    assert geometry_matching(*pairs).item() == 0
    assert reweighted_negatives(*pairs, 100.0, hard_weights(cosines(*pairs), 1.0)).item() == 0
    assert all(side.isfinite().all() for side in gradients(geometry_matching, pairs))


def descended(loss: Callable[[Tensor, Tensor], Tensor], steps: int = 200) -> Pairs:
    """Pairs that are free to leave the sphere, after gradient descent."""
    images, texts = (side.double().requires_grad_() for side in clouds())
    for _ in range(steps):
        moved = torch.autograd.grad(loss(images, texts), (images, texts))
        images = (images - 0.5 * moved[0]).detach().requires_grad_()
        texts = (texts - 0.5 * moved[1]).detach().requires_grad_()
    return images.detach(), texts.detach()


def test_check_21_each_term_closes_its_own_gap_and_leaves_the_other() -> None:
    images, texts = (side.double() for side in clouds())
    centroid, residual = centroid_distance(images, texts), paired_residual(images, texts)
    assert centroid > 0.1 and residual > 0.1
    shifted, drawn_together = descended(centroid_distance), descended(paired_residual)
    assert centroid_distance(*shifted) < 1e-6
    torch.testing.assert_close(paired_residual(*shifted), residual, atol=1e-9, rtol=0)
    assert paired_residual(*drawn_together) < 1e-6
    torch.testing.assert_close(centroid_distance(*drawn_together), centroid, atol=1e-9, rtol=0)


@pytest.mark.parametrize("seed", range(4))
def test_check_21_both_add_up_to_the_squared_distance_of_the_pairs(seed: int) -> None:
    images, texts = (side.double() for side in clouds(seed))
    whole = (images - texts).square().sum(dim=-1).mean()
    torch.testing.assert_close(
        centroid_distance(images, texts) + paired_residual(images, texts), whole, atol=1e-9, rtol=0
    )


def test_check_12_and_21_batches_are_off_by_what_is_known() -> None:
    images, texts = (side.double() for side in clouds(count=4000))
    centroid, residual = centroid_distance(images, texts), paired_residual(images, texts)  # G_C^2 and G_D^2
    generator, size = torch.Generator().manual_seed(0), 8
    batches = torch.randint(4000, (20_000, size), generator=generator)  # with replacement: independent pairs
    apart = (images - texts)[batches]
    means = apart.mean(dim=1, keepdim=True)
    some = [
        (centroid_distance(images[rows], texts[rows]), paired_residual(images[rows], texts[rows]))
        for rows in batches[:50]
    ]
    torch.testing.assert_close(torch.stack([c for c, _ in some]), means[:50, 0].square().sum(dim=-1))
    torch.testing.assert_close(torch.stack([r for _, r in some]), (apart - means)[:50].square().sum(dim=-1).mean(dim=1))
    assert means.square().sum(dim=-1).mean().item() == pytest.approx((centroid + residual / size).item(), rel=0.01)
    found = (apart - means).square().sum(dim=-1).mean().item()
    assert found == pytest.approx((residual * (1 - 1 / size)).item(), rel=0.01)
