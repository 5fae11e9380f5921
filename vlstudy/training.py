"""The only place that learns: `fit` yields measurements, and its state is a value."""

import math
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from vlstudy.data.sets import DevSplits, FeatureSet, Splits
from vlstudy.errors import NonFiniteLoss, TrainingError
from vlstudy.knobs import knob
from vlstudy.measurement import Measurement, Point
from vlstudy.methods.protocol import Batch, Method
from vlstudy.metrics import METRICS
from vlstudy.rng import derive, generator
from vlstudy.schedules.protocol import Schedule


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How a method with loss terms is optimised: AdamW, betas (0.9, 0.999), for every method, so budgets compare."""

    lr: float = knob(2e-4, "peak learning rate of AdamW", low=0.0, high=10.0)
    epochs: int = knob(100, "passes over the training images", low=1, high=100_000)
    batch: int = knob(32, "images per optimiser step; the last batch of an epoch may be smaller", low=1, high=65_536)
    weight_decay: float = knob(0.01, "AdamW's decoupled weight decay", low=0.0, high=10.0)
    lr_schedule: str = knob(
        "cosine",
        "cosine: ramp from lr/W to lr in W warm-up steps, then cosine to 0; constant: ramp, then lr; "
        "released: FMA's code, whose first step has the full lr and whose peak after it is lr (W-1)/W",
        choices=("cosine", "constant", "released"),
    )
    warmup_epochs: int = knob(1, "epochs over which the learning rate ramps up", low=0, high=1000)
    evaluations: int = knob(10, "measurements of a trial, at equal distances in optimiser steps", low=1, high=100)


def learning_rate(settings: TrainSettings, step: int, per_epoch: int) -> float:
    """The learning rate of optimiser step `step` (0-based), for `per_epoch` steps an epoch.

    >>> learning_rate(TrainSettings(lr=1.0, epochs=3), 0, per_epoch=4)
    0.25
    """
    warm, total = settings.warmup_epochs * per_epoch, settings.epochs * per_epoch
    released = settings.lr_schedule == "released"
    if step < warm:
        ramp = step / warm if released and step > 0 else (1.0 if released else (step + 1) / warm)
        return settings.lr * ramp
    if settings.lr_schedule == "constant":
        return settings.lr
    peak = settings.lr * ((warm - 1) / warm if released and warm > 1 else 1.0)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


@dataclass(frozen=True, kw_only=True)
class State:
    """Everything a training needs to go on; data order and noise follow from (seed, step)."""

    measurement: Measurement
    model: dict[str, Any]
    optimizer: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write it to `path`, whole or not at all."""
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                content = {"measurement": self.measurement.to_json(), "model": self.model, "optimizer": self.optimizer}
                torch.save(content, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; nothing is unpickled but tensors and plain containers.

        Raises:
            TrainingError: if the file is broken.
        """
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            return cls(**{**content, "measurement": Measurement.from_json(content["measurement"])})
        except (OSError, EOFError, RuntimeError, KeyError, TypeError, ValueError) as error:
            raise TrainingError(
                f"{path}: the checkpoint cannot be read ({error}). Delete it; its trial starts anew."
            ) from error


def fit(
    method: Method,
    schedule: Schedule,
    dev: DevSplits,
    settings: TrainSettings,
    *,
    seed: int,
    objective: str,
    state: State | None = None,
    device: str | torch.device = "cpu",
) -> Iterator[tuple[Measurement, State]]:
    """Measurements on validation with the state at that moment, `settings.evaluations` of them, the last at progress 1.

    A method without loss terms gives one. With `state` the training goes on after it, and everything that follows is
    bit for bit what the uninterrupted training gives on one CPU thread.

    Args:
        method: what is trained.
        schedule: weighs the method's loss terms.
        dev: the draw to train and validate on.
        settings: of the optimiser.
        state: where to go on; None starts anew.
        device: where to train.
        seed: of initialisation, data order and noise; the few-shot draw has its own.
        objective: the metric that chooses among the points of the inference axes, such as `val/accuracy`.

    Raises:
        NonFiniteLoss: if a loss becomes NaN or infinite.
    """
    dev = dev.to(torch.device(device))
    model = _build(method, dev, seed)
    if not method.terms:
        yield _moment(method, model, None, dev, objective, Measurement(step=0, progress=1.0, points=(), choice=0), 0.0)
        return
    run = _Run(method, schedule, dev, settings, model, seed)
    step, spent = 0, 0.0
    if state is not None:
        model.load_state_dict(state.model)
        run.optimizer.load_state_dict(state.optimizer)
        step, spent = state.measurement.step, state.measurement.seconds
    for stop in run.stops():
        if stop > step:
            started = time.perf_counter()
            terms = run.advance(step, stop)
            partial = Measurement(step=stop, progress=stop / run.total, points=(), choice=0, terms=terms)
            moment = _moment(method, model, run.optimizer, dev, objective, partial, spent - started)
            step, spent = stop, moment[0].seconds
            yield moment


def test(
    method: Method, state: State, splits: Splits, objective: str, *, seed: int, device: str | torch.device = "cpu"
) -> Measurement:
    """The trained state on the test split: metrics named `test/...` at every point of the inference axes.

    Its `choice` is the oracle's, best on test: never report it as a result.
    """
    splits = Splits(dev=splits.dev.to(torch.device(device)), test=splits.test.to(torch.device(device)))
    model = _build(method, splits.dev, seed)
    model.load_state_dict(state.model)
    points = measure(method, model, splits.dev, splits.test, "test")
    return replace(state.measurement, points=points, choice=best(points, objective.replace("val/", "test/", 1)))


def measure(method: Method, model: nn.Module, dev: DevSplits, images: FeatureSet, split: str) -> tuple[Point, ...]:
    """Every metric at every point of the inference axes, on `images`; no metrics where there are none."""
    if not len(images):
        return tuple(Point(axis=axis, metrics={}) for axis in method.points())
    model.eval()
    with torch.inference_mode():
        logits = method.logits(model, images.image_features, dev)
    return tuple(
        Point(axis=axis, metrics=_metrics(scores, images.labels, split))
        for axis, scores in zip(method.points(), logits, strict=True)
    )


def _metrics(scores: Float[Tensor, "n c"], labels: Int[Tensor, " n"], split: str) -> dict[str, float]:
    return {f"{split}/{name}": metric.compute(scores, labels) for name, metric in METRICS.items()}


def best(points: tuple[Point, ...], objective: str) -> int:
    """Index of the point that is best on the objective; ties go to the first, points that are not numbers lose."""
    sign = 1 if METRICS[objective.split("/", 1)[1]].direction == "maximize" else -1
    values = [sign * point.metrics.get(objective, math.nan) for point in points]
    return max(range(len(points)), key=lambda index: -math.inf if math.isnan(values[index]) else values[index])


class _Run:
    """One training: what stays the same from step to step, and the module and optimiser that change."""

    def __init__(
        self, method: Method, schedule: Schedule, dev: DevSplits, settings: TrainSettings, model: nn.Module, seed: int
    ) -> None:
        self.method, self.schedule, self.dev, self.settings = method, schedule, dev, settings
        self.model, self.seed = model, seed
        self.per_epoch = math.ceil(len(dev.train) / settings.batch)
        self.total = settings.epochs * self.per_epoch
        self.optimizer = torch.optim.AdamW(
            [parameter for parameter in model.parameters() if parameter.requires_grad],
            lr=settings.lr,
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def stops(self) -> list[int]:
        """The steps after which there is a measurement."""
        count = min(self.settings.evaluations, self.total)
        return [round(self.total * (index + 1) / count) for index in range(count)]

    def advance(self, start: int, stop: int) -> dict[str, float]:
        """Do the steps from `start` up to `stop`; gives the mean of each loss term over them."""
        self.model.train()
        history = [self._step(step) for step in range(start, stop)]
        totals = torch.stack([total for total, _ in history]).cpu()
        broken = (~torch.isfinite(totals)).nonzero()
        if len(broken):
            first = int(broken[0])
            raise NonFiniteLoss(start + first, float(totals[first - 1]) if first else None)
        return {name: float(torch.stack([terms[name] for _, terms in history]).mean()) for name in self.method.terms}

    def _step(self, step: int) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, step, self.per_epoch)
        terms = self.method.loss_terms(self.model, self._batch(step), generator(self.seed, "noise", step))
        weights = self.schedule.weights(self.method.terms, step / self.total)
        loss = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        return loss.detach(), {name: term.detach() for name, term in terms.items()}

    def _batch(self, step: int) -> Batch:
        epoch, position = divmod(step, self.per_epoch)
        train = self.dev.train
        order = generator(self.seed, "order", epoch).permutation(len(train))
        chosen = order[position * self.settings.batch : (position + 1) * self.settings.batch]
        index = torch.from_numpy(chosen).to(train.labels.device)
        return Batch(
            image_features=self._views(epoch, chosen, index),
            labels=train.labels[index],
            text_features=self.dev.text_features,
            logit_scale=self.dev.logit_scale,
        )

    def _views(self, epoch: int, chosen: np.ndarray, index: Tensor) -> Float[Tensor, "b d"]:
        """One of the augmented views of each image, drawn anew each epoch; the plain one where there are none."""
        train = self.dev.train
        count = train.views.shape[1]
        if not count:
            return train.image_features[index]
        drawn = generator(self.seed, "view", epoch).integers(count, size=len(train))[chosen]
        return train.views[index, torch.from_numpy(drawn).to(index.device)]


def _build(method: Method, dev: DevSplits, seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(derive(seed, "initialisation"))
        return method.build(dev).to(dev.text_features.device)


def _moment(
    method: Method,
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None,
    dev: DevSplits,
    objective: str,
    partial: Measurement,
    clock: float,
) -> tuple[Measurement, State]:
    """The measurement, and a state that shares no memory with the running training."""
    points = measure(method, model, dev, dev.val, "val")
    seconds = clock + time.perf_counter() if partial.step else 0.0
    measurement = replace(partial, points=points, choice=best(points, objective), seconds=seconds)
    return measurement, State(
        measurement=measurement,
        model={name: value.detach().cpu().clone() for name, value in model.state_dict().items()},
        optimizer=_copy(optimizer.state_dict()) if optimizer else {},
    )


def _copy(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
