"""The numbered checks of the TPC-CMA specification's section 11 that are about measures of pairs.

Check 14 needs real features: tests/external/test_coco250_pairs.py.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from vlstudy.losses.modality_alignment import geometry_matching
from vlstudy.metrics.clustering import compared
from vlstudy.metrics.dispersion import effective_dimension, effective_rank
from vlstudy.metrics.geometry import (
    bures_gap,
    centroid_gap,
    distribution_gap,
    normalized_gap,
    projections,
    raw_gap,
    sliced_gap,
)
from vlstudy.metrics.metric import Pairs
from vlstudy.metrics.mixing import knn_mixing
from vlstudy.metrics.retrieval import DEPTHS, WAYS, recall

WIDTH = 12
DIRECTIONS = projections(WIDTH, torch.zeros(1, dtype=torch.float64))
PLAIN: dict[str, Callable[[Tensor, Tensor], float | None]] = {
    "raw": raw_gap,
    "centroid": centroid_gap,
    "distribution": distribution_gap,
    "normalized": normalized_gap,
    "bures": bures_gap,
    "geometry": lambda x, y: float(geometry_matching(x, y)),
    "dimension": lambda x, y: effective_dimension(torch.cat([x, y])),
    "rank": lambda x, y: effective_rank(torch.cat([x, y])),
    "mixing": knn_mixing,
}
PLAIN["sliced"] = lambda x, y: sliced_gap(x, y, DIRECTIONS)
SHIFTLESS = ("distribution", "bures", "sliced", "geometry")


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def clouds(n: int = 60, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Unit rows with something in common and a gap."""
    shared = normal(n, WIDTH, seed=seed)
    images, texts = (shared + normal(n, WIDTH, seed=seed + part) for part in (1, 2))
    return normalize(images + 1, dim=1), normalize(texts * torch.linspace(0.5, 2, WIDTH) - 1, dim=1)


def everything(images: Tensor, texts: Tensor) -> dict[str, float]:
    found = {name: measure(images, texts) for name, measure in PLAIN.items()}
    return {name: value for name, value in found.items() if value is not None}


def agree(found: dict[str, float], expected: dict[str, float], *names: str) -> None:
    """The named measures, or all, to 1e-9; the loss among them is computed in single precision."""
    for name in names or expected:
        assert found[name] == pytest.approx(expected[name], abs=1e-6 if name == "geometry" else 1e-9), name


def rotation(seed: int) -> Tensor:
    turn: Tensor = torch.linalg.qr(normal(WIDTH, WIDTH, seed=seed)).Q
    return turn


def test_check_01_equal_clouds_have_no_gap() -> None:
    images, _ = clouds()
    assert centroid_gap(images, images) == distribution_gap(images, images) == raw_gap(images, images) == 0


def test_check_02_a_shifted_copy_has_the_shift_as_its_gap() -> None:
    images, shift = clouds()[0], normal(WIDTH, seed=9)
    assert centroid_gap(images, images + shift) == pytest.approx(float(shift.norm()), abs=1e-9)
    assert raw_gap(images, images + shift) == pytest.approx(float(shift.norm()), abs=1e-9)
    assert distribution_gap(images, images + shift) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("side", [0, 1])
def test_check_03_shifts_leave_what_is_centred(side: int) -> None:
    plain, moved = list(clouds()), list(clouds())
    moved[side] = moved[side] + normal(WIDTH, seed=9)
    before, after = everything(plain[0], plain[1]), everything(moved[0], moved[1])
    agree(after, before, *SHIFTLESS)
    assert min(before[name] for name in SHIFTLESS) > 0.01
    assert abs(after["centroid"] - before["centroid"]) > 0.1


def test_check_04_the_gap_is_the_sum_of_its_parts() -> None:
    images, texts = normal(50, WIDTH, seed=0), normal(50, WIDTH, seed=1) + 0.3
    parts = centroid_gap(images, texts) ** 2 + distribution_gap(images, texts) ** 2
    assert raw_gap(images, texts) ** 2 == pytest.approx(parts, abs=1e-9)


def test_check_05_the_distribution_gap_is_made_of_covariances() -> None:
    images, texts = clouds()
    both = torch.cov(torch.cat([images, texts], dim=1).T, correction=0)
    left, right, cross = both[:WIDTH, :WIDTH].trace(), both[WIDTH:, WIDTH:].trace(), both[:WIDTH, WIDTH:].trace()
    assert distribution_gap(images, texts) ** 2 == pytest.approx(float(left + right - 2 * cross), abs=1e-9)
    assert normalized_gap(images, texts) == pytest.approx(float(1 - 2 * cross / (left + right)), abs=1e-9)
    assert float(left) == pytest.approx(float(1 - images.mean(dim=0).square().sum()), abs=1e-9)


def test_check_06_turning_both_changes_nothing() -> None:
    """But for the sliced distance, whose directions are fixed: they have to turn with the clouds."""
    (images, texts), turn = clouds(), rotation(3)
    turned = everything(images @ turn, texts @ turn)
    turned["sliced"] = sliced_gap(images @ turn, texts @ turn, DIRECTIONS @ turn)
    agree(turned, everything(images, texts))
    assert sliced_gap(images @ turn, texts @ turn, DIRECTIONS) == pytest.approx(turned["sliced"], rel=0.1)


