"""A small world of features in which few-shot learning has something to gain."""

import numpy as np
import torch
from torch.nn import functional

from vlstudy.data.pool import Features, Pool
from vlstudy.methods.protocol import Batch

CLASSES, WIDTH = 6, 32


def toy_pool(shots: int = 4, seed: int = 0, per_class: int = 24, views: int = 0) -> Pool:
    """Class centres on one side of the sphere, noisy texts on another, so that there is a gap to flow across."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((CLASSES, WIDTH))
    texts = centres + 2.0 * rng.standard_normal((CLASSES, WIDTH)) + 1.5
    labels = np.repeat(np.arange(CLASSES), per_class)
    images = centres[labels] + 1.0 * rng.standard_normal((len(labels), WIDTH)) - 1.5

    def unit(rows: np.ndarray) -> torch.Tensor:
        return functional.normalize(torch.from_numpy(rows).float(), dim=-1)

    extra = tuple(unit(images + 0.1 * rng.standard_normal(images.shape)) for _ in range(views))
    everything = Features(image_features=unit(images), label_indices=torch.from_numpy(labels), views=extra)
    return Pool(
        train=everything,
        val=None,
        test=None,
        text_features=unit(texts),
        classnames=tuple("abcdef"),
        logit_scale=100.0,
        shots=shots,
    )


def toy_batch(size: int = 8, seed: int = 0) -> Batch:
    """A batch from the toy pool."""
    dev = toy_pool(shots=16).dev(seed)
    index = torch.from_numpy(np.random.default_rng(seed).permutation(len(dev.train))[:size])
    return Batch(
        image_features=dev.train.image_features[index],
        labels=dev.train.labels[index],
        classes=dev.classes,
    )
