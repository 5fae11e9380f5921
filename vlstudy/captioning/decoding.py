"""Captions out of features: by the decoder, word for word, straight away or by way of a memory of texts."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from vlstudy.captioning.decoder import Decoder
from vlstudy.captioning.words import END, PAD, UNKNOWN, Vocabulary

SHARPNESS = 100.0  # DeCap: what cosines to the memory are multiplied by
REMEMBERED = 500_000  # DeCap: captions that the memory holds at most
_TOGETHER = 256  # features at once, so that neither the memory's weights nor the scores fill the accelerator


def greedy(decoder: Decoder, vocabulary: Vocabulary, features: Float[Tensor, "n d"]) -> tuple[str, ...]:
    """One caption of each feature: always the likeliest next word, until the end or the decoder's length.

    Padding and the unknown word are never written.

    Source: DeCap (arXiv 2303.03032), released code: greedy, at most 30 tokens.
    """
    decoder.eval()
    with torch.inference_mode():
        parts = [_written(decoder, part) for part in torch.split(features, _TOGETHER)]
    return tuple(vocabulary.text(row) for part in parts for row in part.tolist())


def _written(decoder: Decoder, features: Float[Tensor, "b d"]) -> Tensor:
    """Rows of word numbers, padded behind their ends."""
    rows = torch.full((len(features), decoder.length), PAD, device=features.device)
    going = torch.arange(len(features), device=features.device)
    for place in range(decoder.length):
        scores = decoder(features[going], rows[going, :place], last=True)[:, 0]
        scores[:, [PAD, UNKNOWN]] = -torch.inf
        rows[going, place] = scores.argmax(dim=-1)
        going = going[rows[going, place] != END]
        if not len(going):
            break
    return rows


def remembered(image_features: Float[Tensor, "n d"], memory: Float[Tensor, "m d"]) -> Float[Tensor, "n d"]:
    """The images moved onto the texts: unit features, each a mean of the memory weighted by likeness.

        w = softmax over the memory of (100 <image, text>);   f = normalize(sum_j w_j text_j)

    This bridges the modality gap by itself, so captions with a memory say little about the gap.

    Args:
        image_features: unit rows.
        memory: unit rows of training captions; the first 500 000 are kept (which ones is our choice).

    Source: DeCap (arXiv 2303.03032).

    >>> texts = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> remembered(torch.tensor([[0.6, 0.8]]), texts).round(decimals=3).tolist()
    [[0.0, 1.0]]
    """
    texts = memory[:REMEMBERED]
    parts = [(SHARPNESS * part @ texts.T).softmax(dim=-1) @ texts for part in torch.split(image_features, _TOGETHER)]
    return functional.normalize(torch.cat(parts), dim=-1)
