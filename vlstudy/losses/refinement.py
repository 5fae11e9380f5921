"""The losses of CLIP-Refine: features drawn to shared random ones, and similarities to a teacher's."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def random_alignment(
    image_features: Float[Tensor, "p d"], text_features: Float[Tensor, "p d"], shared: Float[Tensor, "p d"]
) -> Float[Tensor, ""]:
    """The mean squared distance per coordinate of both features of each pair to its shared random one.

        RaFA = MSE(x, r) + MSE(y, r)

    >>> zeros, ones = torch.zeros(1, 2), torch.ones(1, 2)
    >>> random_alignment(zeros, ones, ones).item()
    1.0

    Source: CLIP-Refine (arXiv 2504.12717); the sum of both, and un-normalised features, as in the released code.
    """
    return functional.mse_loss(image_features, shared) + functional.mse_loss(text_features, shared)


def hybrid_distillation(scores: Float[Tensor, "p p"], teacher: Float[Tensor, "p p"], share: float) -> Float[Tensor, ""]:
    """Mean divergence in nats of softmaxed scores from the teacher's mixed with the truth, over both directions.

        HyCD = mean of KL(a I + (1 - a) softmax(teacher) || softmax(scores)) along the rows and along the columns

    Args:
        scores: logits, row = image, column = text.
        teacher: likewise, without gradient.
        share: a; 1 is the symmetric contrastive loss, 0 plain distillation.

    Source: CLIP-Refine (arXiv 2504.12717), equations of HyCD, as in the released code.
    """
    rows, columns = _divergence(scores, teacher, share), _divergence(scores.T, teacher.T, share)
    return (rows + columns) / 2


def _divergence(scores: Float[Tensor, "p p"], teacher: Float[Tensor, "p p"], share: float) -> Float[Tensor, ""]:
    truth = torch.eye(len(scores), dtype=scores.dtype, device=scores.device)
    target = share * truth + (1 - share) * teacher.softmax(dim=-1)
    return functional.kl_div(scores.log_softmax(dim=-1), target, reduction="batchmean")
