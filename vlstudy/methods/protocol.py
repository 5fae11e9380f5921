"""What every method offers to the training loop."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from vlstudy.data.captions import CaptionSet
from vlstudy.data.sets import Classes, DevSplits, FeatureSet
from vlstudy.methods.towers import ImageTower
from vlstudy.schedules.protocol import Embeddings


@dataclass(frozen=True, kw_only=True)
class Batch:
    """b images and the classes that are trained on.

    Attributes:
        image_features: frozen features of the plain or an augmented view.
        pictures: random crops of the pictures, on the CPU, for methods that train on them; None for others.
        text_features: frozen features of one caption of each image; None where the images have none.
        tokens: of the same captions; None where there are features only.
        embeddings: what `Method.embed` made of this batch; None before it, and for methods without it.
    """

    image_features: Float[Tensor, "b d"]
    labels: Int[Tensor, " b"]
    classes: Classes
    pictures: UInt8[Tensor, "b s s 3"] | None = None
    text_features: Float[Tensor, "b d"] | None = None
    tokens: Int[Tensor, "b context"] | None = None
    embeddings: Embeddings | None = None


class Method(Protocol):
    """A frozen dataclass whose fields are the method's hyperparameters.

    Class attributes:
        summary: one line for `vlstudy methods`.
        source: where it was published.
        baseline: True if it is what others are compared with.
        terms: the names of its loss terms; () if `build` already gives the final model.
        choices: what is our choice and not the paper's, for the report's "what this does not show".
        trains_on: `labels`, `captions` or both: what its images must have.
        towers: True if it needs the backbone itself, so that a source of features alone does not do.
        pixels: True if it trains on pictures.
        closed: True if it cannot score classes that it was not trained on.
        carries: True if another method can be trained on its image and text features.
        attends: knobs that count blocks of an image tower whose attention is read; () if none is.
        stacks: True if it can be trained on the features of a method that carries.
    """

    summary: ClassVar[str]
    source: ClassVar[str]
    baseline: ClassVar[bool]
    terms: ClassVar[tuple[str, ...]]
    choices: ClassVar[tuple[str, ...]]
    trains_on: ClassVar[tuple[str, ...]] = ("labels",)
    towers: ClassVar[bool] = False
    pixels: ClassVar[bool] = False
    closed: ClassVar[bool] = False
    carries: ClassVar[bool] = False
    stacks: ClassVar[bool] = False
    attends: ClassVar[tuple[str, ...]] = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def build(self, dev: DevSplits) -> nn.Module:
        """The model before training; its parameters with `requires_grad` are what the loop updates.

        Checkpoints hold those parameters and all buffers; everything else must come out of `build` again. The loop
        seeds torch's global generator around this call.
        """

    def embed(self, model: nn.Module, batch: Batch) -> Embeddings | None:
        """The pairs of the batch as the model sees them, for the loss terms and the schedule; None without pairs."""
        return None

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """One scalar per name of `terms`, unweighted; methods that embed find `batch.embeddings`."""

    def scales(self) -> Mapping[str, float]:
        """Constant factors of loss terms, such as a paper's lambda; 1 for those that are not named."""
        return {}

    def shared(self, model: nn.Module) -> list[nn.Parameter]:
        """Trained parameters on which a schedule may compare gradients; all, if the method has no better."""
        return [parameter for parameter in model.parameters() if parameter.requires_grad]

    def after_step(self, model: nn.Module, step: int, total: int) -> None:
        """What follows optimiser step `step` (0-based) of `total`, such as an average of weights."""
        return None  # not abstract: most methods have nothing to do

    def points(self) -> tuple[dict[str, float], ...]:
        """The points of the inference axes, in the order in which ties are broken; ({},) if there are none."""
        return ({},)

    def logits(self, model: nn.Module, images: FeatureSet, classes: Classes) -> Float[Tensor, "k n c"]:
        """Class scores at each of the k points; softmax over the last axis gives probabilities."""
        cosines = self.image_features(model, images) @ self.text_features(model, classes).T
        return (classes.logit_scale * cosines)[None]

    def image_features(self, model: nn.Module, images: FeatureSet) -> Float[Tensor, "n d"]:
        """Unit features of the images as the trained model sees them."""
        return images.image_features

    def view_features(self, model: nn.Module, images: FeatureSet) -> Float[Tensor, "n v d"]:
        """Unit features of the augmented views, for a method that is trained on top."""
        return images.views

    def caption_features(self, model: nn.Module, captions: CaptionSet) -> Float[Tensor, "m d"]:
        """Unit features of captions as the trained model sees them."""
        return captions.text_features

    def text_features(self, model: nn.Module, classes: Classes) -> Float[Tensor, "c d"]:
        """Unit features of the classes' texts as the trained model sees them."""
        return classes.text_features

    def image_tower(self, model: nn.Module) -> ImageTower | None:
        """The image tower inside the model, to look at its attention; None where the method has none."""
        return None

    def evidence(self, model: nn.Module, dev: DevSplits) -> dict[str, np.ndarray]:
        """Arrays that the report draws, such as a smoothing matrix."""
        return {}
