"""How far confidence and accuracy are apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlstudy.metrics.metric import Metric

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

BINS = 15  # Guo et al., arXiv 1706.04599, section 5


def reliability(logits: Float[Tensor, "n c"], labels: Int[Tensor, " n"], bins: int = BINS) -> Float[Tensor, "bins 3"]:
    """Mean confidence, accuracy and count of the images in each of `bins` equal bins of confidence; 0 where empty.

    Confidence is the highest softmax probability; a bin includes its upper end.

    >>> import torch
    >>> reliability(torch.tensor([[0.0, 0.0]]), torch.tensor([0]), bins=2).tolist()
    [[0.5, 1.0, 1.0], [0.0, 0.0, 0.0]]
    """
    import torch

    confidence, predicted = logits.double().softmax(dim=-1).max(dim=-1)
    place = (confidence * bins).ceil().long().sub(1).clamp(0, bins - 1)
    columns = torch.stack([confidence, (predicted == labels).double(), torch.ones_like(confidence)], dim=1)
    sums = torch.zeros(bins, 3, dtype=torch.float64, device=logits.device).index_add_(0, place, columns)
    counts = sums[:, 2:]
    return torch.cat([sums[:, :2] / counts.clamp(min=1), counts], dim=1)


def expected_calibration_error(logits: Float[Tensor, "n c"], labels: Int[Tensor, " n"]) -> float:
    """Sum over bins of the share of images times |accuracy - mean confidence|, in [0, 1].

    >>> import torch
    >>> expected_calibration_error(torch.zeros(2, 2), torch.tensor([0, 0]))
    0.5
    """
    confidence, accuracy, count = reliability(logits, labels).unbind(dim=1)
    return float((count * (accuracy - confidence).abs()).sum() / count.sum())


EXPECTED_CALIBRATION_ERROR = Metric(
    name="expected_calibration_error",
    direction="minimize",
    unit="fraction",
    low=0.0,
    high=1.0,
    meaning="mean distance between confidence and accuracy, over 15 equal bins of confidence",
    source="Guo et al., arXiv 1706.04599, equation 3",
    compute=expected_calibration_error,
)
