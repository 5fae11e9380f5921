"""FMA: the numbered checks of its specification, section 9; the statistical ones are in tests/external."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.toy import WIDTH, toy_batch, toy_pool
from vlstudy import losses
from vlstudy.data.sets import FeatureSet, Splits
from vlstudy.measuring import measure
from vlstudy.methods.fma import PATHS, Fma
from vlstudy.methods.zero_shot import ZeroShot
from vlstudy.nets import VelocityNet, sinusoid
from vlstudy.schedules import SCHEDULES
from vlstudy.solvers import trajectory
from vlstudy.training import TrainSettings, fit
from vlstudy.training import test as measure_test

ALL_STEPS = tuple(range(11))


def ends(rows: int = 64, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x_0, z = (functional.normalize(torch.randn(rows, WIDTH, generator=generator), dim=-1) for _ in range(2))
    return x_0, z


def times(rows: int, low: float = 0.05, high: float = 0.95, seed: int = 1) -> torch.Tensor:
    return low + (high - low) * torch.rand(rows, 1, generator=torch.Generator().manual_seed(seed))


def awake(width: int = WIDTH, blocks: int = 2) -> nn.Module:
    """A velocity net whose zero layers are not zero, as after training."""
    torch.manual_seed(0)
    net = VelocityNet(width, blocks)
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.2)
    return net.requires_grad_(False)


def test_check_01_velocity_is_zero_at_the_start() -> None:
    dev = toy_pool().dev(0)
    method = Fma(blocks=2, solver_steps=ALL_STEPS)
    model = method.build(dev)
    x, _ = ends()
    assert model(x, times(64)).abs().max() == 0
    accuracies = [p.metrics["val/accuracy"] for p in measure(method, model, dev)]
    zero_shot = measure(ZeroShot(), nn.Identity(), dev)[0].metrics["val/accuracy"]
    assert accuracies == [zero_shot] * 11
    assert 0 < zero_shot < 1


def test_check_02_no_steps_is_zero_shot_to_the_last_image() -> None:
    dev = toy_pool().dev(0)
    moved = Fma(blocks=2, solver_steps=(0, 3)).logits(awake(), dev.val, dev.classes)
    assert torch.allclose(moved[0], ZeroShot().logits(nn.Identity(), dev.val, dev.classes)[0], atol=1e-4)
    assert not torch.allclose(moved[1], moved[0], atol=1.0)


def test_check_03_constant_oracle_goes_straight() -> None:
    x_0, z = ends()
    for steps, point in enumerate(trajectory(lambda x, t: z - x_0, x_0, h=0.1, steps=10)):
        assert torch.allclose(point, x_0 + 0.1 * steps * (z - x_0), atol=1e-5)
    assert torch.allclose(point, z, atol=1e-5)


@pytest.mark.parametrize("h", [0.05, 0.1, 0.2, 1.0])
def test_check_04_bridge_oracle_gives_the_same_points(h: float) -> None:
    x_0, z = ends()
    points = list(trajectory(lambda x, t: (z - x) / (1 - t), x_0, h=h, steps=round(1 / h)))
    for steps, point in enumerate(points):
        assert torch.allclose(point, x_0 + h * steps * (z - x_0), atol=2e-5)
    elsewhere = list(trajectory(lambda x, t: (z - x) / (1 - t), torch.randn(64, WIDTH), h=h, steps=round(1 / h)))
    assert torch.allclose(elsewhere[-1], z, atol=2e-5)


def test_check_04_oracle_accuracy_rises_to_all() -> None:
    dev = toy_pool(shots=16).dev(0)
    x_0, labels = dev.train.image_features, dev.train.labels
    path = trajectory(lambda x, t: (dev.text_features[labels] - x) / (1 - t), x_0, h=0.1, steps=10)
    accuracies = [float(((x @ dev.text_features.T).argmax(1) == labels).float().mean()) for x in path]
    assert accuracies[-1] == 1.0
    assert accuracies == sorted(accuracies)


def test_check_05_loss_at_the_start() -> None:
    batch = toy_batch(48)
    model = VelocityNet(WIDTH, 2)
    expected = (2 - 2 * (batch.image_features * batch.classes.text_features[batch.labels]).sum(-1)).mean()
    plain = Fma(path="none").loss_terms(model, batch, np.random.default_rng(0))["flow_matching"]
    assert torch.allclose(plain, expected, atol=1e-5)
    weighted = [
        Fma(path="bridge_endpoint", noise=0.0)
        .loss_terms(model, batch, np.random.default_rng(seed))["flow_matching"]
        .item()
        for seed in range(200)
    ]
    assert np.mean(weighted) == pytest.approx(float(expected) / 3, rel=0.02)


def test_check_06_endpoint_identity() -> None:
    x_0, z = ends()
    t, noise, u = times(64), torch.randn(64, WIDTH), torch.randn(64, WIDTH)
    x_hat, target, weight = losses.bridge(x_0, z, t, noise, "feature_std", endpoint=True)
    left = weight * (u - target).square().sum(-1, keepdim=True)
    right = (x_hat + (1 - t) * u - z).square().sum(-1, keepdim=True)
    assert torch.allclose(left, right, rtol=1e-4, atol=1e-5)
    assert torch.allclose(target, (z - x_hat) / (1 - t), atol=1e-4)


def test_check_07_no_noise_is_no_variant() -> None:
    batch = toy_batch(16)
    drawn = [
        Fma(path=path, noise=0.0, gamma=0.0).sample(batch, np.random.default_rng(3))
        for path in ("none", "bridge", "interpolant")
    ]
    for other in drawn[1:]:
        assert all(torch.equal(left, right) for left, right in zip(drawn[0], other, strict=True))


def test_check_07_no_nan_at_time_zero() -> None:
    x_0, z = ends(4)
    t, none = torch.tensor([[0.0], [0.0], [1.0], [0.5]]), torch.zeros(4, WIDTH)
    for point, target, weight in (
        losses.interpolant(x_0, z, t, none),
        losses.bridge(x_0, z, t, none, "feature_std", endpoint=False),
    ):
        assert torch.isfinite(point).all() and torch.isfinite(target).all() and torch.isfinite(weight).all()
        assert torch.equal(target, z - x_0)


def test_check_08_interpolant_target_is_the_path_derivative() -> None:
    x_0, z = (end.double() for end in ends())
    t, noise, step = times(64).double(), 0.1 * torch.randn(64, WIDTH).double(), 1e-6
    after, before = (losses.interpolant(x_0, z, t + sign * step, noise)[0] for sign in (1, -1))
    target = losses.interpolant(x_0, z, t, noise)[1]
    slope = (after - before) / (2 * step)
    assert float((slope - target).norm(dim=-1).div(target.norm(dim=-1)).max()) < 1e-3


@pytest.mark.parametrize(("kind", "shape"), [("feature_std", (1, 1)), ("batch_std", (WIDTH,))])
def test_check_09_moments_of_the_bridge(kind: str, shape: tuple[int, ...]) -> None:
    x_0, z = ends(2)
    t = torch.tensor([[0.3], [0.3]])
    x_t = losses.straight(x_0, z, t)[0]
    sigma = losses.noise_sigma(x_t, kind)
    assert sigma.shape == ((2, 1) if kind == "feature_std" else shape)
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack(
        [
            losses.bridge(x_0, z, t, torch.randn(2, WIDTH, generator=generator), kind, endpoint=False)[0] - x_t
            for _ in range(20_000)
        ]
    )
    variance = (t * (1 - t) * sigma.square()).expand(2, WIDTH)
    assert float((draws.mean(0) / variance.sqrt()).abs().max()) < 0.04
    assert float((draws.var(0) / variance - 1).abs().max()) < 0.06


def test_check_09_moments_of_the_interpolant_and_the_ends() -> None:
    x_0, z = ends(2)
    generator = torch.Generator().manual_seed(0)
    t, gamma = torch.tensor([[0.3], [0.3]]), 0.2
    noise = gamma * torch.randn(20_000, 2, WIDTH, generator=generator)
    moved = losses.interpolant(x_0, z, t, noise)[0] - losses.straight(x_0, z, t)[0]
    assert float((moved.var(0) / (gamma**2 * 0.3 * 0.7) - 1).abs().max()) < 0.06
    for end, point in ((0.0, x_0), (1.0, z)):
        at = torch.full((2, 1), end)
        assert torch.equal(losses.interpolant(x_0, z, at, noise[0])[0], point)
        assert torch.equal(losses.bridge(x_0, z, at, noise[0], "feature_std", endpoint=True)[0], point)


def test_check_10_coupling_is_by_class() -> None:
    batch = toy_batch(32)
    for seed in range(5):
        point, target, _, t = Fma().sample(batch, np.random.default_rng(seed))
        assert torch.allclose(point + (1 - t) * target, batch.classes.text_features[batch.labels], atol=1e-6)
    _, random_target, _, _ = Fma(coupling="random").sample(batch, np.random.default_rng(0))
    own = batch.classes.text_features[batch.labels]
    assert not torch.allclose(random_target + batch.image_features, own, atol=1e-2)


def test_check_10_order_of_the_classes_does_not_matter() -> None:
    batch, dev = toy_batch(32), toy_pool().dev(0)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    place = order.argsort()
    classes = replace(batch.classes, text_features=batch.classes.text_features[order])
    renamed = replace(batch, classes=classes, labels=place[batch.labels])
    model = awake()
    one, two = (Fma().loss_terms(model, b, np.random.default_rng(0))["flow_matching"] for b in (batch, renamed))
    assert torch.equal(one, two)
    method = Fma(blocks=2, solver_steps=(4,))
    plain = method.logits(model, dev.train, dev.classes)[0].argmax(-1)
    other = method.logits(model, dev.train, replace(dev.classes, text_features=dev.text_features[order]))[0]
    assert torch.equal(order[other.argmax(-1)], plain)


@pytest.mark.parametrize(
    ("width", "blocks", "count"),
    [(512, 12, 17_216_512), (512, 6, 9_330_688), (512, 3, 5_387_776), (1024, 12, 68_511_744), (1024, 6, 37_011_456)],
)
def test_check_11_parameter_counts(width: int, blocks: int, count: int) -> None:
    with torch.device("meta"):
        net = VelocityNet(width, blocks)
    assert sum(parameter.numel() for parameter in net.parameters()) == count


def test_check_12_time_zero_is_ones_then_zeros() -> None:
    assert torch.equal(sinusoid(torch.zeros(1, 1))[0], torch.cat([torch.ones(128), torch.zeros(128)]))


@pytest.mark.parametrize(("solver", "order", "slack"), [("euler", 1.0, 0.2), ("heun", 2.0, 0.3), ("rk4", 4.0, 0.5)])
def test_check_13_order_of_the_solver(solver: str, order: float, slack: float) -> None:
    x_0 = ends(8)[0].double()

    def field(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return torch.sin(2 * x + t) + 0.5 * x.flip(-1)

    def end(steps: int, by: str = solver) -> torch.Tensor:
        return list(trajectory(field, x_0, h=0.8 / steps, steps=steps, solver=by))[-1]

    truth = end(2000, "rk4")
    errors = [float((end(steps) - truth).norm()) for steps in (8, 16)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=slack)


def test_check_14_rotation_changes_nothing_at_zero_steps() -> None:
    dev = toy_pool().dev(0)
    turn = torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(0)))[0]
    turned = replace(dev.classes, text_features=dev.text_features @ turn)
    images = replace(dev.val, image_features=dev.val.image_features @ turn)
    method = Fma(blocks=2, solver_steps=(0,))
    plain = method.logits(awake(), dev.val, dev.classes)[0].argmax(-1)
    assert torch.equal(method.logits(awake(), images, turned)[0].argmax(-1), plain)


def test_check_15_steps_are_chosen_without_the_test_split() -> None:
    splits = toy_pool().confirm(0)
    (group,) = splits.test
    nothing = replace(group.images, image_features=torch.full_like(group.images.image_features, torch.nan))
    blind = Splits(dev=toy_pool().dev(0), test=(replace(group, images=nothing),))
    method = Fma(blocks=2, solver_steps=ALL_STEPS)
    settings = TrainSettings(epochs=30, lr=1e-3, evaluations=1)
    ((seen, state),) = fit(method, SCHEDULES["fixed"](), blind.dev, settings, seed=0, objective="val/accuracy")
    values = [point.metrics["val/accuracy"] for point in seen.points]
    assert seen.choice == values.index(max(values))  # ties to fewer steps
    assert values[seen.choice] > values[0]
    assert not any(name.startswith("test/") for point in seen.points for name in point.metrics)
    measurement, _ = measure_test(method, state, blind, "val/accuracy", seed=0)
    assert measurement.points[0].metrics["test/accuracy"] < 0.5


@pytest.mark.parametrize("path", PATHS)
def test_every_path_learns(path: str) -> None:
    dev = toy_pool().dev(0)
    method = Fma(blocks=2, path=path, gamma=0.02, solver_steps=ALL_STEPS)
    moments = list(
        fit(method, SCHEDULES["fixed"](), dev, TrainSettings(epochs=60, lr=1e-3), seed=0, objective="val/accuracy")
    )
    last = moments[-1][0]
    assert last.metrics["val/accuracy"] > last.points[0].metrics["val/accuracy"] + 0.1
    assert moments[-1][0].terms["flow_matching"] < moments[0][0].terms["flow_matching"]


def test_averaged_probabilities_need_no_number_of_steps() -> None:
    dev = toy_pool().dev(0)
    net = awake()
    averaged = Fma(blocks=2, readout="prob_average", readout_steps=(0, 4, 8), solver_steps=ALL_STEPS)
    assert averaged.points() == ({},)
    each = Fma(blocks=2, solver_steps=(0, 4, 8)).logits(net, dev.val, dev.classes).softmax(-1).mean(0)
    assert torch.allclose(averaged.logits(net, dev.val, dev.classes)[0].exp(), each, atol=1e-6)


def test_one_trajectory_measures_every_number_of_steps() -> None:
    dev, net = toy_pool().dev(0), awake()
    together = Fma(blocks=2, solver_steps=(0, 2, 5)).logits(net, dev.val, dev.classes)
    alone = [Fma(blocks=2, solver_steps=steps).logits(net, dev.val, dev.classes)[0] for steps in (0, 2, 5)]
    assert torch.equal(together, torch.stack(alone))


def test_validation_free_draw_measures_nothing() -> None:
    splits = toy_pool().confirm(0)
    empty: FeatureSet = splits.dev.val
    assert len(empty) == 0
    method = Fma(blocks=2, solver_steps=(0, 1))
    assert [point.metrics for point in measure(method, awake(), splits.dev)] == [{}, {}]
