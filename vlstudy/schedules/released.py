"""What the loss schedules have alike that the released code of variance-aware scheduling has."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from vlstudy.knobs import knob
from vlstudy.schedules.directional import Number, averaged, pairs_of, told, weights_of
from vlstudy.schedules.protocol import DIRECTIONS, Moment, Schedule, Weighed, even

_EPS = 1e-8


@dataclass(frozen=True, kw_only=True)
class Released(Schedule):
    """Weights from the embeddings of each modality before they have unit length; a subclass says what is taken of them.

        w = m_t2i / (m_t2i + m_i2t + 1e-8),   the weight of text to image; m_d are averages of the signals q_d
        base_plus  L = w L_t2i + (1 - w) L_i2t + (L_t2i + L_i2t) / 2
        convex     L = w L_t2i + (1 - w) L_i2t

    With base_plus the factors sum to 2 and lie in [1/2, 3/2]: at most 3 to 1. These are not the schedules that
    summaries of the paper describe, which are `variance_sim`, `entropy_out` and `spread_sim`.

    A trial is one process, so a batch is whole; where it is spread over processes, the schedule must be given the
    gathered embeddings.

    Differs from the paper: from its released code in `detach_weights`, whose `false` is the code, and in `ema_beta`
    above 0 and `convex`, which the code has not; all three are our choice.
    Source: the repository released with variance-aware loss scheduling (arXiv 2503.03202).
    """

    source: ClassVar[str] = "arXiv 2503.03202: its released code"
    governs: ClassVar[tuple[str, ...]] = DIRECTIONS
    choices: ClassVar[tuple[str, ...]] = (
        "Weights of the released code of variance-aware scheduling (arXiv 2503.03202) carry gradient, so that a model "
        "can learn to shift weight to the easier direction; ours do not unless `detach_weights` is false.",
    )

    detach_weights: bool = knob(True, "weights are plain numbers (our choice); false: with gradient, as released")
    ema_beta: float = knob(
        0.0, "what the average of the signal keeps at each step; 0: none, as released", low=0.0, high=0.99
    )
    total: str = knob(
        "base_plus",
        "base_plus: weighted plus plain mean of the two directions, as released; convex: weighted mean, half the "
        "gradient",
        choices=("base_plus", "convex"),
    )

    @abstractmethod
    def signals(
        self, images: Float[Tensor, "b d"], texts: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """q_i2t and q_t2i of embeddings that have not unit length."""

    def weigh(self, moment: Moment) -> Weighed:
        """The weights of the two directions at this step, tensors with their graph if they are not detached.

        Raises:
            TrainingError: if the method embeds no pairs, or the batch has only one.
        """
        found = self._found(moment)
        averages = averaged(moment.state, found, self.ema_beta)
        first, second = (averages[name] for name in DIRECTIONS)
        image_to_text = 1 - second / (second + first + _EPS)
        state = _plain(averages)
        return Weighed(
            weights=even(list(moment.terms)) | weights_of(image_to_text, self.total),
            state=state,
            signals=told(_number(image_to_text), _plain(found), state),
        )

    def _found(self, moment: Moment) -> dict[str, Number]:
        pairs = pairs_of(moment)
        raw = pairs.raw_image_features, pairs.raw_text_features
        images, texts = (one.detach().float() if self.detach_weights else one.float() for one in raw)
        found: dict[str, Number] = dict(zip(DIRECTIONS, self.signals(images, texts), strict=True))
        return dict(_plain(found)) if self.detach_weights else found


def _plain(values: dict[str, Number]) -> dict[str, float]:
    return {name: _number(value) for name, value in values.items()}


def _number(value: Number) -> float:
    return float(value.detach()) if isinstance(value, Tensor) else value
