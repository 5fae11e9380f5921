"""What the loss schedules have alike that weigh the two directions of a contrastive loss by a batch's similarities."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from vlstudy.errors import TrainingError
from vlstudy.knobs import knob
from vlstudy.losses.contrastive import cosines
from vlstudy.schedules.protocol import DIRECTIONS, Embeddings, Moment, Schedule, Weighed, even

Number = float | Float[Tensor, ""]
_N = TypeVar("_N", float, Number)
_EPS = 1e-8
_LARGEST = 700.0  # math.exp overflows from 710 on


@dataclass(frozen=True, kw_only=True)
class Directional(Schedule):
    """The direction whose similarities vary more weighs more; a subclass says what varying means.

        q_d  = the signal of direction d, without gradient: of the rows of S for i2t, of its columns for t2i
        m_d <- beta m_d + (1 - beta) q_d,   at first m_d = q_d
        a_d  = (m_d + 1e-8)^gamma / sum_d' (m_d' + 1e-8)^gamma,   then clamped to [a_min, 1 - a_min]
        convex     L = g (a_i2t L_i2t + a_t2i L_t2i)
        base_plus  L = a_i2t L_i2t + a_t2i L_t2i + (L_i2t + L_t2i) / 2

    S holds the cosines of the batch, a row an image. A trial is one process, so a batch is whole; where it is spread
    over processes, the schedule must be given the gathered embeddings.

    Expect little: q_i2t and q_t2i differ only as images and texts differ in how much some of them are everyone's
    neighbour, and weights near one half are fixed weights.

    Differs from the paper: its body could not be read. An exponential average of a variance that sets the weights of
    the two directions is what summaries tell of it; the formulas above are our choice.
    Source: variance-aware loss scheduling (arXiv 2503.03202), abstract and summaries.
    """

    source: ClassVar[str] = "arXiv 2503.03202: reconstructed from its abstract and summaries"
    governs: ClassVar[tuple[str, ...]] = DIRECTIONS
    choices: ClassVar[tuple[str, ...]] = (
        "The body of variance-aware scheduling (arXiv 2503.03202) could not be read: how a signal becomes a weight, "
        "the decay 0.9 of its average, the least weight 0.1 and the `convex` total are our choice.",
    )

    beta: float = knob(0.9, "what the average of the signal keeps at each step (our choice)", low=0.0, high=0.99)
    gamma: float = knob(
        1.0,
        "exponent of the signal: above 0 the direction that varies more weighs more, 0 is fixed weights, below 0 the "
        "reverse (our choice)",
        low=-2.0,
        high=8.0,
    )
    a_min: float = knob(0.1, "least weight of a direction, of 1 in all (our choice)", low=0.0, high=0.5)
    warmup_steps: int = knob(0, "W: optimiser steps with weights of one half (our choice)", low=0, high=100_000)
    total: str = knob(
        "convex",
        "convex: the weighted mean of the two directions; base_plus adds the plain mean, twice the gradient",
        choices=("convex", "base_plus"),
    )
    scale: float = knob(
        1.0, "g: factor of `convex`; 2 has the gradient of base_plus, which has no factor", low=0.01, high=100.0
    )

    @abstractmethod
    def signal(self, similarities: Float[Tensor, "b b"], logit_scale: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """How much the rows vary: q_i2t of the cosines S, and q_t2i of S transposed."""

    def weigh(self, moment: Moment) -> Weighed:
        """The weights of the two directions at this step.

        Raises:
            TrainingError: if the method embeds no pairs, or the batch has only one.
        """
        found = self._found(pairs_of(moment))
        averages = averaged(moment.state, found, self.beta)
        image_to_text = 0.5 if moment.step < self.warmup_steps else self._share(*averages.values())
        weights = weights_of(image_to_text, self.total, self.scale)
        return Weighed(
            weights=even(list(moment.terms)) | weights, state=averages, signals=told(image_to_text, found, averages)
        )

    @torch.no_grad()
    def _found(self, pairs: Embeddings) -> dict[str, float]:
        similarities, scale = cosines(pairs.image_features, pairs.text_features), pairs.logit_scale.float()
        turned = similarities.T.contiguous()  # so that a symmetric S gives two signals that are equal bit for bit
        both = torch.stack([self.signal(one, scale) for one in (similarities, turned)])
        return dict(zip(DIRECTIONS, both.tolist(), strict=True))

    def _share(self, image_to_text: float, text_to_image: float) -> float:
        """a_i2t, written as 1 / (1 + (m_t2i / m_i2t)^gamma), which is exactly 1/2 where the two are equal."""
        exponent = self.gamma * (math.log(text_to_image + _EPS) - math.log(image_to_text + _EPS))
        share = 1 / (1 + math.exp(min(exponent, _LARGEST)))
        return min(max(share, self.a_min), 1 - self.a_min)


def pairs_of(moment: Moment) -> Embeddings:
    """The pairs of the batch, at least two.

    Raises:
        TrainingError: if there are none, or only one.
    """
    if moment.embeddings is None:
        raise TrainingError(
            f"step {moment.step}: the loss schedule reads embeddings of pairs and the method has none; take a method "
            "that trains on captions, such as `contrastive`, or the schedule `fixed`."
        )
    if (count := len(moment.embeddings.image_features)) < 2:
        raise TrainingError(
            f"step {moment.step}: the loss schedule compares the pairs of a batch and got {count}; set train.batch to "
            "2 or more for each of the train.accumulate parts."
        )
    return moment.embeddings


def averaged(state: Mapping[str, float], found: Mapping[str, _N], beta: float) -> dict[str, _N]:
    """The average so far times beta plus what was found times 1 - beta; what was found where there is no average yet.

    >>> averaged({"a": 1.0}, {"a": 3.0, "b": 5.0}, beta=0.5)
    {'a': 2.0, 'b': 5.0}
    """
    return {name: beta * state[name] + (1 - beta) * one if name in state else one for name, one in found.items()}


def weights_of(image_to_text: Number, total: str, scale: float = 1.0) -> dict[str, Number]:
    """The factors of the two losses in the total.

    >>> weights_of(0.25, "convex", 2.0), weights_of(0.25, "base_plus")
    ({'image_to_text': 0.5, 'text_to_image': 1.5}, {'image_to_text': 0.75, 'text_to_image': 1.25})
    """
    shares = dict(zip(DIRECTIONS, (image_to_text, 1 - image_to_text), strict=True))
    return {name: share + 0.5 if total == "base_plus" else scale * share for name, share in shares.items()}


def told(image_to_text: float, found: Mapping[str, float], averages: Mapping[str, float]) -> dict[str, float]:
    """What the report draws of a step: the weight before it enters a total, both signals, both averages."""
    signals = {f"signal_{name}": value for name, value in found.items()}
    return {"weight_image_to_text": image_to_text} | signals | {f"average_{k}": v for k, v in averages.items()}


def mean_entropy(logits: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
    """The mean over rows of the entropy of their softmax, in nats: 0 for one certain outcome, ln k for equal ones.

    >>> round(float(mean_entropy(torch.zeros(3, 4))), 4)
    1.3863
    """
    logs = logits.log_softmax(dim=-1)
    return -(logs.exp() * logs).sum(dim=-1).mean()
