"""Few-shot draws as pure functions of (labels, shots, seed)."""

from typing import NamedTuple

import numpy as np

from vlstudy.errors import DataError
from vlstudy.rng import derive

VALIDATION_SHOTS = 4  # CoOp (arXiv 2109.01134): validation has min(shots, 4) images per class


class Draw(NamedTuple):
    """Indices of a few-shot draw: `shots` per class, min(shots, 4) further ones per class, and all others."""

    train: np.ndarray
    val: np.ndarray
    rest: np.ndarray


def few_shot(labels: np.ndarray, shots: int, seed: int) -> Draw:
    """The draw of `seed`: one generator permutes the images of class 0, 1, .. in turn and takes the first.

    Draws of one seed are nested over shots in `train`. A class with fewer images gives what it has to `train` first.

    Args:
        labels: integer class of each image, [n].
        shots: training images per class; 0 takes all, and holds none out.
        seed: the repetition.

    Raises:
        DataError: if a class has no image to draw.

    >>> few_shot(np.array([0, 0, 1, 1]), shots=1, seed=0).train.tolist()
    [0, 2]
    """
    rng = np.random.default_rng(seed)
    held = min(shots, VALIDATION_SHOTS)
    train, val = [], []
    for label in range(int(labels.max()) + 1):
        order = rng.permutation(np.flatnonzero(labels == label))
        if not len(order):
            raise DataError(f"class {label} has no image; every class below the largest label must have one")
        train.append(order[: shots or None])
        val.append(order[len(train[-1]) : shots + held])
    taken = np.concatenate(train), np.concatenate(val)
    return Draw(*taken, np.setdiff1d(np.arange(len(labels)), np.concatenate(taken)))


def held_out(domains: np.ndarray, share: float, seed: int) -> np.ndarray:
    """True for the `share` of each domain's images that the seed sets aside, rounded down, bool [n].

    Differs from the papers: DomainBed (arXiv 2007.01434) splits by a hash of (trial seed, domain), CLIPood by that of
    seed 0 for every run; here each seed splits anew, so that intervals cover the luck of the split (our choice).

    >>> held_out(np.array([0] * 5 + [1] * 10), 0.2, seed=0).sum()
    np.int64(3)
    """
    held = np.zeros(len(domains), dtype=bool)
    for domain in np.unique(domains):
        mine = np.flatnonzero(domains == domain)
        order = np.random.default_rng(derive(seed, "held out", int(domain))).permutation(mine)
        held[order[: int(share * len(mine))]] = True
    return held
