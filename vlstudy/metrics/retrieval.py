"""How well images find their captions, and captions their image, in the full gallery."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal

from vlstudy.metrics.metric import Metric, Pairs
from vlstudy.metrics.parts import parts

if TYPE_CHECKING:
    from jaxtyping import Int
    from torch import Tensor

Way = Literal["image_to_text", "text_to_image"]
WAYS: tuple[Way, ...] = ("image_to_text", "text_to_image")
DEPTHS = (1, 5, 10)
_SOURCE = "Hodosh et al., JAIR 47 (2013); any caption of an image counts, Karpathy & Fei-Fei, arXiv 1412.2306"


@lru_cache(maxsize=1)  # nine metrics ask for the same ranks
def ranks(pairs: Pairs) -> dict[Way, Int[Tensor, " k"]]:
    """The place, from 1 on, of what is sought: for every image its nearest caption, for every caption its image.

        image to text:  1 + #{captions c of other images: <x_i, y_c> >= max over i's captions of <x_i, y>}
        text to image:  1 + #{images j that are not c's:  <x_j, y_c> >= <x_i, y_c>}

    What is wrong and scores alike stands before what is right, so a model that gives all the same score finds nothing,
    nor does one that gives NaN. The whole gallery is searched, some images at a time.

    Differs from the paper: how it breaks ties is unknown; scores are compared in single precision, so that equal
    features tie whatever the order of summation (our choice).
    Source: Hodosh et al., JAIR 47 (2013); any caption of an image counts, as in arXiv 1412.2306.
    """
    import torch

    images, texts, owner = pairs.image_features.double(), pairs.text_features.double(), pairs.image_of
    own = (images[owner] * texts).sum(dim=-1).float()
    image_ranks, text_ranks = [], torch.ones_like(owner)
    for part in parts(len(images), len(texts)):
        rows = torch.arange(part.start, part.stop, device=owner.device)
        scores, mine = (images[part] @ texts.T).float(), owner == rows[:, None]
        best = scores.masked_fill(~mine, -torch.inf).amax(dim=1, keepdim=True)
        # "not below" rather than "at least": NaN is neither
        image_ranks.append(1 + (~(scores < best) & ~mine).sum(dim=1))
        text_ranks += (~(scores < own) & ~mine).sum(dim=0)
    return {"image_to_text": torch.cat(image_ranks), "text_to_image": text_ranks}


def recall(pairs: Pairs, way: Way, depth: int) -> float:
    """Fraction of the images (or captions) that find theirs among the `depth` best, in [0, 1].

    >>> import torch
    >>> eye, own = torch.eye(2), torch.arange(2)
    >>> recall(Pairs(image_features=eye, text_features=eye, image_of=own, labels=own), "image_to_text", 1)
    1.0
    >>> recall(Pairs(image_features=eye, text_features=eye[[0, 0]], image_of=own, labels=own), "text_to_image", 1)
    0.5
    """
    return float((ranks(pairs)[way] <= depth).double().mean())


def mean_recall(pairs: Pairs) -> float:
    """Mean of the six recalls, both ways at 1, 5 and 10, in [0, 1]."""
    found = [recall(pairs, way, depth) for way in WAYS for depth in DEPTHS]
    return sum(found) / len(found)


def median_rank(pairs: Pairs, way: Way) -> float:
    """Median place of what is sought, from 1 on; the mean of the two in the middle of an even number."""
    return float(ranks(pairs)[way].double().quantile(0.5))


def _sought(way: Way) -> str:
    return "images that find one of their captions" if way == "image_to_text" else "captions that find their image"


def _fraction(name: str, meaning: str, compare: Callable[[Pairs], float], source: str = _SOURCE) -> Metric:
    return Metric(
        name=name,
        direction="maximize",
        unit="fraction",
        low=0.0,
        high=1.0,
        meaning=meaning,
        source=source,
        compare=compare,
    )


def _recall(way: Way, depth: int) -> Metric:
    among = f"fraction of {_sought(way)} among the {depth} nearest of the full gallery"
    if depth == 1:
        among = f"fraction of {_sought(way)} as the nearest of the full gallery"
    return _fraction(f"{way}_recall@{depth}", among, partial(recall, way=way, depth=depth))


def _median(way: Way) -> Metric:
    return Metric(
        name=f"{way}_median_rank",
        direction="minimize",
        unit="rank",
        low=1.0,
        high=None,
        meaning=f"median place, from 1 on, at which {_sought(way).replace(' that find', ' find')}",
        source=_SOURCE,
        compare=partial(median_rank, way=way),
    )


RECALLS = tuple(_recall(way, depth) for way in WAYS for depth in DEPTHS)
MEAN_RECALL = _fraction("mean_recall", "mean of recall at 1, 5 and 10, both ways", mean_recall, "standard")
MEDIAN_RANKS = tuple(_median(way) for way in WAYS)
