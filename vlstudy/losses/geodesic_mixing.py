"""The loss of m2-mix: negatives that lie between an image and its text."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

_NEAR = 1e-6  # cosines this close to +-1 have no geodesic that single precision knows


def geodesic(
    image_features: Float[Tensor, "p d"], text_features: Float[Tensor, "p d"], share: float
) -> Float[Tensor, "p d"]:
    """The unit vectors on the arcs from each text (share 0) to its image (share 1).

        z = x sin(l t) / sin t + y sin((1 - l) t) / sin t,   t = arccos <x, y>

    >>> x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    >>> geodesic(x, y, 1 / 3)  # 30 degrees from the text
    tensor([[0.5000, 0.8660]])

    Source: m2-mix (arXiv 2203.03897), equation of the geodesic mixup; as in the released code.
    """
    cosine = (image_features * text_features).sum(dim=-1, keepdim=True)
    angle = torch.arccos(cosine.clamp(_NEAR - 1, 1 - _NEAR))
    image_part, text_part = torch.sin(share * angle), torch.sin((1 - share) * angle)
    return (image_part * image_features + text_part * text_features) / torch.sin(angle)


def mixed_negatives(
    image_features: Float[Tensor, "p d"],
    text_features: Float[Tensor, "p d"],
    share: float,
    logit_scale: Float[Tensor, ""] | float,
) -> Float[Tensor, ""]:
    """Cross-entropy in nats of images among mixtures, plus that of texts.

        CE(s A, i) + CE(s B, i),   A_ii = B_ii = <x_i, y_i>,   A_ij = <x_i, z_j>,   B_ij = <y_i, z_j>

    The gradient flows through the mixtures too.

    Source: m2-mix (arXiv 2203.03897); the sum of both, not their mean, as in the released code.
    """
    mixed = geodesic(image_features, text_features, share)
    own = torch.eye(len(mixed), dtype=torch.bool, device=mixed.device)
    matched = (image_features * text_features).sum(dim=-1).diag()
    places = torch.arange(len(mixed), device=mixed.device)
    scores = [torch.where(own, matched, anchors @ mixed.T) for anchors in (image_features, text_features)]
    losses = [functional.cross_entropy(logit_scale * one, places) for one in scores]
    return losses[0] + losses[1]
