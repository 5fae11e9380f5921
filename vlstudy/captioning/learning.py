"""How the decoder learns to say a caption from the caption's own text feature, without any image."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from vlstudy.captioning.decoder import Decoder
from vlstudy.captioning.words import PAD
from vlstudy.rng import derive, generator


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Size and training of a decoder.

    The defaults are DeCap's (arXiv 2303.03032, released code; batch: 64 on each of 2 GPUs), but for two that are not
    known to us: `width`, which is GPT-2's, and `weight_decay`, which is PyTorch's for AdamW.

    Attributes:
        steps: optimiser steps.
        tokens: of a caption that are learnt, its end included.
        longest: words that are written at most.
        warmup: steps in which the learning rate rises.
        smoothing: share of the target that is spread over all words.
    """

    steps: int
    layers: int = 4
    heads: int = 4
    width: int = 768
    tokens: int = 20
    longest: int = 30
    batch: int = 128
    lr: float = 1e-5
    warmup: int = 1000
    weight_decay: float = 0.01
    smoothing: float = 0.1


EPOCHS = 10  # DeCap on COCO; 20 on CC3M
ENOUGH = 64_000  # captions, our choice: 10 epochs of them are five times the paper's warm-up


def recipe(captions: int) -> Recipe:
    """DeCap's recipe, or a small one where its ten epochs would hardly outlast its warm-up.

    The small one is our choice, found on the miniature: a narrow decoder of two layers (which writes captions as good
    there as four layers do, in half the time), a learning rate that suits it, and the same number of steps however few
    the captions are.

    >>> recipe(566_000).width, recipe(2_000).width
    (768, 64)
    """
    if captions >= ENOUGH:
        return Recipe(steps=EPOCHS * captions // 128)
    return Recipe(steps=400, layers=2, width=64, batch=64, lr=4e-3, warmup=40)


def rate(step: int, chosen: Recipe) -> float:
    """The learning rate at a step, counted from 0: up in a line during the warm-up, then down in a line towards 0.

    >>> [rate(step, Recipe(steps=6, warmup=2, lr=1.0)) for step in range(6)]
    [0.5, 1.0, 0.8, 0.6, 0.4, 0.2]
    """
    done = step + 1
    if done <= chosen.warmup:
        return chosen.lr * done / chosen.warmup
    return chosen.lr * (chosen.steps + 1 - done) / (chosen.steps + 1 - chosen.warmup)


def loss(
    decoder: Decoder, features: Float[Tensor, "b d"], rows: Int64[Tensor, "b length"], smoothing: float
) -> Float[Tensor, ""]:
    """Mean cross-entropy of the captions' words given their text features, in nats a word; padding does not count.

    Source: DeCap (arXiv 2303.03032); label smoothing from its released code.
    """
    logits = decoder(features, rows[:, :-1])
    return functional.cross_entropy(logits.flatten(0, 1), rows.flatten(), ignore_index=PAD, label_smoothing=smoothing)


def learnt(
    features: Float[Tensor, "m d"], rows: Int64[Tensor, "m length"], vocabulary: int, chosen: Recipe, seed: int
) -> Decoder:
    """A decoder trained on captions and their text features, a function of its arguments alone on one CPU thread.

    Args:
        features: unit rows of the text tower whose decoder this is to be; no other tower's decoder will do.
        rows: word numbers of the same captions, padded.
        vocabulary: how many words there are.
        chosen: size and training.
        seed: of the first weights and the order of the captions.
    """
    decoder = untrained(features.shape[1], vocabulary, chosen, seed).to(features.device).train()
    optimiser = torch.optim.AdamW(decoder.parameters(), lr=chosen.lr, weight_decay=chosen.weight_decay, fused=True)
    for step, batch in enumerate(batches(len(rows), chosen, seed)):
        optimiser.param_groups[0]["lr"] = rate(step, chosen)
        wanted = rows[batch, : int((rows[batch] != PAD).sum(dim=1).max())].to(features.device)
        optimiser.zero_grad(set_to_none=True)
        found = loss(decoder, features[batch.to(features.device)], wanted, chosen.smoothing)
        found.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return decoder.eval()


def batches(captions: int, chosen: Recipe, seed: int) -> Iterator[Int64[Tensor, " b"]]:
    """Positions of the captions of each step, epoch after epoch in a new order; an epoch's last few are left out."""
    size = min(chosen.batch, captions)
    each = captions // size
    for epoch in range(-(-chosen.steps // each)):
        order = torch.from_numpy(generator(seed, "decoder order", epoch).permutation(captions))
        yield from torch.split(order, size)[: min(each, chosen.steps - epoch * each)]


def untrained(inputs: int, vocabulary: int, chosen: Recipe, seed: int) -> Decoder:
    """The decoder before training; torch's own random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "decoder"))
        return Decoder(
            inputs=inputs,
            vocabulary=vocabulary,
            length=chosen.longest,
            width=chosen.width,
            layers=chosen.layers,
            heads=chosen.heads,
        )
