"""Batches of pairs as a schedule sees them, from embeddings or from a matrix of similarities."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from vlstudy.losses.contrastive import directions
from vlstudy.schedules.directional import Directional
from vlstudy.schedules.entropy_emb import EntropyEmb
from vlstudy.schedules.entropy_out import EntropyOut
from vlstudy.schedules.protocol import Embeddings, Moment, Schedule, Weighed
from vlstudy.schedules.released import Released
from vlstudy.schedules.spread_intra import SpreadIntra
from vlstudy.schedules.spread_sim import SpreadSim
from vlstudy.schedules.variance_emb import VarianceEmb
from vlstudy.schedules.variance_sim import VarianceSim
from vlstudy.weighing import frozen

SIMILARITY: dict[str, Callable[..., Directional]] = {
    "variance_sim": VarianceSim,
    "variance_sim logit": partial(VarianceSim, on="logit"),
    "variance_sim prob": partial(VarianceSim, on="prob"),
    "variance_sim offdiag": partial(VarianceSim, on="offdiag"),
    "entropy_out": EntropyOut,
    "spread_sim": SpreadSim,
    "spread_sim margin": partial(SpreadSim, on="margin"),
    "spread_sim iqr": partial(SpreadSim, on="iqr"),
}
RELEASED: dict[str, type[Released]] = {
    "variance_emb": VarianceEmb,
    "entropy_emb": EntropyEmb,
    "spread_intra": SpreadIntra,
}
EVERY: dict[str, Callable[..., Schedule]] = {**SIMILARITY, **RELEASED}


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def embedded(images: Float[Tensor, "b d"], texts: Float[Tensor, "b d"], tau: float = 0.07) -> Embeddings:
    """Pairs of embeddings that have not unit length yet."""
    return Embeddings(
        image_features=normalize(images, dim=-1),
        text_features=normalize(texts, dim=-1),
        raw_image_features=images,
        raw_text_features=texts,
        logit_scale=torch.tensor(1 / tau),
    )


def scored(similarities: Float[Tensor, "b b"], tau: float = 0.07) -> Embeddings:
    """Pairs with these similarities, whatever their length: S times the identity is S, bit for bit."""
    one = torch.eye(len(similarities))
    return Embeddings(
        image_features=similarities,
        text_features=one,
        raw_image_features=similarities,
        raw_text_features=one,
        logit_scale=torch.tensor(1 / tau),
    )


def moment(pairs: Embeddings, step: int = 0, state: Mapping[str, float] | None = None) -> Moment:
    losses = directions(pairs.image_features, pairs.text_features, pairs.logit_scale)
    terms = dict(zip(("image_to_text", "text_to_image"), losses, strict=True))
    return Moment(
        step=step,
        total=100,
        terms=terms,
        scales=dict.fromkeys(terms, 1.0),
        state=state or {},
        gradient=lambda loss: loss[None],
        embeddings=pairs,
    )


def weighed(schedule: Schedule, pairs: Embeddings, step: int = 0, state: Mapping[str, float] | None = None) -> Weighed:
    return schedule.weigh(moment(pairs, step, state))


def followed(schedule: Schedule, batches: list[Embeddings]) -> list[Weighed]:
    """The weights of batches one after the other, each with the state that the one before left."""
    found: list[Weighed] = []
    for step, pairs in enumerate(batches):
        found.append(weighed(schedule, pairs, step, found[-1].state if found else {}))
    return found


def both(weighed: Weighed) -> list[float]:
    """The weights of image to text and of text to image, as numbers."""
    plain = frozen(weighed).weights
    return [float(plain[name]) for name in ("image_to_text", "text_to_image")]


def signals(weighed: Weighed, kind: str = "signal") -> list[float]:
    return [weighed.signals[f"{kind}_{name}"] for name in ("image_to_text", "text_to_image")]
