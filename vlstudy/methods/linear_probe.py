"""Linear probe: multinomial logistic regression on frozen image features."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from vlstudy.data.sets import Classes, DevSplits, FeatureSet
from vlstudy.knobs import knob
from vlstudy.methods.protocol import Batch, Method


@dataclass(frozen=True, kw_only=True)
class LinearProbe(Method):
    """logits = W f + b, the minimiser of 1/2 ||W||^2 + c * sum of cross-entropies, found by L-BFGS.

    Differs from the paper: CLIP sweeps c in a grid on validation; here c is a knob that the search chooses.
    Source: CLIP (arXiv 2103.00020), section 3.2 and appendix A.3.
    """

    summary: ClassVar[str] = "logistic regression on frozen image features, solved by L-BFGS"
    source: ClassVar[str] = "CLIP, arXiv 2103.00020, appendix A.3"
    baseline: ClassVar[bool] = True
    terms: ClassVar[tuple[str, ...]] = ()
    choices: ClassVar[tuple[str, ...]] = (
        "The linear probe sees the plain view of each image; augmented views are not added as further images.",
    )

    closed: ClassVar[bool] = True

    c: float = knob(10.0, "inverse strength of the L2 penalty, per summed cross-entropy", low=1e-6, high=1e6)
    max_iterations: int = knob(1000, "most iterations of L-BFGS", low=1, high=100_000)

    def build(self, dev: DevSplits) -> nn.Module:
        """The fitted linear layer; classes without a training image get weight 0 and a bias of -inf."""
        features, labels = dev.train.image_features.cpu().double().numpy(), dev.train.labels.cpu().numpy()
        fitted = LogisticRegression(C=self.c, max_iter=self.max_iterations).fit(features, labels)
        layer = nn.Linear(features.shape[1], len(dev.classes.names)).requires_grad_(False)
        layer.weight.zero_()
        layer.bias.fill_(-torch.inf)
        weight, bias = fitted.coef_, fitted.intercept_
        if len(weight) == 1:  # scikit-learn keeps one row for two classes
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        seen = torch.from_numpy(fitted.classes_).long()
        layer.weight[seen] = torch.from_numpy(weight).float()
        layer.bias[seen] = torch.from_numpy(bias).float()
        return layer

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """No terms: `build` gives the final model."""
        return {}

    def logits(self, model: nn.Module, images: FeatureSet, classes: Classes) -> Float[Tensor, "1 n c"]:
        """W f + b."""
        scores: Tensor = model(images.image_features)
        return scores[None]
