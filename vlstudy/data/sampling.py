"""Few-shot draws as pure functions of (labels, shots, seed)."""

from typing import NamedTuple

import numpy as np

from vlstudy.errors import DataError

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
        shots: training images per class.
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
        train.append(order[:shots])
        val.append(order[shots : shots + held])
    taken = np.concatenate(train), np.concatenate(val)
    return Draw(*taken, np.setdiff1d(np.arange(len(labels)), np.concatenate(taken)))
