"""The loss schedule that raises the alignment of two modalities in three phases, held back by its gradients."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vlstudy.errors import TrainingError
from vlstudy.knobs import knob
from vlstudy.schedules.protocol import Moment, Schedule, Weighed

_KEPT = 0.9  # share of the old value in the averages of measurements
_TINY = 1e-12
_SHAPES: Mapping[str, Callable[[float], float]] = {
    "linear": lambda u: u,
    "cosine": lambda u: (1 - math.cos(math.pi * u)) / 2,
    "smoothstep": lambda u: u * u * (3 - 2 * u),
}


@dataclass(frozen=True, kw_only=True)
class ThreePhase(Schedule):
    """Contrastive training in which alignment grows from nothing to a share alpha_target.

        T1 = round(anchor T),  T2 = round((anchor + ramp) T),  k = optimiser step
        anchor    k < T1         alpha = 0
        ramp      T1 <= k < T2   alpha = alpha_target r(u),  then u <- u + (1 - u) kappa / (T2 - k)
        stabilize k >= T2        alpha = alpha_target
        convex    L = (1 - alpha) L_CLIP + alpha L_CMA
        additive  L = L_CLIP + alpha L_CMA

    With g_a, g_b the gradients of L_CLIP and L_CMA on the shared parameters, measured at the steps of the ramp that
    `every` divides, and c, rho exponential averages of their cosine and of |g_b| / |g_a|, rho_0 its first value:

        gate:       kappa = clip(clip(1 + c, 0, 1) min(1, rho_max rho_0 / rho), kappa_min, 1); 1 without it
        normalize:  L_CMA is multiplied by the average of clip(|g_a| / |g_b|, 0.1, 10), which stays after the ramp

    kappa = 1 is the linear ramp. What a gate below 1 leaves is added in one jump at T2; signal `jump` is its share of
    alpha_target, and the report tells it above 5 %. A ramp in which no measurement falls is one without a gate.

    Differs from the paper: only its names of the phases, that it is aware of gradients, and the targets 0.05 and 0.5
    are known. Lengths, shapes, both mixes, the gate and the normalisation are our choice.
    Source: TPC-CMA (arXiv 2604.00279), abstract.
    """

    summary: ClassVar[str] = "anchor, ramp, stabilize: raises the alignment to alpha_target as fast as gradients agree"
    source: ClassVar[str] = "TPC-CMA, arXiv 2604.00279: reconstructed from its abstract and summaries"
    governs: ClassVar[tuple[str, ...]] = ("contrastive", "negatives", "geometry", "centroid", "residual")
    choices: ClassVar[tuple[str, ...]] = (
        "TPC-CMA's curriculum is a reconstruction: three phases that are aware of gradients, and alpha_target 0.05 and "
        "0.5, are the paper's; lengths and shape of the ramp, the convex or additive mix, what is measured of the "
        "gradients and that it holds back the ramp's speed alone are our choice.",
    )

    alpha_target: float = knob(
        0.05, "share of the alignment at the end; the paper's are 0.05 (mild) and 0.5 (strong)", low=0.0
    )
    anchor: float = knob(0.2, "f1: share of the training without alignment (our choice)", low=0.0, high=1.0)
    ramp: float = knob(0.4, "f2: share of the training in which it grows, above 0 (our choice)", low=0.0, high=1.0)
    shape: str = knob("linear", "alpha / alpha_target over the ramp's progress u (our choice)", choices=tuple(_SHAPES))
    gate: str = knob(
        "gate",
        "gate: disagreeing or growing gradients hold the ramp back; normalize: the alignment's gradient is scaled to "
        "the contrastive one's; both; off: neither, and nothing is measured (our choice)",
        choices=("off", "gate", "normalize", "both"),
    )
    every: int = knob(10, "E: optimiser steps between measurements of the gradients (our choice)", low=1, high=10_000)
    rho_max: float = knob(2.0, "growth of |g_b| / |g_a| above which the gate closes (our choice)", low=1.0, high=100.0)
    kappa_min: float = knob(0.25, "least speed of the ramp, 1 being the linear one (our choice)", low=0.0, high=1.0)
    mix: str = knob(
        "convex",
        "convex: alignment takes from the contrastive loss; additive: it is added to it (our choice)",
        choices=("convex", "additive"),
    )

    def weigh(self, moment: Moment) -> Weighed:
        """The five weights at this step, and alpha, u, kappa and what was measured as signals.

        Raises:
            TrainingError: if the phases do not fit into the training, or alpha_target does not fit the mix.
        """
        if problem := self.problem():
            raise TrainingError(f"schedule `three_phase`: {problem}")
        start, end = self.phases(moment.total)
        state, within = dict(moment.state), start <= moment.step < end
        if within and self.gate != "off" and moment.step % self.every == 0:
            state |= self._measured(moment)
        reached = state.get("ramp", 0.0)  # stays after the ramp what the gate had let through
        u = reached if within else float(moment.step >= end)
        kappa = self._kappa(state) if within else 1.0
        if within:
            state["ramp"] = reached + (1 - reached) * kappa / (end - moment.step)
        alpha, balance = self.alpha_target * _SHAPES[self.shape](u), state.get("balance", 1.0)
        weights = dict.fromkeys(self.governs, alpha * balance)
        weights["contrastive"] = 1 - alpha if self.mix == "convex" else 1.0
        jump = max(0.0, 1 - _SHAPES[self.shape](reached)) if moment.step >= end else 0.0
        signals = {"alpha": alpha, "ramp": u, "kappa": kappa, "jump": jump}
        signals |= {"anchor_end": start / moment.total, "ramp_end": end / moment.total}
        return Weighed(weights=weights, state=state, signals=signals | _told(state))

    def phases(self, total: int) -> tuple[int, int]:
        """T1 and T2: the first step of the ramp, and the first after it.

        >>> ThreePhase(anchor=0.2, ramp=0.4).phases(500)
        (100, 300)
        """
        return round(self.anchor * total), min(total, round((self.anchor + self.ramp) * total))

    def settled(self) -> float:
        """Where alpha has reached alpha_target."""
        return min(1.0, self.anchor + self.ramp)

    def problem(self) -> str | None:
        """Phases that do not fit into the training, or an alpha_target that does not fit the mix.

        >>> ThreePhase(anchor=0.7, ramp=0.5).problem()
        'anchor + ramp is 0.7 + 0.5 = 1.2, more than the whole training, which is 1; make one of them shorter.'
        """
        if not self.anchor >= 0:
            return f"anchor is {self.anchor:g}, and it is a share of the training; 0 leaves the phase out."
        if not self.ramp > 0:
            return f"ramp is {self.ramp:g}, and it is a share of the training above 0; take a small one for a step."
        whole = self.anchor + self.ramp
        if not whole <= 1 + 1e-9:  # sums that are 1 on paper may be more in floating point
            return (
                f"anchor + ramp is {self.anchor:g} + {self.ramp:g} = {whole:g}, more than the whole training, "
                "which is 1; make one of them shorter."
            )
        if not self.alpha_target >= 0:
            return f"alpha_target is {self.alpha_target:g}, and alignment has no negative share; 0 is plain training."
        if self.mix == "convex" and self.alpha_target > 1:
            return (
                f"alpha_target is {self.alpha_target:g}, and with `mix: convex` it is a share from 0 to 1; lower it, "
                "or take `mix: additive`."
            )
        return None

    def _measured(self, moment: Moment) -> dict[str, float]:
        """The averages with this step's gradients in them."""
        first = moment.gradient(moment.terms["contrastive"])
        second = moment.gradient(_aligning(moment))
        size, other = float(first.norm()), float(second.norm())
        found = {
            "cosine": float(first @ second) / (size * other + _TINY),
            "ratio": other / (size + _TINY),
        }
        if self.gate in ("normalize", "both"):
            found["balance"] = min(max(size / (other + _TINY), 0.1), 10.0)
        old = moment.state
        averaged = {name: _KEPT * old[name] + (1 - _KEPT) * new if name in old else new for name, new in found.items()}
        return averaged | {"ratio_start": old.get("ratio_start", found["ratio"])}

    def _kappa(self, state: Mapping[str, float]) -> float:
        """The speed of the ramp: 1 without a gate or before its first measurement."""
        if self.gate not in ("gate", "both") or "cosine" not in state:
            return 1.0
        agreement = min(max(1 + state["cosine"], 0.0), 1.0)
        bound = self.rho_max * state["ratio_start"]
        growth = 1.0 if state["ratio"] <= bound else bound / state["ratio"]
        return min(max(agreement * growth, self.kappa_min), 1.0)


def _aligning(moment: Moment) -> Float[Tensor, ""]:
    """L_CMA: all terms but the contrastive one, each with its scale."""
    parts = [moment.scales[name] * term for name, term in moment.terms.items() if name != "contrastive"]
    return torch.stack(parts).sum()


def _told(state: Mapping[str, float]) -> dict[str, float]:
    """What was measured, the ratio relative to its first value."""
    told = {name: state[name] for name in ("cosine", "balance") if name in state}
    return told | ({"ratio": state["ratio"] / max(state["ratio_start"], _TINY)} if "ratio" in state else {})
