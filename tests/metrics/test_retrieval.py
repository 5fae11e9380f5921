"""Ranks and recall by hand: any caption of an image counts, and what ties stands before what is right."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from vlstudy.metrics import parts
from vlstudy.metrics.metric import Pairs
from vlstudy.metrics.retrieval import MEAN_RECALL, MEDIAN_RANKS, RECALLS, mean_recall, median_rank, ranks, recall

OWNERS = torch.tensor([0, 0, 1, 1, 1, 2])
# cosines of three images (rows, the axes) with six captions, two of the first, three of the second, one of the third
SCORES = torch.tensor(
    [
        [0.9, 0.1, 0.5, 0.2, 0.3, 0.2],  # own 0.9 is first
        [0.8, 0.1, 0.1, 0.6, 0.7, 0.7],  # own 0.7 behind 0.8 and a tied 0.7: third
        [0.5, 0.4, 0.3, 0.2, 0.1, 0.4],  # own 0.4 behind 0.5 and a tied 0.4: third
    ]
)
# captions: 0.9 first; 0.1 ties with the second image and is behind the third: third; 0.1 behind both: third;
# 0.6 first; 0.7 first; 0.4 behind 0.7: second


def of_scores(scores: torch.Tensor, owners: torch.Tensor) -> Pairs:
    """Pairs whose cosines are these: the images are the axes."""
    n = len(scores)
    return Pairs(image_features=torch.eye(n), text_features=scores.T, image_of=owners, labels=torch.full((n,), -1))


def by_loops(pairs: Pairs) -> tuple[list[int], list[int]]:
    """Both ranks, one comparison at a time."""
    scores, owner = (pairs.image_features @ pairs.text_features.T).tolist(), pairs.image_of.tolist()
    image_ranks = []
    for image, row in enumerate(scores):
        best = max(score for score, of in zip(row, owner, strict=True) if of == image)
        image_ranks.append(1 + sum(score >= best for score, of in zip(row, owner, strict=True) if of != image))
    text_ranks = [
        1 + sum(row[text] >= scores[of][text] for image, row in enumerate(scores) if image != of)
        for text, of in enumerate(owner)
    ]
    return image_ranks, text_ranks


def random_pairs(n: int, captions: int, width: int = 16) -> Pairs:
    generator = torch.Generator().manual_seed(0)
    return Pairs(
        image_features=normalize(torch.randn(n, width, generator=generator), dim=1),
        text_features=normalize(torch.randn(n * captions, width, generator=generator), dim=1),
        image_of=torch.arange(n).repeat_interleave(captions),
        labels=torch.full((n,), -1),
    )


def test_ranks_by_hand() -> None:
    found = ranks(of_scores(SCORES, OWNERS))
    assert found["image_to_text"].tolist() == [1, 3, 3]
    assert found["text_to_image"].tolist() == [1, 3, 3, 1, 1, 2]


def test_recall_and_median_by_hand() -> None:
    pairs = of_scores(SCORES, OWNERS)
    assert recall(pairs, "image_to_text", 1) == pytest.approx(1 / 3)
    assert recall(pairs, "text_to_image", 1) == pytest.approx(1 / 2)
    assert recall(pairs, "image_to_text", 5) == recall(pairs, "text_to_image", 10) == 1
    assert mean_recall(pairs) == pytest.approx((1 / 3 + 1 / 2 + 4) / 6)
    assert median_rank(pairs, "image_to_text") == 3 and median_rank(pairs, "text_to_image") == 1.5


def test_ranks_are_those_of_plain_loops_whatever_is_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = random_pairs(23, 5)
    expected = by_loops(pairs)
    for numbers in (1, 3 * 115, 2**22):
        monkeypatch.setattr(parts, "AT_ONCE", numbers)
        ranks.cache_clear()
        found = ranks(pairs)
        assert (found["image_to_text"].tolist(), found["text_to_image"].tolist()) == expected


def test_the_whole_gallery_is_searched_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[tuple[int, int]]()

    def counted(rows: int, columns: int) -> list[slice]:
        asked.append((rows, columns))
        return [slice(0, rows)]

    monkeypatch.setattr("vlstudy.metrics.retrieval.parts", counted)
    ranks(random_pairs(7, 3))
    assert asked == [(7, 21)]
    widest = max(part.stop - part.start for part in parts.parts(5000, 25_000))
    assert widest * 25_000 <= parts.AT_ONCE
    assert [part.start for part in parts.parts(3, 2**30)] == [0, 1, 2]


def test_equal_captions_of_two_images_tie() -> None:
    features = normalize(torch.randn(40, 512, generator=torch.Generator().manual_seed(1)), dim=1)
    twins = features.repeat_interleave(2, dim=0)
    pairs = Pairs(image_features=twins, text_features=twins, image_of=torch.arange(80), labels=torch.zeros(80))
    assert ranks(pairs)["image_to_text"].tolist() == ranks(pairs)["text_to_image"].tolist() == [2] * 80


def test_features_that_are_no_numbers_find_nothing() -> None:
    pairs = random_pairs(12, 1)
    broken = Pairs(
        image_features=pairs.image_features * math.nan,
        text_features=pairs.text_features,
        image_of=pairs.image_of,
        labels=pairs.labels,
    )
    assert mean_recall(broken) == 0


def test_ranks_are_computed_once_for_all_metrics() -> None:
    ranks.cache_clear()
    pairs = random_pairs(5, 2)
    values = [metric.compare(pairs) for metric in (*RECALLS, MEAN_RECALL, *MEDIAN_RANKS) if metric.compare]
    assert len(values) == 9 and ranks.cache_info().misses == 1
    assert ranks(random_pairs(6, 2))["image_to_text"].shape == (6,)


def test_metrics_are_named_and_bounded() -> None:
    names = {f"{way}_recall@{depth}" for way in ("image_to_text", "text_to_image") for depth in (1, 5, 10)}
    assert {metric.name for metric in RECALLS} == names
    assert {metric.name for metric in MEDIAN_RANKS} == {"image_to_text_median_rank", "text_to_image_median_rank"}
    for metric in (*RECALLS, MEAN_RECALL):
        assert (metric.direction, metric.unit, metric.low, metric.high) == ("maximize", "fraction", 0, 1)
    for metric in MEDIAN_RANKS:
        assert (metric.direction, metric.unit, metric.low, metric.high) == ("minimize", "rank", 1, None)
    pairs = of_scores(SCORES, OWNERS)
    found = {metric.name: metric.compare(pairs) for metric in RECALLS if metric.compare}
    assert found["image_to_text_recall@1"] == pytest.approx(1 / 3) and found["text_to_image_recall@1"] == 0.5
