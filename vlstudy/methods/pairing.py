"""What all methods that learn from pairs have alike."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from vlstudy.data.captions import CaptionSet
from vlstudy.data.sets import Classes, DevSplits, FeatureSet
from vlstudy.errors import TrainingError
from vlstudy.knobs import knob
from vlstudy.methods.pair_model import PairModel
from vlstudy.methods.protocol import Batch, Method
from vlstudy.methods.towers import ImageTower, TextTower, backbone_of, choose_projection
from vlstudy.schedules.protocol import Embeddings

__all__ = ["PairMethod", "PairModel"]

_MOMENTUM = 0.01  # of the batch normalisation in the repository of variance-aware scheduling


@dataclass(frozen=True, kw_only=True)
class PairMethod(Method):
    """What all methods that learn from pairs have alike; a subclass gives the loss terms.

    With `start: identity` every feature is the backbone's own before the first step. `start: random` puts a new linear
    layer behind the frozen features or behind the towers.

    Source: `start: random`, `width` 512 and `head_norm: batch` are the heads of the released code of variance-aware
    scheduling (arXiv 2503.03202); what `trains` offers is our choice for TPC-CMA (arXiv 2604.00279).
    """

    baseline: ClassVar[bool] = True
    trains_on: ClassVar[tuple[str, ...]] = ("captions",)
    choices: ClassVar[tuple[str, ...]] = (
        "Methods on pairs start from the backbone's own features and temperature and have no batch normalisation by "
        "default (our choice); the released code of variance-aware scheduling has new heads to 512 with it, tau 0.07.",
        "Methods on pairs are optimised by AdamW with the study's learning-rate schedule, whatever their papers take.",
    )

    trains: str = knob(
        "heads",
        "heads: a linear layer on each frozen feature; projections: the last layer and LayerNorm of both towers; "
        "last_n_blocks: those and the last blocks; all: both towers",
        choices=("heads", "projections", "last_n_blocks", "all"),
    )
    last: int = knob(2, "how many blocks `last_n_blocks` means", low=1, high=64)
    start: str = knob(
        "identity",
        "identity: the backbone as it is; random: a new linear layer to `width` behind it",
        choices=("identity", "random"),
    )
    width: int = knob(512, "width of the shared space for `start: random`; the released code's", low=1, high=65_536)
    head_norm: str = knob(
        "none",
        "batch: batch normalisation with momentum 0.01 behind both heads, as in the released code",
        choices=("none", "batch"),
    )
    tau: float = knob(0.0, "temperature; 0: the backbone's own", low=0.0, high=1.0)
    learn_tau: bool = knob(False, "train the temperature, with 1/tau at most 100")

    @property
    def pictured(self) -> bool:
        """True if batches must carry pictures, because the towers are trained."""
        return self.trains != "heads"

    def build(self, dev: DevSplits) -> nn.Module:
        """Heads on the frozen features, or both towers with what is trained of them chosen.

        Raises:
            TrainingError: if the towers are to be trained and the source has features only.
        """
        towers, projections = self._towers(dev) if self.pictured else (None, ())
        width = dev.train.image_features.shape[1]
        if self.start == "random" or not self.pictured:
            projections = ("image_head.0.weight", "text_head.0.weight")
        return PairModel(
            self._head(width),
            self._head(width),
            scale=1 / self.tau if self.tau else dev.classes.logit_scale,
            learnt=self.learn_tau,
            towers=towers,
            projections=projections,
        )

    def embed(self, model: nn.Module, batch: Batch) -> Embeddings:
        """The pairs as the trained model sees them."""
        return _paired(model).embed(batch)

    def shared(self, model: nn.Module) -> list[nn.Parameter]:
        """The two final projections."""
        return _paired(model).shared()

    def after_step(self, model: nn.Module, step: int, total: int) -> None:
        """Keeps a learnt temperature in its bound."""
        _paired(model).clamp()

    def logits(self, model: nn.Module, images: FeatureSet, classes: Classes) -> Float[Tensor, "k n c"]:
        """Cosines with the class texts, times the model's own inverse temperature."""
        cosines = self.image_features(model, images) @ self.text_features(model, classes).T
        return (_paired(model).scale * cosines)[None]

    def image_features(self, model: nn.Module, images: FeatureSet) -> Float[Tensor, "n d"]:
        """Unit features of the plain views."""
        return _paired(model).images(images)

    def caption_features(self, model: nn.Module, captions: CaptionSet) -> Float[Tensor, "m d"]:
        """Unit features of captions."""
        return _paired(model).captions(captions)

    def text_features(self, model: nn.Module, classes: Classes) -> Float[Tensor, "c d"]:
        """Unit features of the classes' texts."""
        return _paired(model).classes(classes)

    def image_tower(self, model: nn.Module) -> ImageTower | None:
        """The trained one; None for heads on frozen features."""
        return _paired(model).image_tower

    def _head(self, width: int) -> nn.Module:
        """A new layer, one that is the identity, or none; and the normalisation."""
        layers: list[nn.Module] = []
        if self.start == "random":
            layers, width = [nn.Linear(width, self.width)], self.width
        elif not self.pictured:
            layers = [_identity(width)]
        if self.head_norm == "batch":
            layers.append(nn.BatchNorm1d(width, momentum=_MOMENTUM))
        return nn.Sequential(*layers)

    def _towers(self, dev: DevSplits) -> tuple[tuple[ImageTower, TextTower], tuple[str, ...]]:
        """Both towers, and the names of their final projections in the model."""
        if dev.towers is None:
            raise TrainingError(
                f"method.trains: `{self.trains}` trains the towers, and the data source has features only; "
                "set it to `heads`, or take a source with pictures."
            )
        backbone = backbone_of(dev)
        image, text = ImageTower(backbone), TextTower(backbone, dev.templates)
        found = [
            f"{place}.{name}"
            for place, tower in (("image_tower.visual", image.visual), ("text_tower.tower", text.tower))
            for name in choose_projection(tower, "heads" if self.trains == "projections" else self.trains, self.last)
        ]
        return (image, text), tuple(found)


def _paired(model: nn.Module) -> PairModel:
    assert isinstance(model, PairModel)
    return model


def _identity(width: int) -> nn.Linear:
    """The layer that changes nothing."""
    layer = nn.Linear(width, width)
    nn.init.eye_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
