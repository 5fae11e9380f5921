"""A word-level tokenizer: a number for each word of a fixed list, one for all others."""

import re
from collections.abc import Sequence

import torch
from jaxtyping import Int64
from torch import Tensor

_WORD = re.compile(r"[a-z0-9]+")


class WordTokenizer:
    """Texts to rows of word numbers, as the text tower of open_clip takes them.

    Row: `start word word ... end pad pad`. The end has the highest number of all, because open_clip reads the text
    feature where the number is highest. A text that is too long loses its last words, never its end.

    >>> tokenizer = WordTokenizer(("a", "star"), context_length=5)
    >>> tokenizer(["A star!", "a comet"]).tolist()
    [[4, 2, 3, 5, 0], [4, 2, 1, 5, 0]]
    """

    PAD, UNKNOWN = 0, 1

    def __init__(self, words: Sequence[str], context_length: int) -> None:
        self.context_length = context_length
        self._words = ("", "<unknown>", *words)
        self._numbers = {word: number for number, word in enumerate(self._words) if number > self.UNKNOWN}
        self.start, self.end = len(self._words), len(self._words) + 1
        self.vocab_size = len(self._words) + 2

    def __call__(self, texts: str | Sequence[str]) -> Int64[Tensor, "m context"]:
        """The word numbers of each text, one text a row."""
        texts = [texts] if isinstance(texts, str) else texts
        rows = torch.full((len(texts), self.context_length), self.PAD, dtype=torch.int64)
        for row, text in zip(rows, texts, strict=True):
            numbers = self._encode(text)
            row[: len(numbers)] = torch.tensor(numbers)
        return rows

    def _encode(self, text: str) -> list[int]:
        found = [self._numbers.get(word, self.UNKNOWN) for word in _WORD.findall(text.lower())]
        return [self.start, *found[: self.context_length - 2], self.end]

    def decode(self, numbers: Sequence[int]) -> str:
        """The words of a row of numbers, without start, end and padding.

        >>> WordTokenizer(("a", "star"), context_length=5).decode([4, 2, 3, 5, 0])
        'a star'
        """
        return " ".join(self._words[number] for number in numbers if self.PAD < number < self.start)
