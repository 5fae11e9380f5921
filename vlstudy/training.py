"""The only place that learns: `fit` yields measurements, and its state is a value."""

import gc
import math
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vlstudy.backbones.trainable import checkpoint_activations
from vlstudy.batches import Batches, parts
from vlstudy.data.sets import DevSplits, Splits
from vlstudy.errors import BatchTooLarge, NonFiniteLoss
from vlstudy.measurement import Measurement
from vlstudy.measuring import best, measure, tested
from vlstudy.measuring_pairs import Evidence
from vlstudy.methods.protocol import Batch, Method
from vlstudy.rng import derive, generator
from vlstudy.schedules.protocol import Moment, Schedule, Weighed
from vlstudy.state import State, copied, learnt, restore
from vlstudy.train_settings import TrainSettings, learning_rate
from vlstudy.weighing import flat_gradient, frozen, weighted

__all__ = ["State", "TrainSettings", "build", "fit", "learning_rate", "test"]


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
) -> Generator[tuple[Measurement, State]]:
    """Measurements on validation with the state at that moment, `settings.evaluations` of them, the last at progress 1.

    A method that has nothing to train gives one. With `state` the training goes on after it, and everything that
    follows is bit for bit what the uninterrupted training gives on one CPU thread.

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
    model = build(method, dev, seed)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        yield _moment(method, model, None, dev, objective, Measurement(step=0, progress=1.0, points=(), choice=0), 0.0)
        return
    run = _Run(method, schedule, dev, settings, model, seed)
    step, spent = 0, 0.0
    if state is not None:
        restore(model, state.model)
        run.optimizer.load_state_dict(state.optimizer)
        run.weighed = Weighed(weights={}, state=state.schedule)
        step, spent = state.measurement.step, state.measurement.seconds
    for stop in run.stops():
        if stop > step:
            started = time.perf_counter()
            terms = run.advance(step, stop)
            partial = Measurement(
                step=stop,
                progress=stop / run.total,
                points=(),
                choice=0,
                terms=terms,
                signals=dict(run.weighed.signals),
            )
            moment = _moment(method, model, run, dev, objective, partial, spent - started)
            step, spent = stop, moment[0].seconds
            yield moment


def test(
    method: Method,
    state: State,
    splits: Splits,
    objective: str,
    *,
    seed: int,
    look: bool = True,
    device: str | torch.device = "cpu",
) -> tuple[Measurement, Evidence]:
    """The trained state on the test images, and the arrays that the report draws; see `measuring.tested`."""
    splits = splits.to(torch.device(device))
    return tested(method, build(method, splits.dev, seed), state, splits, objective, look=look)


class _Run:
    """One training: what stays the same from step to step, and the module and optimiser that change."""

    def __init__(
        self, method: Method, schedule: Schedule, dev: DevSplits, settings: TrainSettings, model: nn.Module, seed: int
    ) -> None:
        self.method, self.schedule, self.settings, self.model, self.seed = method, schedule, settings, model, seed
        self.batches = Batches(
            dev=dev,
            size=settings.batch,
            seed=seed,
            crop=settings.crop,
            pixels=getattr(method, "pictured", method.pixels),
        )
        self.total = settings.epochs * self.batches.per_epoch
        self.trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, lr=settings.lr, weight_decay=settings.weight_decay, fused=True)
        self.weighed = Weighed(weights={})  # of the step before
        self._last: float | None = None  # the loss of the step before
        if settings.checkpoint_activations:
            checkpoint_activations(model)

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
            raise NonFiniteLoss(start + first, float(totals[first - 1]) if first else self._last)
        self._last = float(totals[-1])
        return {name: float(torch.stack([terms[name] for _, terms in history]).mean()) for name in self.method.terms}

    def _step(self, step: int) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, step, self.batches.per_epoch)
        batch = self.batches.of(step)
        try:
            loss, terms, weighed = self._gradients(batch, step, self.settings.accumulate)
            if self.settings.clip_norm:
                nn.utils.clip_grad_norm_(self.trained, self.settings.clip_norm)
            self.optimizer.step()  # its first call makes the moments, as large as the trained parameters twice
        except torch.OutOfMemoryError:
            loss = None
        if loss is None:  # outside of the handler, whose traceback holds the batch's memory
            raise self._too_large(batch, step)
        self.weighed = weighed
        self.method.after_step(self.model, step, self.total)
        return loss, terms

    def _gradients(self, batch: Batch, step: int, count: int) -> tuple[Float[Tensor, ""], dict[str, Tensor], Weighed]:
        """Leaves the batch's gradients in the parameters, made in `count` parts; the loss, its terms, their weights."""
        self.optimizer.zero_grad()
        noise = generator(self.seed, "noise", step)
        sums: dict[str, Tensor] = {}
        loss, weighed = torch.zeros((), device=batch.labels.device), None
        for number, part in enumerate(parts(batch, count)):
            share = len(part.labels) / len(batch.labels)
            half = precision(self.settings, batch.labels.device)
            with seeded(self.seed, f"dropout {number}", step):
                with half:
                    part = replace(part, embeddings=self.method.embed(self.model, part))
                # the losses of pairs stay in float32: at a logit scale of 100, bfloat16 cannot tell cosines apart
                with half if part.embeddings is None else nullcontext():
                    terms = self.method.loss_terms(self.model, part, noise)
            weighed = weighed or self._weigh(step, part, terms)  # the first part speaks for the step
            scaled = {name: share * term for name, term in terms.items()}
            total = weighted(weighed, self.method.scales(), scaled)
            torch.autograd.backward(total)
            loss, weighed = loss + total.detach(), frozen(weighed)
            sums = {name: sums.get(name, 0.0) + term.detach() for name, term in scaled.items()}
        assert weighed is not None
        return loss, sums, weighed

    def _weigh(self, step: int, batch: Batch, terms: Mapping[str, Tensor]) -> Weighed:
        """What the schedule makes of the terms at this step."""
        shared = self.method.shared(self.model)
        return self.schedule.weigh(
            Moment(
                step=step,
                total=self.total,
                terms=terms,
                scales={**dict.fromkeys(terms, 1.0), **self.method.scales()},
                state=self.weighed.state,
                gradient=lambda loss: flat_gradient(loss, shared),
                embeddings=batch.embeddings,
            )
        )

    def _too_large(self, batch: Batch, step: int) -> BatchTooLarge:
        """The error with the number of images that does fit, found by halving."""
        count, tried = self.settings.accumulate, len(parts(batch, self.settings.accumulate)[0].labels)
        fits = tried
        while fits := fits // 2:
            self.optimizer.zero_grad()
            gc.collect()
            torch.cuda.empty_cache()
            try:
                self._gradients(parts(batch, math.ceil(len(batch.labels) / fits))[0], step, 1)
                break
            except torch.OutOfMemoryError:
                continue
        return BatchTooLarge(tried, fits, count)


