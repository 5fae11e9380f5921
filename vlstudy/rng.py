"""Named randomness: every random number of a study is a pure function of (seed, stream, step)."""

import hashlib

import numpy as np


def derive(seed: int, stream: str, step: int = 0) -> int:
    """A 63-bit seed for the consumers that take only an integer.

    >>> derive(0, "sampler") == derive(0, "sampler"), derive(0, "sampler") == derive(1, "sampler")
    (True, False)
    """
    digest = hashlib.sha256(f"{seed}/{stream}/{step}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, stream: str, step: int = 0) -> np.random.Generator:
    """A fresh generator that depends on nothing but its three arguments.

    Args:
        seed: the repetition, as in the study file.
        stream: what the numbers are for, such as `"batches"` or `"noise"`.
        step: the optimiser step, epoch or trial that they belong to.
    """
    return np.random.default_rng(derive(seed, stream, step))