def test_check_06_turning_one_leaves_its_inner_geometry() -> None:
    (images, texts), turn = clouds(), rotation(3)
    before, after = everything(images, texts), everything(images, texts @ turn)
    agree(after, before, "geometry")
    assert abs(after["distribution"] - before["distribution"]) > 0.05


def test_check_07_the_order_of_the_pairs_does_not_matter() -> None:
    (images, texts), order = clouds(), torch.randperm(60, generator=torch.Generator().manual_seed(0))
    agree(everything(images[order], texts[order]), everything(images, texts))


def test_check_07_pairing_them_otherwise_raises_the_gap_of_pairs_alone() -> None:
    (images, texts), order = clouds(), torch.randperm(60, generator=torch.Generator().manual_seed(0))
    before, after = everything(images, texts), everything(images, texts[order])
    agree(after, before, "centroid", "bures", "sliced", "mixing", "dimension")
    assert after["distribution"] > before["distribution"] + 0.05


@pytest.mark.parametrize("seed", range(5))
def test_check_08_gaps_without_pairs_are_smaller(seed: int) -> None:
    found = everything(*clouds(seed=3 * seed))
    assert found["bures"] <= found["distribution"] and found["sliced"] <= found["distribution"]


def test_check_09_mean_centring_leaves_the_distribution_gap() -> None:
    images, texts = clouds()
    centred = images - images.mean(dim=0), texts - texts.mean(dim=0)
    assert centroid_gap(images, texts) > 0.5 and centroid_gap(*centred) < 1e-9
    assert distribution_gap(*centred) == pytest.approx(distribution_gap(images, texts), abs=1e-9)


def test_check_10_gaps_scale_with_the_clouds() -> None:
    images, texts = clouds()
    before, after = everything(images, texts), everything(3 * images, 3 * texts)
    for name in ("centroid", "distribution", "raw", "bures", "sliced"):
        assert after[name] == pytest.approx(3 * before[name], abs=1e-9), name
    agree(after, before, "normalized", "dimension", "rank", "mixing")


def test_check_11_independent_clouds_have_a_normalized_gap_of_one() -> None:
    scale = torch.linspace(0.5, 2, WIDTH)
    independent = normalized_gap(*(normal(20_000, WIDTH, seed=seed) * scale for seed in (0, 1)))
    assert independent == pytest.approx(1, abs=0.02)


def test_check_12_batches_overstate_the_centroid_gap() -> None:
    images, texts = clouds(400)
    batch = 16
    rows = torch.randint(400, (20_000, batch), generator=torch.Generator().manual_seed(0))
    found = (images - texts)[rows].mean(dim=1).square().sum(dim=1).mean()
    expected = centroid_gap(images, texts) ** 2 + distribution_gap(images, texts) ** 2 / batch
    assert float(found) == pytest.approx(expected, rel=0.01)
    assert expected > 1.02 * centroid_gap(images, texts) ** 2


def test_check_13_dimensions_and_mixing_at_their_ends() -> None:
    line, isotropic = normal(50, 1, seed=0) * normal(1, WIDTH, seed=1), normal(20_000, WIDTH, seed=2)
    assert effective_dimension(line) == pytest.approx(1, abs=1e-9)
    assert effective_rank(line) == pytest.approx(1, abs=1e-9)
    assert effective_dimension(isotropic) == pytest.approx(WIDTH, rel=0.01)
    assert effective_rank(isotropic) == pytest.approx(WIDTH, rel=0.01)
    alike = normal(1000, WIDTH, seed=3), normal(1000, WIDTH, seed=4)
    assert knn_mixing(*alike) == pytest.approx(1, abs=0.03)
    assert knn_mixing(alike[0] + 50, alike[1] - 50) == pytest.approx(0, abs=1e-9)


CLASSES, EACH = 200, 50
LABELS = torch.arange(CLASSES).repeat_interleave(EACH).repeat(2)
IS_TEXT = torch.arange(2).repeat_interleave(CLASSES * EACH)
CLUSTERS = {
    "perfect": (LABELS, 1.0, 0.0),
    "modality only": (IS_TEXT, 0.0, 1.0),
    "split by modality": (LABELS + CLASSES * IS_TEXT, 0.661, 1.0),
    "merged with a wrong class": ((LABELS + IS_TEXT) % CLASSES, 0.492, 0.0),
}


@pytest.mark.parametrize("case", list(CLUSTERS))
def test_check_30_joint_clustering(case: str) -> None:
    clusters, ari, single = CLUSTERS[case]
    found = compared(clusters.numpy(), LABELS.numpy(), IS_TEXT.bool().numpy())
    assert found.joint_ari == pytest.approx(ari, abs=1e-3)
    assert found.single_modality == single
    assert found.image_ari == pytest.approx(float(case != "modality only"))
    assert found.text_ari == pytest.approx(float(case != "modality only"))


def test_check_31_constant_scores_find_nothing() -> None:
    same, own = torch.ones(30, 4) / 2, torch.arange(30)
    pairs = Pairs(image_features=same, text_features=same, image_of=own, labels=own)
    assert [recall(pairs, way, depth) for way in WAYS for depth in DEPTHS] == [0.0] * 6