def precision(settings: TrainSettings, device: torch.device) -> AbstractContextManager[None]:
    """bfloat16 autocast where the settings and the device want it; float32 otherwise."""
    half = settings.precision == "bf16" or (settings.precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, dtype=torch.bfloat16) if half else nullcontext()


@contextmanager
def seeded(seed: int, stream: str, step: int = 0) -> Iterator[None]:
    """Torch's global generators as a function of (seed, stream, step) inside; as they were after it."""
    with torch.random.fork_rng():
        torch.manual_seed(derive(seed, stream, step))
        yield


def build(method: Method, dev: DevSplits, seed: int) -> nn.Module:
    """The method's untrained model on the device of `dev`, its random weights a function of the seed."""
    with seeded(seed, "initialisation"):
        return method.build(dev).to(dev.device)


def _moment(
    method: Method,
    model: nn.Module,
    run: "_Run | None",
    dev: DevSplits,
    objective: str,
    partial: Measurement,
    clock: float,
) -> tuple[Measurement, State]:
    """The measurement, and a state that shares no memory with the running training."""
    points = measure(method, model, dev)
    seconds = clock + time.perf_counter() if partial.step else 0.0
    measurement = replace(partial, points=points, choice=best(points, objective), seconds=seconds)
    return measurement, State(
        measurement=measurement,
        model=copied(learnt(model)),
        optimizer=copied(run.optimizer.state_dict()) if run else {},
        schedule=dict(run.weighed.state) if run else {},
    )
