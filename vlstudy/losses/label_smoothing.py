"""AlignCLIP's semantic label smoothing with the margin metric softmax that it is trained with."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

MODES = ("released", "convex", "redistribute", "uniform", "off")


def smoothing_matrix(text_features: Float[Tensor, "c d"], sigma: float) -> Float[Tensor, "c c"]:
    """W, how alike the class texts are: rows are distributions, without a gradient.

        W = softmax over columns of (sigma T T^T)

    Made once from the TRAINING classes, with the prompt of the logits. sigma = 0 is uniform, a large one the identity.

    Source: AlignCLIP (doi 10.1007/s10994-025-06742-z), released code; there sigma = 35.

    >>> smoothing_matrix(torch.eye(4), sigma=0.0)[0].tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    with torch.no_grad(), torch.autocast(text_features.device.type, enabled=False):
        return (sigma * text_features @ text_features.T).softmax(dim=-1)


def label_targets(smoothing: Float[Tensor, "c c"], eps: float, mode: str) -> Float[Tensor, "c c"]:
    """One row a label: the soft target of an image of that class, so that a batch's targets are `rows[labels]`.

        released:      q_y = eps,  q_j = W[y, j] for the others
        convex:        q = eps onehot(y) + (1 - eps) W[y]
        redistribute:  q_y = eps,  q_j = (1 - eps) W[y, j] / (1 - W[y, y]) for the others
        uniform:       q = eps onehot(y) + (1 - eps) / c
        off:           q = onehot(y)

    Rows of `released` sum to eps + 1 - W[y, y], not to 1, and eps = 1 does not switch it off; the others sum to 1.

    Differs from the paper: `convex` and `redistribute` are our choice; what the article prints is not known.
    Source: AlignCLIP (doi 10.1007/s10994-025-06742-z), released code, and its comparison for `uniform`.

    Raises:
        ValueError: for an unknown mode.

    >>> label_targets(torch.full((2, 2), 0.5), eps=0.5, mode="released").tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    onehot = torch.eye(len(smoothing), dtype=smoothing.dtype, device=smoothing.device)
    others = smoothing * (1 - onehot)
    if mode == "released":
        return eps * onehot + others
    if mode == "convex":
        return eps * onehot + (1 - eps) * smoothing
    if mode == "redistribute":
        # the sum of the others, as 1 - W[y, y] is rounded to zero where classes are far apart
        left = others.sum(dim=-1, keepdim=True).clamp_min(torch.finfo(others.dtype).tiny)
        return eps * onehot + (1 - eps) * others / left
    if mode == "uniform":
        return eps * onehot + (1 - eps) / len(smoothing)
    if mode == "off":
        return onehot
    raise ValueError(f"unknown mode of label smoothing `{mode}`. Known: {', '.join(MODES)}.")


def soft_cross_entropy(logits: Float[Tensor, "b c"], targets: Float[Tensor, "b c"]) -> Float[Tensor, ""]:
    """Mean over the batch of - sum_j q_j log softmax(logits)_j, in nats; the targets need not sum to 1.

    Source: AlignCLIP (doi 10.1007/s10994-025-06742-z), released code.

    >>> soft_cross_entropy(torch.zeros(1, 2), torch.tensor([[1.0, 1.0]])).item()  # 2 log 2
    1.3862943649291992
    """
    return -(targets * logits.log_softmax(dim=-1)).sum(dim=-1).mean()


def margin_logits(
    image_features: Float[Tensor, "b d"],
    text_features: Float[Tensor, "c d"],
    labels: Int64[Tensor, " b"],
    *,
    logit_scale: float,
    alpha: float,
) -> Float[Tensor, "b c"]:
    """Class scores of training, in which a wrong class has to be further off the less it is like the true one.

        logits = logit_scale (f T^T - alpha T[y] T^T)

    So f has to beat class j by a margin of alpha (1 - T_y . T_j). Only for training; alpha = 0 gives the plain scores.

    Args:
        image_features: unit features of the class token.
        text_features: unit features of the class texts.
        labels: the class of each image.
        logit_scale: what cosines are multiplied by, 100 in CLIP.
        alpha: strength of the margin; 0.3, or 0.1 on large sets.

    Source: CLIPood (ICML 2023), margin metric softmax, released code; AlignCLIP keeps it.

    >>> margin_logits(torch.eye(2)[:1], torch.eye(2), torch.tensor([0]), logit_scale=1.0, alpha=0.25).tolist()
    [[0.75, 0.0]]
    """
    with torch.autocast(image_features.device.type, enabled=False):  # half a logit is lost at a scale of 100
        full = image_features.to(torch.promote_types(image_features.dtype, torch.float32))
        texts = text_features.to(full.dtype)
        return logit_scale * ((full - alpha * texts[labels]) @ texts.T)
