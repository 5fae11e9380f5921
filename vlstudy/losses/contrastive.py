"""The contrastive loss of pairs, in its two directions."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy


def cosines(image_features: Float[Tensor, "b d"], text_features: Float[Tensor, "b d"]) -> Float[Tensor, "b b"]:
    """S = X Y^T in float32: a row is an image, a column a text.

    Both are unit rows; row i of the one and row i of the other are a pair.
    """
    return image_features.float() @ text_features.float().T


def directions(
    image_features: Float[Tensor, "b d"], text_features: Float[Tensor, "b d"], logit_scale: Float[Tensor, ""] | float
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """L_i2t and L_t2i in nats, each image against all texts and each text against all images.

        L_i2t = mean_i -log softmax_j(s S_ij)[i],    L_t2i = mean_j -log softmax_i(s S_ij)[j]

    >>> same = torch.eye(1).repeat(4, 1)
    >>> [round(float(loss), 4) for loss in directions(same, same, 100.0)]
    [1.3863, 1.3863]

    Source: CLIP (arXiv 2103.00020), figure 3; InfoNCE (arXiv 1807.03748), equation 4.
    """
    logits = logit_scale * cosines(image_features, text_features)
    own = torch.arange(len(logits), device=logits.device)
    return cross_entropy(logits, own), cross_entropy(logits.T, own)
