"""What every method offers to the training loop."""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor, nn

from vlstudy.data.sets import DevSplits


@dataclass(frozen=True, kw_only=True)
class Batch:
    """b images and the texts of all classes."""

    image_features: Float[Tensor, "b d"]
    labels: Int[Tensor, " b"]
    text_features: Float[Tensor, "c d"]
    logit_scale: float


class Method(Protocol):
    """A frozen dataclass whose fields are the method's hyperparameters.

    Class attributes:
        summary: one line for `vlstudy methods`.
        source: where it was published.
        baseline: True if it is what others are compared with.
        terms: the names of its loss terms; () if `build` already gives the final model.
        choices: what is our choice and not the paper's, for the report's "what this does not show".
    """

    summary: ClassVar[str]
    source: ClassVar[str]
    baseline: ClassVar[bool]
    terms: ClassVar[tuple[str, ...]]
    choices: ClassVar[tuple[str, ...]]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def build(self, dev: DevSplits) -> nn.Module:
        """The model before training; its parameters with `requires_grad` are what the loop updates.

        The loop seeds torch's global generator around this call.
        """

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """One scalar per name of `terms`."""

    def points(self) -> tuple[dict[str, float], ...]:
        """The points of the inference axes, in the order in which ties are broken; ({},) if there are none."""

    def logits(self, model: nn.Module, image_features: Float[Tensor, "n d"], dev: DevSplits) -> Float[Tensor, "k n c"]:
        """Class scores at each of the k points; softmax over the last axis gives probabilities."""
