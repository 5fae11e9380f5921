"""Captions written from image features by a decoder that was trained on text only (DeCap)."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict

import torch
from jaxtyping import Float
from torch import Tensor

from vlstudy.captioning.decoder import Decoder
from vlstudy.captioning.decoding import greedy, remembered
from vlstudy.captioning.learning import learnt, recipe, untrained
from vlstudy.captioning.words import Vocabulary
from vlstudy.data.store import Key, fetch

__all__ = ["captions_of", "decoder_of"]


def captions_of(
    train_texts: Sequence[str],
    train_text_features: Float[Tensor, "m d"],
    image_features: Float[Tensor, "n d"],
    seed: int,
    device: torch.device,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A caption of each image without memory, and one of each with the training captions as memory.

    Args:
        train_texts: captions of the training images.
        train_text_features: unit rows of the same captions, of the text tower AS TRAINED: the decoder of another tower
            would be read wrongly.
        image_features: unit rows of the trained image tower.
        seed: of the decoder's training.
        device: where the decoder is trained and writes.

    Differs from the paper: DeCap always goes through the memory; TPC-CMA does not say. Without is the default (our
    choice), as a memory bridges the gap by itself.
    Source: DeCap (arXiv 2303.03032); used by TPC-CMA (arXiv 2604.00279).
    """
    texts, images = train_text_features.to(device), image_features.to(device)
    decoder, vocabulary = decoder_of(train_texts, texts, seed)
    return greedy(decoder, vocabulary, images), greedy(decoder, vocabulary, remembered(images, texts))


def decoder_of(texts: Sequence[str], features: Float[Tensor, "m d"], seed: int) -> tuple[Decoder, Vocabulary]:
    """The decoder of a text tower, where the features are, with its words.

    It is trained once per machine: the feature store keeps it under the captions, their features, the recipe and seed.

    Raises:
        DataError: if the store cannot be written or read.
    """
    chosen, vocabulary = recipe(len(texts)), Vocabulary(texts)
    sha = hashlib.sha256("\n".join(texts).encode())
    sha.update(features.detach().float().cpu().contiguous().numpy().tobytes())
    parts = {"captions": sha.hexdigest(), "recipe": repr(asdict(chosen)), "seed": str(seed), "version": "1"}

    def trained() -> dict[str, Tensor]:
        with torch.inference_mode(False), torch.enable_grad():
            made = learnt(
                features.detach().float(), vocabulary.rows(texts, chosen.tokens), len(vocabulary), chosen, seed
            )
        return {name: values.detach().cpu() for name, values in made.state_dict().items()}

    decoder = untrained(features.shape[1], len(vocabulary), chosen, seed)
    decoder.load_state_dict(fetch(Key(label="caption decoder", parts=parts), trained))
    return decoder.to(features.device).eval(), vocabulary
