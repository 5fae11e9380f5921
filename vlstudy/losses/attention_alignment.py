"""AlignCLIP's attention alignment loss: the class token shall look where a second path sees the label."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

SMALLEST = 1e-8  # attention in half precision underflows to 0, whose logarithm is no number (our choice)


def cosines(tokens: Float[Tensor, "b n d"], text_features: Float[Tensor, "c d"]) -> Float[Tensor, "b n c"]:
    """Similarity of every token with every text, never in half precision: kappa = 0.01 turns its steps into factors."""
    with torch.autocast(tokens.device.type, enabled=False):
        full = tokens.to(torch.promote_types(tokens.dtype, torch.float32))
        return full @ text_features.to(full.dtype).T


def class_attention(attention: Float[Tensor, "l b n n"]) -> Float[Tensor, "b p"]:
    """How the class token's attention is spread over the patches, a distribution: mean over the layers given.

        a_l = A_l[:, 0, 1:] / sum_p A_l[:, 0, 1:];   a = mean_l a_l

    Source: AlignCLIP (doi 10.1007/s10994-025-06742-z), released code; it gives the first five blocks, heads averaged.

    >>> class_attention(torch.tensor([[[[0.5, 0.125, 0.375]] * 3]])).tolist()
    [[0.25, 0.75]]
    """
    row = attention[:, :, 0, 1:]
    row = row.to(torch.promote_types(row.dtype, torch.float32))
    return (row / row.sum(dim=-1, keepdim=True).clamp_min(SMALLEST)).mean(dim=0)


def attention_target(
    branch: Float[Tensor, "b n d"],
    text_features: Float[Tensor, "c d"],
    labels: Int64[Tensor, " b"],
    *,
    kappa: float = 1.0,
    detach: bool = True,
) -> Float[Tensor, "b p"]:
    """Where the branch sees the label, as a distribution over the patches.

        q = softmax over p of (G[:, 1 + p] . T[y] / kappa)

    Args:
        branch: unit features of all tokens of the second path, the class token first.
        text_features: unit features of the class texts.
        labels: the class of each image.
        kappa: temperature; the released 1 makes q almost uniform, as cosines of patches differ by little.
        detach: whether the loss leaves the branch alone, instead of moving the target to the attention.

    Differs from the paper: the released loss detaches nothing; `detach` and `kappa` are our choice.
    Source: AlignCLIP (doi 10.1007/s10994-025-06742-z), released code.
    """
    seen = cosines(branch[:, 1:], text_features)[torch.arange(len(labels), device=labels.device), :, labels]
    target = (seen / kappa).softmax(dim=-1)
    return target.detach() if detach else target


def uniform_target(attention: Float[Tensor, "b p"]) -> Float[Tensor, "b p"]:
    """The control that knows nothing of the image: 1 / p everywhere, for class-token attention of that shape.

    Differs from the paper: there it is a comment in the released code; as a control it is our choice.

    >>> uniform_target(torch.tensor([[1.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    return torch.full_like(attention, 1 / attention.shape[-1])


def attention_loss(target: Float[Tensor, "b p"], attention: Float[Tensor, "b p"]) -> Float[Tensor, ""]:
    """Mean over the batch of KL(q || a), in nats: zero only where the attention is its target.

        L_att = mean_b sum_p q_p (log q_p - log a_p)

    Differs from the paper: both are clamped at 1e-8 before the logarithm (our choice).
    Source: AlignCLIP (doi 10.1007/s10994-025-06742-z), released code.

    >>> attention_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.5]])).item()  # log 2
    0.6931471824645996
    """
    logs = target.clamp_min(SMALLEST).log() - attention.clamp_min(SMALLEST).log()
    return (target * logs).sum(dim=-1).mean()


def similarity_loss(
    tokens: Float[Tensor, "b n d"],
    branch: Float[Tensor, "b n d"],
    text_features: Float[Tensor, "c d"],
    labels: Int64[Tensor, " b"] | None = None,
) -> Float[Tensor, ""]:
    """Mean over the batch of the sum over classes of KL(pg || pf), in nats; with labels, of the label's class alone.

        pf = softmax over p of F[:, 1 + p] . T[j];   pg = softmax over p of G[:, 1 + p] . T[j]
        L_sim = mean_b sum_j sum_p pg (log pg - log pf)

    Without labels it grows with the number of classes.

    Differs from the paper: with labels is what the released code probably meant (our choice); it picks the label's
    column and then sums over all.
    Source: AlignCLIP (doi 10.1007/s10994-025-06742-z), released code.
    """
    log_f, log_g = (cosines(path[:, 1:], text_features).log_softmax(dim=1) for path in (tokens, branch))
    terms = (log_g.exp() * (log_g - log_f)).sum(dim=1)
    if labels is not None:
        terms = terms.gather(1, labels[:, None])
    return terms.sum(dim=1).mean()
