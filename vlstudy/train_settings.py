"""How a method with loss terms is optimised, whatever the method."""

import math
from dataclasses import dataclass

from vlstudy.knobs import knob


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
    crop: float = knob(
        0.7,
        "smallest share of a random crop of a picture; AlignCLIP 0.7, CoOp and CLIP-LoRA 0.08; for methods on pixels",
        low=0.01,
        high=1.0,
    )
    clip_norm: float = knob(0.0, "largest norm of the gradient, which is scaled down to it; 0: no limit", low=0.0)
    accumulate: int = knob(
        1,
        "parts that a batch is gone through in, for memory's sake; a loss that compares the images of a batch "
        "compares those of a part",
        low=1,
        high=65_536,
    )
    checkpoint_activations: bool = knob(False, "compute activations again in the backward pass instead of keeping them")
    precision: str = knob(
        "auto", "auto: bfloat16 autocast on a GPU, float32 on a CPU", choices=("auto", "fp32", "bf16")
    )
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
