"""Joint clusters of images and captions: what they are worth by hand, and what k-means finds."""

import pytest
import torch
from torch.nn.functional import normalize

from vlstudy.metrics import clustering
from vlstudy.metrics.clustering import CLUSTERINGS, Clusters, compared, joint
from vlstudy.metrics.metric import Pairs


def pairs(gap: float, *, labels: torch.Tensor | None = None, classes: int = 3, each: int = 12) -> Pairs:
    """Images and captions of tight classes, the modalities `gap` to each side of where they would be one."""
    generator = torch.Generator().manual_seed(0)
    own = torch.arange(classes).repeat_interleave(each)
    clouds = [
        torch.eye(classes + 1)[own] + 0.02 * torch.randn(len(own), classes + 1, generator=generator) for _ in range(2)
    ]
    for cloud, sign in zip(clouds, (1, -1), strict=True):
        cloud[:, -1] += sign * gap
    images, texts = (normalize(cloud, dim=1) for cloud in clouds)
    return Pairs(
        image_features=images,
        text_features=texts,
        image_of=torch.arange(len(own)),
        labels=own if labels is None else labels,
    )


def values(of: Pairs) -> dict[str, float | None]:
    return {metric.name: metric.compare(of) for metric in CLUSTERINGS if metric.compare}


def test_indices_by_hand() -> None:
    """Two images of one class and two captions of another; three points in one cluster."""
    found = compared([0, 0, 0, 1], [0, 0, 1, 1], [False, False, True, True])
    # of 6 pairs of points 3 share a cluster, 2 a class, 1 both: 3 * 2 / 6 = 1 by chance, (3 + 2) / 2 at most
    assert found.joint_ari == pytest.approx((1 - 1) / (2.5 - 1))
    assert found.image_ari == 1  # both images in one class, and in one cluster
    assert found.single_modality == 0.5  # the second cluster is one caption


def test_a_cluster_is_of_one_modality_above_nine_tenths() -> None:
    for images, expected in ((9, 0.0), (10, 1.0)):
        found = compared([0] * (images + 1), [0] * (images + 1), [False] * images + [True])
        assert found.single_modality == expected  # 0.9 is not above, 10 / 11 is


def test_mixed_classes_are_found_and_separated_modalities_are_not() -> None:
    assert values(pairs(0.0)) == pytest.approx(
        {"joint_ari": 1, "joint_nmi": 1, "image_ari": 1, "text_ari": 1, "single_modality_clusters": 0}
    )
    apart = {name: value for name, value in values(pairs(3.0)).items() if value is not None}
    assert apart["joint_ari"] < 0.3 and apart["single_modality_clusters"] == 1
    assert apart["joint_nmi"] < 0.7


def test_numbers_are_means_over_five_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[tuple[int, int]]()

    def planted(points: object, count: int, seed: int) -> list[int]:
        asked.append((count, seed))
        return [0, 0, 1, 1] if seed else [0, 1, 0, 1]

    monkeypatch.setattr(clustering, "kmeans", planted)
    two = pairs(0.0, classes=2, each=1)
    found = values(two)
    assert asked == [(2, seed) for seed in range(5)]  # and once for all five metrics
    # right on one seed of five; a clustering that crosses the classes has an index of -0.5
    assert found["joint_ari"] == pytest.approx((1 + 4 * -0.5) / 5)
    assert found["joint_nmi"] == pytest.approx(1 / 5)


def test_kmeans_is_started_as_the_specification_says(monkeypatch: pytest.MonkeyPatch) -> None:
    import sklearn.cluster

    asked, original = dict[str, object](), sklearn.cluster.KMeans

    def watched(count: int, **knobs: object) -> object:
        asked.update(knobs, count=count)
        return original(count, **knobs)

    monkeypatch.setattr(sklearn.cluster, "KMeans", watched)
    assert len(set(clustering.kmeans(pairs(0.0).image_features.numpy(), 3, 4).tolist())) == 3
    assert asked == {"n_init": 10, "max_iter": 300, "random_state": 4, "count": 3}


def test_unknown_or_single_classes_have_no_clusters() -> None:
    some = torch.arange(3).repeat_interleave(12)
    some[5] = -1
    for labels in (some, torch.full((36,), -1), torch.full((36,), 2)):
        of = pairs(0.0, labels=labels)
        assert joint(of) == () and set(values(of).values()) == {None}


def test_a_collapsed_model_is_measured_without_a_warning() -> None:
    same = torch.ones(6, 2) / 2**0.5
    own = torch.arange(6)
    collapsed = Pairs(image_features=same, text_features=same, image_of=own, labels=own % 3)
    assert values(collapsed)["joint_ari"] == 0


def test_metrics_are_of_the_test_split_and_bounded() -> None:
    names = ["joint_ari", "joint_nmi", "image_ari", "text_ari", "single_modality_clusters"]
    assert [metric.name for metric in CLUSTERINGS] == names
    assert set(Clusters.__dataclass_fields__) == {*names[:4], "single_modality"}
    for metric in CLUSTERINGS:
        assert metric.split == "test" and metric.high == 1 and metric.source
        assert metric.low == (-0.5 if metric.name.endswith("ari") else 0)
        assert metric.direction == ("minimize" if metric.name == "single_modality_clusters" else "maximize")
