"""Words to numbers and back, greedy writing, and the memory."""

import math

import torch

from tests.captioning.sayings import TEXTS, features
from vlstudy.captioning.decoding import greedy, remembered
from vlstudy.captioning.learning import Recipe, untrained
from vlstudy.captioning.words import END, PAD, UNKNOWN, Vocabulary

SMALL = Recipe(steps=1, layers=1, heads=2, width=16, longest=5)


def test_words_become_numbers_and_words_again() -> None:
    vocabulary = Vocabulary(TEXTS)
    rows = vocabulary.rows(["A red STAR!", "a red comet"], length=6)
    assert rows[0, 3:].tolist() == [END, PAD, PAD] and rows[1, 2] == UNKNOWN
    assert vocabulary.text(rows[0].tolist()) == "a red star"
    assert len(vocabulary) == 3 + 9


def test_a_caption_that_is_too_long_has_no_end() -> None:
    assert END not in Vocabulary(TEXTS).rows(["a red star a red star"], length=6)[0].tolist()


def test_the_order_of_captions_does_not_number_the_words() -> None:
    one, other = Vocabulary(TEXTS), Vocabulary(TEXTS[::-1])
    assert torch.equal(one.rows(TEXTS, 5), other.rows(TEXTS, 5))


def test_greedy_writing_takes_the_likeliest_word_of_each_place() -> None:
    vocabulary = Vocabulary(TEXTS)
    decoder = untrained(8, len(vocabulary), SMALL, seed=3).eval()
    written = greedy(decoder, vocabulary, features()[:4])
    for feature, text in zip(features(), written, strict=False):
        row: list[int] = []
        while END not in row and len(row) < 5:
            scores = decoder(feature[None], torch.tensor([row], dtype=torch.long))[0, -1]
            scores[[PAD, UNKNOWN]] = -math.inf
            row.append(int(scores.argmax()))
        assert text == vocabulary.text(row)


def test_what_is_never_said_is_never_written() -> None:
    vocabulary = Vocabulary(TEXTS)
    decoder = untrained(8, len(vocabulary), SMALL, seed=0)
    with torch.no_grad():
        decoder.norm.weight.zero_()
        decoder.norm.bias.fill_(1.0)
        decoder.embedding.weight.fill_(-2.0)
        decoder.embedding.weight[[PAD, UNKNOWN]] = 9.0
        decoder.embedding.weight[END + 1] = -1.0
    assert greedy(decoder, vocabulary, features()[:1]) == ("a a a a a",)  # the commonest word, up to the length


def test_writing_stops_when_all_captions_have_ended() -> None:
    vocabulary = Vocabulary(TEXTS)
    decoder = untrained(8, len(vocabulary), SMALL, seed=0)
    with torch.no_grad():
        decoder.norm.weight.zero_()
        decoder.norm.bias.fill_(1.0)
        decoder.embedding.weight.zero_()[END] = 1.0
    places: list[int] = []
    decoder.register_forward_hook(lambda module, given, scores: places.append(given[1].shape[1]))
    assert greedy(decoder, vocabulary, features()[:3]) == ("", "", "") and places == [0]


def test_the_memory_by_hand() -> None:
    memory = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    image = torch.tensor([[math.cos(0.78), math.sin(0.78)]])
    weight = 1 / (1 + math.exp(100 * (math.sin(0.78) - math.cos(0.78))))
    expected = torch.tensor([[weight, 1 - weight]])
    torch.testing.assert_close(remembered(image, memory), expected / expected.norm(), rtol=1e-4, atol=1e-4)


def test_the_memory_is_the_same_in_parts() -> None:
    torch.manual_seed(0)
    images = torch.nn.functional.normalize(torch.randn(600, 8), dim=-1)
    together = remembered(images, features())
    torch.testing.assert_close(together[590:], remembered(images[590:], features()))
    torch.testing.assert_close(together.norm(dim=-1), torch.ones(600))
