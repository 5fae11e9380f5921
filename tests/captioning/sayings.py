"""A language of four words whose text features say which words were said: what a small decoder learns in a second."""

from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

COLOURS, SHAPES = ("red", "green", "blue", "pink"), ("star", "ring", "cross", "heart")
TEXTS = tuple(f"A {colour} {shape}." for colour, shape in product(COLOURS, SHAPES))


def features() -> Tensor:
    """Unit rows: one coordinate for each colour and each shape."""
    pairs = product(range(len(COLOURS)), range(len(SHAPES)))
    rows = [functional.one_hot(torch.tensor([colour, 4 + shape]), 8).sum(dim=0) for colour, shape in pairs]
    return functional.normalize(torch.stack(rows).float(), dim=-1)
