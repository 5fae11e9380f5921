"""The decoder on the miniature as it is shipped: sensible from texts, worse across the gap, better by the memory."""

from collections.abc import Sequence
from itertools import chain

import pytest
import torch

from vlstudy import backbones
from vlstudy.captioning import decoder_of
from vlstudy.captioning.decoding import greedy, remembered
from vlstudy.data.miniature.pools import caption_pool
from vlstudy.metrics.captioning import cider


@pytest.mark.slow
def test_cider_of_texts_of_images_and_of_images_by_way_of_the_memory() -> None:
    towers, train, test = backbones.load("miniature"), caption_pool("train", 400), caption_pool("test", 300)
    texts = list(chain.from_iterable(train.captions))
    memory, images = towers.encode_texts(texts), towers.encode_images(test.pixels)
    own = [captions[0] for captions in test.captions]
    decoder, vocabulary = decoder_of(texts, memory, seed=0)

    def score(features: torch.Tensor, references: Sequence[Sequence[str]] = test.captions) -> float:
        return cider(greedy(decoder, vocabulary, features), references)[0]

    reconstruction = score(towers.encode_texts(own), [[text] for text in own])
    plain, with_memory = score(images), score(remembered(images, memory))
    assert reconstruction > 1.5
    assert 0.2 < plain < with_memory - 0.1 and with_memory > 0.6
