"""The linear probe: what sixteen scenes of each class can read from image features alone."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from vlstudy.backbones.towers import Backbone
from vlstudy.data.miniature import Scenes, few_shot_pool

_RIDGES = (1e-4, 1e-3, 1e-2)
_VAL_PER_CLASS = 10

Weight = Float[Tensor, "d1 c"]  # one row a coordinate, with the bias as last row


def linear_probe(backbone: Backbone, test: Scenes, shots: int) -> float:
    """Test top-1 of logistic regression on `shots` scenes of each class, its ridge chosen on the validation split."""
    train, val = few_shot_pool("train", shots), few_shot_pool("val", _VAL_PER_CLASS)
    features, val_features = backbone.encode_images(train.pixels), backbone.encode_images(val.pixels)
    fitted = [logistic_regression(features, torch.from_numpy(train.labels), ridge) for ridge in _RIDGES]
    best = max(fitted, key=lambda weight: _right(val_features, weight, val))
    return _right(backbone.encode_images(test.pixels), best, test)


def _right(features: Float[Tensor, "n d"], weight: Weight, scenes: Scenes) -> float:
    guesses = (features @ weight[:-1] + weight[-1]).argmax(dim=1)
    return (guesses == torch.from_numpy(scenes.labels)).float().mean().item()


def logistic_regression(features: Float[Tensor, "n d"], labels: Int64[Tensor, " n"], ridge: float) -> Weight:
    """Weights of the minimum of cross-entropy + ridge * |slopes|^2 over standardised features."""
    mean, spread = features.mean(dim=0), features.std(dim=0).mean()  # one spread for all, which keeps the geometry
    inputs = (features - mean) / spread
    weight = torch.zeros(features.shape[1] + 1, int(labels.max()) + 1, requires_grad=True)
    descent = torch.optim.LBFGS([weight], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        descent.zero_grad()
        loss = F.cross_entropy(inputs @ weight[:-1] + weight[-1], labels) + ridge * weight[:-1].square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    descent.step(closure)  # type: ignore[no-untyped-call]
    slopes = weight.detach()[:-1] / spread
    return torch.cat([slopes, (weight.detach()[-1] - mean @ slopes)[None]])
