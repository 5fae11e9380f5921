"""Metrics of class scores against labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlstudy.metrics.metric import Metric

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def accuracy(logits: Float[Tensor, "n c"], labels: Int[Tensor, " n"]) -> float:
    """Fraction of images whose highest score is their class's, in [0, 1].

    >>> import torch
    >>> accuracy(torch.tensor([[2.0, 1.0], [2.0, 1.0]]), torch.tensor([0, 1]))
    0.5
    """
    return float((logits.argmax(dim=-1) == labels).double().mean())


def worst_class_accuracy(logits: Float[Tensor, "n c"], labels: Int[Tensor, " n"]) -> float:
    """Accuracy of the class that has the lowest, in [0, 1]; classes without images do not count.

    >>> import torch
    >>> worst_class_accuracy(torch.tensor([[2.0, 1.0], [2.0, 1.0], [2.0, 1.0]]), torch.tensor([0, 0, 1]))
    0.0
    """
    right = logits.argmax(dim=-1) == labels
    return min(float(right[labels == label].double().mean()) for label in set(labels.tolist()))


def mean_class_accuracy(logits: Float[Tensor, "n c"], labels: Int[Tensor, " n"]) -> float:
    """Mean over classes of each class's accuracy, in [0, 1]; classes without images do not count.

    >>> import torch
    >>> mean_class_accuracy(torch.tensor([[2.0, 1.0], [2.0, 1.0], [2.0, 1.0]]), torch.tensor([0, 0, 1]))
    0.5
    """
    right = logits.argmax(dim=-1) == labels
    found = [float(right[labels == label].double().mean()) for label in set(labels.tolist())]
    return sum(found) / len(found)


def cross_entropy(logits: Float[Tensor, "n c"], labels: Int[Tensor, " n"]) -> float:
    """Mean of -log softmax(logits)[label], in nats.

    >>> import torch
    >>> round(cross_entropy(torch.zeros(3, 4), torch.tensor([0, 1, 2])), 4)
    1.3863
    """
    scores = logits.double()
    return float((scores.logsumexp(dim=-1) - scores.gather(1, labels[:, None])[:, 0]).mean())


ACCURACY = Metric(
    name="accuracy",
    direction="maximize",
    unit="fraction",
    low=0.0,
    high=1.0,
    meaning="fraction of images whose highest score is their class's (top-1)",
    source="standard",
    compute=accuracy,
)
MEAN_CLASS_ACCURACY = Metric(
    name="mean_class_accuracy",
    direction="maximize",
    unit="fraction",
    low=0.0,
    high=1.0,
    meaning="mean of the classes' accuracies, each class counting alike",
    source="standard",
    compute=mean_class_accuracy,
)
WORST_CLASS_ACCURACY = Metric(
    name="worst_class_accuracy",
    direction="maximize",
    unit="fraction",
    low=0.0,
    high=1.0,
    meaning="accuracy of the class that has the lowest",
    source="standard",
    compute=worst_class_accuracy,
)
CROSS_ENTROPY = Metric(
    name="cross_entropy",
    direction="minimize",
    unit="nats",
    low=0.0,
    high=None,
    meaning="mean negative log-probability of the right class",
    source="standard",
    compute=cross_entropy,
)
