"""The decoder's training: what it minimises, how fast, in which order."""

import math

import pytest
import torch

from tests.captioning.sayings import TEXTS, features
from vlstudy.captioning.decoding import greedy
from vlstudy.captioning.learning import Recipe, batches, learnt, loss, rate, recipe, untrained
from vlstudy.captioning.words import PAD, Vocabulary

SMALL = Recipe(steps=80, layers=2, heads=2, width=32, batch=16, lr=1e-2, warmup=8, longest=6)


def test_the_papers_recipe_is_kept_where_there_are_captions_enough() -> None:
    paper = recipe(566_000)
    assert (paper.layers, paper.heads, paper.tokens, paper.longest) == (4, 4, 20, 30)
    assert (paper.lr, paper.warmup, paper.batch, paper.smoothing) == (1e-5, 1000, 128, 0.1)
    assert paper.steps == 10 * 566_000 // 128
    assert recipe(2000).lr > paper.lr and (recipe(2000).heads, recipe(2000).smoothing) == (4, 0.1)


def test_the_rate_rises_in_a_line_and_falls_in_a_line() -> None:
    chosen = Recipe(steps=110, warmup=10, lr=1.0)
    assert rate(4, chosen) == pytest.approx(0.5) and rate(9, chosen) == 1.0
    assert rate(59, chosen) == pytest.approx(51 / 101)
    assert 0 < rate(109, chosen) < 0.01


def test_the_loss_by_hand_smooths_labels_and_leaves_padding_out() -> None:
    vocabulary = Vocabulary(["one", "two"])
    decoder = untrained(8, len(vocabulary), SMALL, seed=0)
    with torch.no_grad():
        decoder.norm.weight.zero_()  # then all scores are the bias', here 0, 1, 2, 3, 4 times the embedding's
        decoder.norm.bias.zero_()[0] = 1.0
        decoder.embedding.weight[:, 0] = torch.arange(5.0)
    rows = vocabulary.rows(["one", "two one"], length=4)
    logs = [number - math.log(sum(math.exp(other) for other in range(5))) for number in range(5)]
    each = [0.9 * -logs[number] + 0.1 * -sum(logs) / 5 for number in (3, 2, 4, 3, 2)]  # one END; two one END
    assert loss(decoder, torch.ones(2, 8), rows, 0.1).item() == pytest.approx(sum(each) / 5, rel=1e-5)


def test_what_is_said_after_a_place_is_not_seen_at_it() -> None:
    decoder = untrained(8, 9, SMALL, seed=0).eval()
    written = torch.tensor([[3, 4, 5], [3, 4, 7]])
    scores = decoder(torch.ones(2, 8), written)
    torch.testing.assert_close(scores[0, :3], scores[1, :3])
    assert not torch.allclose(scores[0, 3], scores[1, 3])
    torch.testing.assert_close(decoder(torch.ones(2, 8), written, last=True), scores[:, -1:])


def test_every_caption_comes_once_an_epoch_in_a_new_order() -> None:
    steps = list(batches(10, Recipe(steps=7, batch=3), seed=0))
    assert [len(batch) for batch in steps] == [3] * 7
    first, second = torch.cat(steps[:3]).tolist(), torch.cat(steps[3:6]).tolist()
    assert len(set(first)) == len(set(second)) == 9 and first != second
    assert [len(batch) for batch in batches(2, Recipe(steps=3, batch=64), seed=0)] == [2, 2, 2]


def test_a_decoder_writes_back_what_the_text_feature_says() -> None:
    vocabulary = Vocabulary(TEXTS)
    decoder = learnt(features(), vocabulary.rows(TEXTS, 20), len(vocabulary), SMALL, seed=0)
    assert greedy(decoder, vocabulary, features()) == tuple(text.lower().strip(".") for text in TEXTS)


def test_training_depends_on_its_seed_and_on_nothing_else() -> None:
    vocabulary, brief = Vocabulary(TEXTS), Recipe(steps=3, layers=1, heads=2, width=16, batch=8, warmup=1, lr=1e-2)
    rows = vocabulary.rows(TEXTS, 20)
    states: list[torch.Tensor] = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(states))
        before = torch.random.get_rng_state()
        states.append(torch.cat([p.flatten() for p in learnt(features(), rows, 14, brief, seed).parameters()]))
        assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(states[0], states[1]) and not torch.equal(states[0], states[2])
    assert (rows == PAD).any()
