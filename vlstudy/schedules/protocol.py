"""What every loss schedule offers to the training loop."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from jaxtyping import Float
from torch import Tensor

DIRECTIONS = ("image_to_text", "text_to_image")  # the two terms of a contrastive loss


@dataclass(frozen=True, kw_only=True)
class Embeddings:
    """A batch of pairs as the model sees it, with its graph.

    Attributes:
        image_features, text_features: unit rows; row i of both is a pair.
        raw_image_features, raw_text_features: the same before they were scaled to unit length.
        logit_scale: inverse temperature.
    """

    image_features: Float[Tensor, "b d"]
    text_features: Float[Tensor, "b d"]
    raw_image_features: Float[Tensor, "b d"]
    raw_text_features: Float[Tensor, "b d"]
    logit_scale: Float[Tensor, ""]


@dataclass(frozen=True, kw_only=True)
class Moment:
    """All that a schedule may know before optimiser step `step` (0-based) of `total`.

    Attributes:
        terms: the unweighted losses, with their graph.
        scales: the method's own constant factor of each term, such as a lambda of its paper.
        state: what the schedule gave back after the step before; {} at the first.
        gradient: loss -> its gradient with respect to the method's shared parameters, as one flat row; it changes
            no parameter, buffer, gradient or optimiser state.
        embeddings: of the batch; None for methods that have none.
    """

    step: int
    total: int
    terms: Mapping[str, Float[Tensor, ""]]
    scales: Mapping[str, float]
    state: Mapping[str, float]
    gradient: Callable[[Float[Tensor, ""]], Float[Tensor, " p"]]
    embeddings: Embeddings | None = None


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """The weights of a step.

    Attributes:
        weights: of each term; the loss is the sum of weight x scale x term, without the terms whose weight is 0.
        state: for the next step, plain numbers; it is checkpointed.
        signals: what the report draws over training, such as `alpha`.
    """

    weights: Mapping[str, float | Float[Tensor, ""]]
    state: Mapping[str, float] = field(default_factory=dict)
    signals: Mapping[str, float] = field(default_factory=dict)


class Schedule(Protocol):
    """A frozen dataclass whose fields are the schedule's hyperparameters.

    Class attributes:
        summary: one line for `vlstudy methods`.
        source: where it was published; "" where there is nothing to cite.
        choices: what is our choice and not the paper's, for the report's "what this does not show".
        baseline: True if an arm with a baseline method and this schedule is what others are compared with.
        governs: the names of the loss terms it needs; () if it takes any.
    """

    summary: ClassVar[str]
    source: ClassVar[str] = ""
    choices: ClassVar[tuple[str, ...]] = ()
    baseline: ClassVar[bool] = False
    governs: ClassVar[tuple[str, ...]] = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def weigh(self, moment: Moment) -> Weighed:
        """The weight of each loss term at this step."""

    def problem(self) -> str | None:
        """What is wrong with the knobs together, with the way out; None if they agree."""
        return None

    def settled(self) -> float:
        """Share of the training after which the weights follow no plan any more: no trial may be pruned before it."""
        return 0.0


def even(terms: Sequence[str]) -> dict[str, float]:
    """1 for every term, but 1/2 for the two directions of a contrastive loss, whose mean is the usual loss.

    >>> even(["image_to_text", "text_to_image"]), even(["regression"])
    ({'image_to_text': 0.5, 'text_to_image': 0.5}, {'regression': 1.0})
    """
    return {term: 0.5 if term in DIRECTIONS else 1.0 for term in terms}
