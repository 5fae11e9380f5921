"""Check 32 of the TPC-CMA specification: what its curriculum does to the gap of its toy, section 6.1."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from jaxtyping import Float, Int
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from torch import Tensor, nn
from torch.nn.functional import normalize

from vlstudy.data.sets import Classes
from vlstudy.losses.contrastive import directions
from vlstudy.methods.cma import Cma
from vlstudy.methods.protocol import Batch
from vlstudy.schedules.protocol import Embeddings, Moment
from vlstudy.schedules.three_phase import ThreePhase
from vlstudy.weighing import flat_gradient, weighted

CLASSES, WIDTHS, SHARED, PRIVATE, SCALE = 20, (96, 64), 32, 16, 100.0
NO_CLASSES = Classes(names=(), text_features=torch.empty(0, 64), trained=torch.empty(0).long(), logit_scale=SCALE)


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the toy is."""

    train: int
    test: int
    hidden: int
    batch: int
    pretrained: int
    tuned: int
    lr: float
    shift: float


WHOLE = Size(train=8192, test=2048, hidden=256, batch=256, pretrained=800, tuned=500, lr=3e-4, shift=2.0)
SMALL = Size(train=4096, test=512, hidden=128, batch=128, pretrained=600, tuned=200, lr=6e-4, shift=1.0)


@dataclass(frozen=True, kw_only=True)
class World:
    """Two views of every pair, those of training first, and the towers that were trained on them contrastively."""

    views: tuple[Float[Tensor, "n w1"], Float[Tensor, "n w2"]]
    labels: Int[Tensor, " n"]
    towers: nn.ModuleList
    size: Size
    seed: int


