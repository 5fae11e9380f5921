"""Noise on pairs: check 27 of variance-aware scheduling, and each kind by hand."""

import pytest
import torch

from vlstudy.data.captions import CaptionSet
from vlstudy.data.noise import Noise, noisy_pairs, noisy_pixels, noisy_words, real, words_of
from vlstudy.errors import DataError

ROWS = torch.tensor([[8, 2, 3, 4, 9, 0], [8, 5, 9, 0, 0, 0]])  # 8 starts, 9 ends, 0 pads
VOCABULARY = torch.arange(2, 8)


def many(count: int) -> torch.Tensor:
    """Rows of ten words of a vocabulary of 998."""
    words = torch.randint(2, 1000, (count, 10), generator=torch.Generator().manual_seed(0))
    start, end, pad = (
        torch.full((count, 1), 1000),
        torch.full((count, 1), 1001),
        torch.zeros(count, 2, dtype=torch.long),
    )
    return torch.cat([start, words, end, pad], dim=1)


def caption_noise(level: float, words: str = "replace", seed: int = 0) -> Noise:
    return Noise(kind="caption", level=level, words=words, seed=seed)


@pytest.mark.parametrize("words", ["replace", "drop", "unknown", "swap"])
def test_check_27_level_0_is_the_identity(words: str) -> None:
    tokens = many(100)
    assert torch.equal(noisy_words(tokens, caption_noise(0.0, words), words_of(tokens), 1), tokens)
    pictures = torch.rand(4, 3, 8, 8)
    assert torch.equal(noisy_pixels(pictures, Noise(kind="pixel", level=0.0)), pictures)
    captions = CaptionSet(text_features=torch.eye(4), image_of=torch.arange(4))
    assert torch.equal(noisy_pairs(captions, Noise(kind="pair", level=0.0)).text_features, torch.eye(4))


@pytest.mark.parametrize("level", [0.1, 0.3, 0.5])
def test_check_27_the_rate_is_the_level_and_special_tokens_stay(level: float) -> None:
    tokens = many(10_000)
    found = noisy_words(tokens, caption_noise(level), words_of(tokens), None)
    changed = found != tokens
    assert not changed[~real(tokens)].any()
    hit = level * (1 - 1 / 998)  # one of 998 replacements is the word itself
    assert abs(float(changed.sum()) / 1e5 - hit) < 4 * (hit * (1 - hit) / 1e5) ** 0.5
    assert set(found[real(found)].tolist()) <= set(range(2, 1000))


def test_check_27_the_standard_deviation_of_pixel_noise() -> None:
    noise = Noise(kind="pixel", level=0.3)
    drawn = noisy_pixels(torch.zeros(8, 3, 64, 64), noise)
    assert float(drawn.std()) == pytest.approx(0.3, rel=0.01)
    assert abs(float(drawn.mean())) < 4 * 0.3 / drawn.numel() ** 0.5


def test_check_27_equal_seeds_give_equal_noise() -> None:
    tokens, pictures = many(50), torch.zeros(2, 3, 8, 8)
    once, again, other = (noisy_words(tokens, caption_noise(0.5, seed=seed), VOCABULARY, None) for seed in (1, 1, 2))
    assert torch.equal(once, again) and not torch.equal(once, other)
    one, same, apart = (noisy_pixels(pictures, Noise(kind="pixel", level=0.1, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, apart)


def test_words_by_hand() -> None:
    assert noisy_words(ROWS, caption_noise(1.0, "drop"), VOCABULARY, None).tolist() == [[8, 9, 0, 0, 0, 0]] * 2
    assert noisy_words(ROWS, caption_noise(1.0, "unknown"), VOCABULARY, 1).tolist() == [
        [8, 1, 1, 1, 9, 0],
        [8, 1, 9, 0, 0, 0],
    ]
    assert noisy_words(ROWS, caption_noise(1.0, "swap"), VOCABULARY, None).tolist() == [
        [8, 3, 2, 4, 9, 0],
        ROWS[1].tolist(),
    ]
    assert real(ROWS).sum(dim=1).tolist() == [3, 1]


def test_dropped_words_close_up() -> None:
    tokens = many(200)
    found = noisy_words(tokens, caption_noise(0.5, "drop"), VOCABULARY, None)
    for before, after in zip(tokens.tolist(), found.tolist(), strict=True):
        kept = [number for number in after if number]
        assert kept[0] == 1000 and kept[-1] == 1001 and after[len(kept) :] == [0] * (len(after) - len(kept))
        rest = iter(before)
        assert all(number in rest for number in kept)  # in the same order


def test_a_tokenizer_without_unknown_words_is_told() -> None:
    with pytest.raises(DataError, match="Take replace, drop or swap"):
        noisy_words(ROWS, caption_noise(0.5, "unknown"), VOCABULARY, None)


def test_pairs_are_shuffled_among_themselves() -> None:
    captions = CaptionSet(
        text_features=torch.arange(1000.0)[:, None],
        image_of=torch.arange(200).repeat_interleave(5),
        texts=tuple(map(str, range(1000))),
    )
    found = noisy_pairs(captions, Noise(kind="pair", level=0.3))
    moved = found.text_features[:, 0] != captions.text_features[:, 0]
    assert 280 <= int(moved.sum()) <= 300
    assert torch.equal(found.image_of, captions.image_of)
    assert sorted(found.texts) == sorted(captions.texts)
    assert [str(int(value)) for value in found.text_features[:, 0]] == list(found.texts)
