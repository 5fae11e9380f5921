"""How like people's captions the written ones are."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vlstudy.metrics.metric import Metric

_WORD = re.compile(r"[^\W_]+")
_SOURCE = "Vedantam et al., arXiv 1411.5726, section 8 (CIDEr-D); scorer of pycocoevalcap, words of our own"


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation.

    Differs from the paper: CIDEr usually stands behind the Penn Treebank tokeniser, which needs Java; this rule is our
    choice.

    >>> words("A man's well-lit dog, 2 cats!")
    ['a', 'man', 's', 'well', 'lit', 'dog', '2', 'cats']
    """
    return _WORD.findall(text.lower())


def cider(written: Sequence[str], references: Sequence[Sequence[str]]) -> tuple[float, tuple[float, ...]]:
    """CIDEr-D in [0, 10]: the mean over images, and each image's own.

        10 * mean over k = 1..4 and references r of
            exp(-(len c - len r)^2 / 72) <min(g_k(c), g_k(r)), g_k(r)> / (|g_k(c)| |g_k(r)|)

    g_k counts k-grams, each times log(images / images whose references say it). A caption equal to all references gets
    10 if each of its k-grams is rare; what every image's references say counts nothing, so one image alone gets 0.
    Papers print 100 times the mean.

    Differs from the paper: words are lower-cased and lose their punctuation by our own rule, not the Penn Treebank's.
    Source: arXiv 1411.5726, section 8; computed by pycocoevalcap.

    Args:
        written: one caption an image.
        references: what people said of the same images, one or more texts each.
    """
    from pycocoevalcap.cider.cider_scorer import CiderScorer

    scorer = CiderScorer()
    for caption, said in zip(written, references, strict=True):
        scorer += (" ".join(words(caption)), [" ".join(words(text)) for text in said])
    mean, each = scorer.compute_score()
    return float(mean), tuple(float(score) for score in each)


def _metric(name: str, meaning: str) -> Metric:
    return Metric(
        name=name,
        direction="maximize",
        unit="CIDEr-D",
        low=0.0,
        high=10.0,
        meaning=meaning,
        source=_SOURCE,
        split="test",
    )


CIDER = _metric(
    "cider", "likeness to people's captions of what the decoder writes from image features; papers print x100"
)
CIDER_MEMORY = _metric(
    "cider_memory", "as cider, with each image first moved onto the training captions; papers print x100"
)
