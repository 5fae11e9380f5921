"""The losses that close the gap between two modalities, as reconstructed for TPC-CMA."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from vlstudy.losses.contrastive import cosines

NEGATIVES = ("semantic", "none", "hard")
TARGETS = ("both", "image", "text", "teacher")


def semantic_weights(
    image_features: Float[Tensor, "b d"], text_features: Float[Tensor, "b d"], share: float
) -> Float[Tensor, "b b"]:
    """How much of each negative counts: the less, the nearer two pairs are in the frozen model.

        w_ij = 1 - share q_ij,   q_ij = clip((<x0_i, x0_j> + <y0_i, y0_j>) / 2, 0, 1)

    Args:
        image_features: frozen unit rows x0 of the pretrained model.
        text_features: likewise y0.
        share: lambda_neg in [0, 1]; 0 counts every negative in full.

    Differs from the paper: that negatives are re-weighted is said of it; the formula is our choice.
    Source: TPC-CMA (arXiv 2604.00279), first mechanism; semantic distances scale negatives in arXiv 2406.17639 too.

    >>> same, apart = torch.eye(2)[[0, 0]], torch.eye(2)
    >>> semantic_weights(same, apart, 0.5)[0].tolist()
    [0.5, 0.75]
    """
    nearness = (cosines(image_features, image_features) + cosines(text_features, text_features)) / 2
    return (1 - share * nearness.clamp(0, 1)).detach()


def hard_weights(scores: Float[Tensor, "b b"], beta: float) -> Float[Tensor, "b b"]:
    """How much of each negative counts: the more, the nearer it is now; the mean of a row without its own pair is 1.

        w_ij = (B - 1) softmax over j != i of (beta S_ij)

    Args:
        scores: cosines, row = image, column = text.
        beta: from 0, where all count alike, to 10.

    Differs from the paper: our choice, a variant to compare with.
    Source: TPC-CMA (arXiv 2604.00279), first mechanism.
    """
    if beta == 0:
        return torch.ones_like(scores)  # exactly, which the softmax misses by rounding
    others = (beta * scores.detach()).masked_fill(_own(scores), -torch.inf)
    return (len(scores) - 1) * others.softmax(dim=-1)


def reweighted_negatives(
    image_features: Float[Tensor, "b d"],
    text_features: Float[Tensor, "b d"],
    logit_scale: Float[Tensor, ""] | float,
    weights: Float[Tensor, "b b"],
) -> Float[Tensor, ""]:
    """The symmetric contrastive loss in nats in which each negative counts with its weight.

        L_i2t = -mean_i log(exp(s S_ii) / (exp(s S_ii) + sum_{j != i} w_ij exp(s S_ij)))
        L_NR  = (L_i2t + L_t2i) / 2,   t2i with w_ji on S^T

    log w is added to the logits, so 0 takes a negative out. No gradient reaches the weights; their diagonal is not
    looked at. With weights of 1 it is the contrastive loss, bit for bit.

    Args:
        image_features: unit rows.
        text_features: unit rows; row i of both is a pair.
        logit_scale: s, the inverse temperature.
        weights: 0 or more, row = image, column = text.

    Differs from the paper: that negatives are re-weighted is said of it; the formula is our choice.
    Source: TPC-CMA (arXiv 2604.00279), first mechanism, in the form of InfoNCE (arXiv 1807.03748), equation 4.

    >>> same = torch.eye(1).repeat(3, 1)
    >>> round(reweighted_negatives(same, same, 100.0, torch.full((3, 3), 0.5)).item(), 4)  # log(1 + 2 / 2)
    0.6931
    """
    logits = logit_scale * cosines(image_features, text_features)
    extra = weights.detach().log().masked_fill(_own(logits), 0.0)
    own = torch.arange(len(logits), device=logits.device)
    return (cross_entropy(logits + extra, own) + cross_entropy((logits + extra).T, own)) / 2


def gram(features: Float[Tensor, "b d"]) -> Float[Tensor, "b b"]:
    """The cosines among the rows after the batch's mean was taken from them.

    K = C(X) C(X)^T,   C = centre over the batch, then scale every row to unit length
    """
    rows = normalize(features - features.mean(dim=0), dim=-1)
    return cosines(rows, rows)


def geometry_matching(
    image_features: Float[Tensor, "b d"],
    text_features: Float[Tensor, "b d"],
    *,
    target: str = "both",
    teacher: Float[Tensor, "b b"] | None = None,
) -> Float[Tensor, ""]:
    """Mean squared difference between the two modalities' inner geometries, over the pairs of different rows.

        L_GM = mean_{i != j} (K_x,ij - K_y,ij)^2
        teacher:  (mean_{i != j} (K_x,ij - K_0,ij)^2 + mean_{i != j} (K_y,ij - K_0,ij)^2) / 2

    Turning, mirroring or shifting either modality does not change it: it closes no gap on its own and goes with a loss
    of pairs. A batch of one pair has none, 0.

    Args:
        image_features: unit rows.
        text_features: unit rows; row i of both is a pair.
        target: both: gradient flows into both; image, text: that side gets none; teacher: both go to `teacher`.
        teacher: K_0, for `target: teacher` only.

    Differs from the paper: that intra-modal geometry is matched is said of it; the formula and the targets are our
    choice.
    Source: TPC-CMA (arXiv 2604.00279), second mechanism.

    Raises:
        ValueError: for an unknown target, or `teacher` without a matrix.
    """
    images, texts = gram(image_features), gram(text_features)
    if target == "teacher" and teacher is not None:
        return (_off_diagonal(images - teacher.detach()) + _off_diagonal(texts - teacher.detach())) / 2
    if target not in TARGETS[:3]:
        raise ValueError(f"geometry matching: target `{target}` is not one of {', '.join(TARGETS)}, or has no matrix.")
    fixed_images, fixed_texts = target == "image", target == "text"
    return _off_diagonal((images.detach() if fixed_images else images) - (texts.detach() if fixed_texts else texts))


def centroid_distance(image_features: Float[Tensor, "b d"], text_features: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    """Squared distance between the means of the two modalities over the batch.

        L_cent = ||mean(X) - mean(Y)||^2,   expectation G_C^2 + G_D^2 / B

    Differs from the paper: it is only known that the centroid gap falls; the term is our choice.
    Source: TPC-CMA (arXiv 2604.00279), centroid gap.

    >>> centroid_distance(torch.eye(2), -torch.eye(2)).item()
    2.0
    """
    return (image_features - text_features).mean(dim=0).square().sum()


def paired_residual(image_features: Float[Tensor, "b d"], text_features: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    """Mean squared distance of the pairs after the means were laid upon each other.

        L_res = mean_i ||(x_i - y_i) - (mean(X) - mean(Y))||^2,   expectation G_D^2 (1 - 1/B)

    With `centroid_distance` it adds up to the mean squared distance of the pairs.

    Differs from the paper: no source names such a term; it is our choice.
    Source: TPC-CMA (arXiv 2604.00279), distribution gap.

    >>> paired_residual(torch.eye(2), torch.eye(2) + 3).item()
    0.0
    """
    apart = image_features - text_features
    return (apart - apart.mean(dim=0)).square().sum(dim=-1).mean()


def _own(matrix: Float[Tensor, "b b"]) -> Tensor:
    """True on the diagonal."""
    return torch.eye(len(matrix), dtype=torch.bool, device=matrix.device)


def _off_diagonal(matrix: Float[Tensor, "b b"]) -> Float[Tensor, ""]:
    """Mean square of what is not on the diagonal."""
    count = len(matrix)
    return matrix.masked_fill(_own(matrix), 0.0).square().sum() / max(1, count * (count - 1))
