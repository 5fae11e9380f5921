"""The word-level tokenizer."""

import pytest

from vlstudy.backbones.miniature import configuration, word_tokenizer
from vlstudy.backbones.tokenizer import WordTokenizer
from vlstudy.data.miniature import caption_pool
from vlstudy.data.miniature.captions import vocabulary


@pytest.fixture
def tokenizer() -> WordTokenizer:
    return WordTokenizer(("a", "red", "star"), context_length=5)


def test_what_it_reads_it_can_say_again() -> None:
    shipped = word_tokenizer()
    texts = [text for captions in caption_pool("val", 50).captions for text in captions]
    assert [shipped.decode(row) + "." for row in shipped(texts).tolist()] == texts


def test_unknown_words_share_one_number(tokenizer: WordTokenizer) -> None:
    row = tokenizer("a comet").tolist()[0]
    assert row == [tokenizer.start, 2, tokenizer.UNKNOWN, tokenizer.end, tokenizer.PAD]
    assert tokenizer.decode(row) == "a <unknown>"


def test_a_long_text_loses_words_but_not_its_end(tokenizer: WordTokenizer) -> None:
    row = tokenizer("a red star a red star").tolist()[0]
    assert row == [tokenizer.start, 2, 3, 4, tokenizer.end]


def test_the_end_has_the_highest_number(tokenizer: WordTokenizer) -> None:
    rows = tokenizer(["", "a star", "a red star a red star"])
    assert [row[place] for row, place in zip(rows.tolist(), rows.argmax(dim=1).tolist(), strict=True)] == [5 + 1] * 3
    assert tokenizer.end == tokenizer.vocab_size - 1


def test_case_and_punctuation_do_not_matter(tokenizer: WordTokenizer) -> None:
    assert tokenizer(["A red, STAR!"]).tolist() == tokenizer(["a red star"]).tolist()


def test_the_shipped_words_are_those_of_the_grammar() -> None:
    assert tuple(configuration()["vocabulary"]) == vocabulary()
    assert configuration()["text_cfg"]["vocab_size"] == word_tokenizer().vocab_size
