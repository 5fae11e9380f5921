"""The numbers of the words that a decoder writes with."""

from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Int64
from torch import Tensor

from vlstudy.metrics.captioning import words

PAD, UNKNOWN, END = 0, 1, 2
MOST = 10_000  # words that a decoder knows, our choice


class Vocabulary:
    """A number for each word that the training captions say most, one for all others.

    Differs from the paper: DeCap's decoder writes CLIP's byte pairs, ours the words by which CIDEr judges it (our
    choice), so that it needs no tokeniser of its own.

    >>> vocabulary = Vocabulary(["A red star.", "a star"], most=2)
    >>> vocabulary.rows(["a red star", "a"], length=4).tolist()
    [[3, 1, 4, 2], [3, 2, 0, 0]]
    >>> vocabulary.text([3, 4, 2, 0])
    'a star'
    """

    def __init__(self, texts: Iterable[str], most: int = MOST) -> None:
        counts = Counter(word for text in texts for word in words(text))
        kept = sorted(counts, key=lambda word: (-counts[word], word))[:most]
        self._words = ("", "", "", *kept)
        self._numbers = {word: number for number, word in enumerate(kept, start=END + 1)}

    def __len__(self) -> int:
        return len(self._words)

    def rows(self, texts: Sequence[str], length: int) -> Int64[Tensor, "m length"]:
        """The numbers of each text, one text a row: `word word ... end pad pad`.

        A text that is too long loses its last words and its end, so that no decoder learns to stop in mid-sentence.
        """
        found = torch.full((len(texts), length), PAD, dtype=torch.int64)
        for row, text in zip(found, texts, strict=True):
            numbers = [*(self._numbers.get(word, UNKNOWN) for word in words(text)), END][:length]
            row[: len(numbers)] = torch.tensor(numbers)
        return found

    def text(self, numbers: Sequence[int]) -> str:
        """The words of a row of numbers up to its end."""
        said = list(numbers)
        return " ".join(self._words[number] for number in said[: said.index(END) if END in said else None])