def world(size: Size, seed: int) -> World:
    """The toy with a gap, after contrastive training at temperature 0.01."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    count = size.train + size.test
    labels = torch.randint(CLASSES, (count,), generator=generator)
    content = normal(CLASSES, SHARED)[labels] + 0.7 * normal(count, SHARED)

    def view(width: int) -> Tensor:
        mixing = normal(SHARED + PRIVATE, width) / SHARED**0.5
        mixed = torch.cat([content, normal(count, PRIVATE)], dim=1) @ mixing
        return torch.tanh(mixed + 0.5 * normal(count, width))

    views = view(WIDTHS[0]), view(WIDTHS[1])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        towers = nn.ModuleList(
            nn.Sequential(nn.Linear(width, size.hidden), nn.ReLU(), nn.Linear(size.hidden, 64)) for width in WIDTHS
        )
    shift = size.shift * normal(64) / 8
    for tower, sign in zip(towers, (1, -1), strict=True):
        tower[2].bias.data += sign * shift  # type: ignore[index]
    made = World(views=views, labels=labels, towers=towers, size=size, seed=seed)
    optimizer = torch.optim.AdamW(towers.parameters(), lr=1e-3)
    for step in range(size.pretrained):
        images, texts = embedded(made, batch_of(made, step))
        stepped(optimizer, sum(directions(images, texts, SCALE), start=torch.zeros(())) / 2)
    return made


def batch_of(made: World, step: int) -> Int[Tensor, " b"]:
    order = np.random.default_rng([made.seed, step])
    return torch.from_numpy(order.choice(made.size.train, made.size.batch, replace=False))


def embedded(made: World, rows: Int[Tensor, " b"]) -> list[Float[Tensor, "b 64"]]:
    return [normalize(tower(view[rows]), dim=-1) for tower, view in zip(made.towers, made.views, strict=True)]


def stepped(optimizer: torch.optim.Optimizer, loss: Float[Tensor, ""]) -> None:
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()


def tuned(start: World, target: float) -> World:
    """The world after the curriculum to this alpha_target."""
    made, method, schedule = deepcopy(start), Cma(), ThreePhase(alpha_target=target)
    with torch.inference_mode():
        frozen = [side.clone() for side in embedded(start, torch.arange(start.size.train))]
    shared = [tower[2].weight for tower in made.towers]  # type: ignore[index]
    scales = {**dict.fromkeys(method.terms, 1.0), **method.scales()}
    optimizer = torch.optim.AdamW(made.towers.parameters(), lr=start.size.lr)
    state: Mapping[str, float] = {}
    for step in range(start.size.tuned):
        rows = batch_of(made, start.size.pretrained + step)
        images, texts = embedded(made, rows)
        batch = Batch(
            image_features=frozen[0][rows],
            text_features=frozen[1][rows],
            labels=made.labels[rows],
            classes=NO_CLASSES,
            embeddings=Embeddings(
                image_features=images,
                text_features=texts,
                raw_image_features=images,
                raw_text_features=texts,
                logit_scale=torch.tensor(SCALE),
            ),
        )
        terms = method.loss_terms(made.towers, batch, np.random.default_rng(0))
        answer = schedule.weigh(
            Moment(
                step=step,
                total=start.size.tuned,
                terms=terms,
                scales=scales,
                state=state,
                gradient=lambda loss: flat_gradient(loss, shared),
            )
        )
        state = answer.state
        stepped(optimizer, weighted(answer, scales, terms))
    return made


def measured(made: World) -> dict[str, float]:
    """Gaps, mixing, clustering and effective dimension of the test pairs, each written out here."""
    with torch.inference_mode():
        images, texts = embedded(made, torch.arange(made.size.train, len(made.labels)))
    apart, pooled = images - texts, torch.cat([images, texts])
    labels = made.labels[made.size.train :].repeat(2)
    side = torch.arange(2).repeat_interleave(len(images))
    near = (pooled @ pooled.T).fill_diagonal_(-2).topk(10).indices
    clusters = KMeans(CLASSES, n_init=3, random_state=0).fit_predict(pooled.numpy())
    spectrum = torch.linalg.eigvalsh(torch.cov(pooled.T))
    return {
        "centroid": apart.mean(dim=0).norm().item(),
        "distribution": (apart - apart.mean(dim=0)).square().sum(dim=1).mean().sqrt().item(),
        "mixing": (side[near] != side[:, None]).float().mean().item() * (len(pooled) - 1) / len(images),
        "ari": adjusted_rand_score(labels.numpy(), clusters),
        "dimension": (spectrum.sum() ** 2 / spectrum.square().sum()).item(),
    }


def outcomes(size: Size, seeds: int) -> tuple[list[float], dict[float, dict[str, float]]]:
    """The centroid gaps of the start models, and the measures over alpha_target, means over the seeds."""
    starts = [world(size, seed) for seed in range(seeds)]
    gaps = [measured(start)["centroid"] for start in starts]
    assert min(gaps) >= 0.3, "without a gap there is nothing to close"
    means = dict[float, dict[str, float]]()
    for target in (0.0, 0.05, 0.5):
        found = [measured(tuned(start, target)) for start in starts]
        assert all(one["dimension"] >= 2 for one in found), "collapsed: its gaps are no success"
        means[target] = {name: sum(one[name] for one in found) / seeds for name in found[0]}
    return gaps, means


@pytest.mark.slow
def test_check_32_the_toy() -> None:
    starts, means = outcomes(WHOLE, seeds=3)
    control, mild, strong = means[0.0], means[0.05], means[0.5]
    assert all(0.6 <= gap <= 0.9 for gap in starts)
    assert mild["centroid"] < 0.5 * control["centroid"] and strong["centroid"] < 0.1
    assert strong["distribution"] <= 0.75 * control["distribution"]
    assert strong["ari"] > 0.7 and control["ari"] < 0.6
    assert strong["mixing"] > 0.6


def test_check_32_a_smaller_toy_goes_the_same_way() -> None:
    """With fewer steps the mild curriculum gets less far; the strong one does what it does in the whole toy."""
    _, means = outcomes(SMALL, seeds=1)
    control, mild, strong = means[0.0], means[0.05], means[0.5]
    assert mild["centroid"] < 0.75 * control["centroid"] and strong["centroid"] < 0.1
    assert strong["distribution"] < 0.8 * control["distribution"]
    assert strong["distribution"] < mild["distribution"] < control["distribution"]
    assert strong["mixing"] > 0.6 and mild["mixing"] > control["mixing"]
    assert strong["ari"] > 0.7 and control["ari"] < 0.6
    assert strong["dimension"] < mild["dimension"]
