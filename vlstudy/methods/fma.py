"""FMA: a flow that carries an image feature in several steps to the text of its class."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vlstudy import losses
from vlstudy.data.sets import Classes, DevSplits, FeatureSet
from vlstudy.knobs import knob
from vlstudy.methods.protocol import Batch, Method
from vlstudy.nets import VelocityNet
from vlstudy.solvers import trajectory

PATHS = ("none", "bridge", "bridge_endpoint", "interpolant")


@dataclass(frozen=True, kw_only=True)
class Fma(Method):
    """Flow matching alignment.

        x_t = (1 - t) x_0 + t z;   loss = mean_b w(t) ||u(x_hat, t) - target||^2
        x <- x + h u(x, k h), k = 0 .. M-1;   logits = logit_scale * cos(x, Z)

    z is the text of the image's own class (`coupling: class`). M = `solver_steps` is an inference axis: one trajectory
    measures every value, M = 0 is zero-shot.

    Differs from the paper: M is chosen on validation (the released code takes the best on test); see `choices`.
    Source: FMA (arXiv 2510.14543); loss, network and solver as in the released code.
    """

    summary: ClassVar[str] = "flow matching from image features to their class text, stopped early"
    source: ClassVar[str] = "FMA, arXiv 2510.14543 (the body of the paper could not be read; its released code could)"
    baseline: ClassVar[bool] = False
    terms: ClassVar[tuple[str, ...]] = ("flow_matching",)
    choices: ClassVar[tuple[str, ...]] = (
        "FMA: the number of solver steps is chosen on validation with ties to fewer steps; the released code takes the "
        "best on the test set, so its numbers are not comparable with ours.",
        "FMA: paper and released code disagree on the noise; `path` names the variant, `sigma` is our reading of a "
        "quantity the paper does not define, and t is cut to [0.001, 0.999] where the loss is singular (our choice).",
        "FMA: six residual blocks are the summary's, twelve the released code's; the study file says which was used.",
        "FMA: the learning rate ramps up cleanly unless `train.lr_schedule` is `released`; the number of cached "
        "augmented views is our choice, and sources without images train on fixed features.",
    )

    stacks: ClassVar[bool] = True

    blocks: int = knob(6, "residual blocks of the velocity net; paper 6, released code 12", low=1, high=24)
    path: str = knob("none", "noise on the path; none is the released default, bridge the paper's", choices=PATHS)
    noise: float = knob(1.0, "scale of the bridges' noise (our choice: 1)", low=0.0, high=10.0)
    gamma: float = knob(0.0, "scale of the interpolant's noise; 0.044 matches the paper's size", low=0.0, high=1.0)
    sigma: str = knob(
        "feature_std", "what the bridges' noise is proportional to (our choice)", choices=("feature_std", "batch_std")
    )
    coupling: str = knob("class", "which text an image is paired with; random must fail", choices=("class", "random"))
    step_size: float = knob(0.1, "h, the flow time of one solver step", low=1e-3, high=1.0)
    solver_steps: int | tuple[int, ...] = knob(
        5, "M, solver steps before the decision; stops at t = h M; 0 is zero-shot", low=0, high=1000, axis=True
    )
    solver: str = knob("euler", "euler is the paper's; the others are our choice", choices=("euler", "heun", "rk4"))
    time_scale: float = knob(1000.0, "what t is multiplied with before its sinusoid", low=1.0, high=10_000.0)
    readout: str = knob(
        "last",
        "last: scores after M steps; prob_average: sum of the probabilities after `readout_steps`, needs no M",
        choices=("last", "prob_average"),
    )
    readout_steps: tuple[int, ...] = knob((0, 4, 8), "steps whose probabilities prob_average sums", low=0, high=1000)

    def build(self, dev: DevSplits) -> nn.Module:
        """The velocity net, u = 0."""
        return VelocityNet(dev.text_features.shape[1], self.blocks, self.time_scale)

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """Mean squared velocity error, summed over dimensions."""
        point, target, weight, t = self.sample(batch, rng)
        return {"flow_matching": losses.flow_matching(model(point, t), target, weight)}

    def sample(self, batch: Batch, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Point [b d], target [b d], weight [b 1] and time [b 1] of one training step.

        The times come first from `rng`, then the noise, so that variants without noise draw equal batches.
        """
        x_0, device = batch.image_features, batch.image_features.device
        uniform = torch.from_numpy(rng.random((len(x_0), 1), dtype=np.float32)).to(device)
        z = batch.classes.text_features[self._partners(batch, rng)]
        scale = {"bridge": self.noise, "bridge_endpoint": self.noise, "interpolant": self.gamma}.get(self.path, 0.0)
        if scale == 0:
            point, target, weight = losses.straight(x_0, z, uniform)
            return point, target, (1 - uniform).square() if self.path == "bridge_endpoint" else weight, uniform
        cut = losses.SINGULARITY_CUT if self.path != "bridge_endpoint" else 0.0
        t = cut + (1 - 2 * cut) * uniform
        noise = scale * torch.from_numpy(rng.standard_normal(x_0.shape, dtype=np.float32)).to(device)
        if self.path == "interpolant":
            return *losses.interpolant(x_0, z, t, noise), t
        return *losses.bridge(x_0, z, t, noise, self.sigma, endpoint=self.path == "bridge_endpoint"), t

    def points(self) -> tuple[dict[str, float], ...]:
        """One point per number of solver steps, fewest first; one for prob_average."""
        if self.readout == "prob_average":
            return ({},)
        return tuple({"solver_steps": float(steps)} for steps in self._axis())

    def logits(self, model: nn.Module, images: FeatureSet, classes: Classes) -> Float[Tensor, "k n c"]:
        """Scaled cosines after each M of one trajectory, or the log of the averaged probabilities."""
        wanted = self.readout_steps if self.readout == "prob_average" else self._axis()
        path = trajectory(model, images.image_features, h=self.step_size, steps=max(wanted), solver=self.solver)
        scores = torch.stack(list(_scores(path, set(wanted), classes)))
        if self.readout == "prob_average":
            return scores.softmax(dim=-1).mean(dim=0, keepdim=True).log()
        return scores

    def _axis(self) -> tuple[int, ...]:
        steps = self.solver_steps
        return (steps,) if isinstance(steps, int) else tuple(sorted(set(steps)))

    def _partners(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        if self.coupling == "class":
            return batch.labels
        drawn = rng.integers(len(batch.classes.names), size=len(batch.labels))
        return torch.from_numpy(drawn).to(batch.labels.device)


def _scores(path: Iterator[Tensor], wanted: set[int], classes: Classes) -> Iterator[Float[Tensor, "n c"]]:
    for step, x in enumerate(path):
        if step in wanted:
            yield classes.logit_scale * functional.normalize(x, dim=-1) @ classes.text_features.T
