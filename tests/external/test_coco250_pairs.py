"""Measures of 250 real pairs: CLIP ViT-B/16 features of MS-COCO, beside numpy and loops.

The known answers of the data's README (centroid distance 0.851, matched cosine 0.310, recall 55.2 / 80.8 / 89.2 and
50.6 / 76.6 / 86.2) are of 500 pairs; the file holds 250 of them, and a smaller gallery is easier.
"""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vlstudy.metrics.geometry import GAPS
from vlstudy.metrics.metric import Pairs
from vlstudy.metrics.retrieval import MEDIAN_RANKS, RECALLS

pytestmark = pytest.mark.external

Cloud = NDArray[np.float64]
README = {"centroid_gap": 0.851, "matched_cosine": 0.310}  # of 500 pairs
README_RECALL = {"image_to_text": (0.552, 0.808, 0.892), "text_to_image": (0.506, 0.766, 0.862)}  # likewise
OURS = {"image_to_text": (0.640, 0.852, 0.936), "text_to_image": (0.616, 0.840, 0.940)}  # of the 250, exactly
DEPTHS = (1, 5, 10)


@pytest.fixture
def clouds(shared_data: Path) -> tuple[Cloud, Cloud]:
    """Images and texts as the file has them: half precision, norm 1 within 6e-4; here renormalised."""
    with np.load(shared_data / "features/clip_vitb16_coco250_pairs.npz", allow_pickle=False) as file:
        images, texts = (file[name].astype(np.float64) for name in ("image", "text"))
    return tuple(cloud / np.linalg.norm(cloud, axis=1, keepdims=True) for cloud in (images, texts))


@pytest.fixture
def measured(clouds: tuple[Cloud, Cloud]) -> dict[str, float]:
    """What our metrics say of them, given in single precision as a model gives them."""
    images, texts = (torch.from_numpy(cloud).float() for cloud in clouds)
    own = torch.arange(len(images))
    pairs = Pairs(image_features=images, text_features=texts, image_of=own, labels=torch.full_like(own, -1))
    found = {metric.name: metric.compare(pairs) for metric in (*GAPS, *RECALLS, *MEDIAN_RANKS) if metric.compare}
    return {name: value for name, value in found.items() if value is not None}


def ranks(scores: Cloud) -> list[int]:
    """Place of each row's own column, one comparison at a time; what ties stands before it."""
    return [
        1 + sum(score >= row[own] for place, score in enumerate(row) if place != own) for own, row in enumerate(scores)
    ]


def test_there_are_250_pairs(clouds: tuple[Cloud, Cloud]) -> None:
    assert [cloud.shape for cloud in clouds] == [(250, 512), (250, 512)]


def test_gaps_beside_numpy(clouds: tuple[Cloud, Cloud], measured: dict[str, float]) -> None:
    images, texts = clouds
    delta, apart = images.mean(axis=0) - texts.mean(axis=0), images - texts
    expected = {
        "centroid_gap": np.sqrt(delta @ delta),
        "raw_gap": np.sqrt(np.mean(np.sum(apart**2, axis=1))),
        "distribution_gap": np.sqrt(np.trace(np.cov(apart.T, bias=True))),
        "matched_cosine": np.mean([image @ text for image, text in zip(images, texts, strict=True)]),
    }
    assert {name: measured[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    stated = {"centroid_gap": 0.8475, "raw_gap": 1.1740, "distribution_gap": 0.8125, "matched_cosine": 0.3108}
    assert {name: measured[name] for name in stated} == pytest.approx(stated, abs=1e-4)
    # the other 250 pairs move the means a little
    assert {name: measured[name] for name in README} == pytest.approx(README, abs=0.01)


def test_recalls_beside_loops(clouds: tuple[Cloud, Cloud], measured: dict[str, float]) -> None:
    scores = clouds[0] @ clouds[1].T
    for way, table in (("image_to_text", scores), ("text_to_image", scores.T)):
        places = ranks(table)
        found = [measured[f"{way}_recall@{depth}"] for depth in DEPTHS]
        assert found == [np.mean([place <= depth for place in places]) for depth in DEPTHS]
        assert found == pytest.approx(OURS[way], abs=1e-9)
        assert measured[f"{way}_median_rank"] == np.median(places) == 1
        # a gallery of half the size: better than in 500, and by no more than the size explains
        for value, of_500 in zip(found, README_RECALL[way], strict=True):
            assert of_500 < value < of_500 + 0.15


def test_check_14_the_anchor_of_clip(measured: dict[str, float]) -> None:
    """TPC-CMA check 14 asks for ViT-B/32 on COCO, whose weights are not at hand: this is ViT-B/16 on 250 of its pairs.

    Its anchors, G_C 0.825 and mean squared distance 1.37, both to 0.03, are printed for the other model; this one's are
    0.848 and 1.378, inside both tolerances.
    """
    assert measured["centroid_gap"] == pytest.approx(0.825, abs=0.03)
    assert measured["raw_gap"] ** 2 == pytest.approx(1.37, abs=0.03)
    assert measured["raw_gap"] ** 2 == pytest.approx(2 * (1 - measured["matched_cosine"]), abs=1e-6)
    few = measured["distribution_gap"] / math.sqrt(250 - 1)  # what 250 pairs add to the distance of the means
    assert measured["centroid_gap"] ** 2 - measured["centroid_gap_unbiased"] ** 2 == pytest.approx(few**2, abs=1e-9)
