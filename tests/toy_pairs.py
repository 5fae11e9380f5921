"""A small world of image-caption features with a gap between the two modalities."""

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from tests.toy_pixels import towers, toy_pictures
from vlstudy.data.captions import CaptionSet
from vlstudy.data.sets import Classes, DevSplits, FeatureSet
from vlstudy.methods.protocol import Batch

_GAP = 0.6  # how far each modality is shifted along every coordinate, in opposite directions


def toy_pairs(n: int = 64, d: int = 16, captions: int = 5, seed: int = 0, classes: int = 4) -> DevSplits:
    """Training and validation images, n of each, with `captions` captions apiece, all of width d."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((classes, d))
    labels = rng.integers(classes, size=2 * n)
    content = centres[labels] + rng.standard_normal((2 * n, d))
    images = content + 0.5 * rng.standard_normal((2 * n, d)) + _GAP
    texts = content[:, None] + 0.5 * rng.standard_normal((2 * n, captions, d)) - _GAP
    everything = FeatureSet(
        image_features=_unit(images),
        labels=torch.from_numpy(labels),
        views=torch.empty(2 * n, 0, d),
        domains=torch.zeros(2 * n, dtype=torch.long),
        captions=CaptionSet(
            text_features=_unit(texts.reshape(-1, d)),
            image_of=torch.arange(2 * n).repeat_interleave(captions),
            texts=tuple(f"image {image}, caption {number}" for image in range(2 * n) for number in range(captions)),
        ),
    )
    return DevSplits(
        train=everything.take(torch.arange(n)),
        val=everything.take(torch.arange(n, 2 * n)),
        classes=Classes(
            names=tuple(f"class {label}" for label in range(classes)),
            text_features=_unit(centres - _GAP),
            trained=torch.arange(classes),
            logit_scale=100.0,
        ),
    )


@cache
def picture_pairs() -> DevSplits:
    """The pictures of `toy_pixels` as pairs, each with two sentences about its class, and the miniature's towers."""
    dev = toy_pictures(shots=4, per_class=12).dev(0)

    def said(images: FeatureSet) -> FeatureSet:
        names = [dev.classes.names[label] for label in images.labels.tolist()]
        texts = tuple(sentence for name in names for sentence in (f"a picture of a {name}", f"look at a {name}"))
        captions = CaptionSet(
            text_features=towers().encode_texts(texts),
            image_of=torch.arange(len(images)).repeat_interleave(2),
            texts=texts,
            tokens=towers().tokenizer(list(texts)),
        )
        return replace(images, captions=captions)

    return replace(dev, train=said(dev.train), val=said(dev.val))


def pair_batch(dev: DevSplits, size: int = 32, seed: int = 0) -> Batch:
    """A batch of different training images, each with one of its captions."""
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.permutation(len(dev.train))[:size])
    captions = dev.train.captions
    assert captions is not None
    chosen = captions.one_each(images, rng)
    return Batch(
        image_features=dev.train.image_features[images],
        labels=dev.train.labels[images],
        classes=dev.classes,
        pictures=None if dev.train.pixels is None else dev.train.pixels.plain(images),
        text_features=captions.text_features[chosen],
        tokens=None if captions.tokens is None else captions.tokens[chosen],
    )


def without_classes(dev: DevSplits) -> DevSplits:
    """The same pairs as in a source that knows no classes."""
    none = replace(dev.classes, names=(), text_features=dev.classes.text_features[:0], trained=dev.classes.trained[:0])
    unknown = [replace(images, labels=torch.full_like(images.labels, -1)) for images in (dev.train, dev.val)]
    return replace(dev, classes=none, train=unknown[0], val=unknown[1])


def _unit(rows: np.ndarray) -> Float[Tensor, "n d"]:
    return functional.normalize(torch.from_numpy(rows).float(), dim=-1)
