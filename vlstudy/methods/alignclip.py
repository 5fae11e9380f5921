"""AlignCLIP: an image tower whose attention is aligned with the label's text, trained on softened labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from vlstudy import averaging, losses
from vlstudy.backbones import vit
from vlstudy.backbones.trainable import choose
from vlstudy.data.sets import Classes, DevSplits, FeatureSet
from vlstudy.errors import BackboneError
from vlstudy.knobs import knob
from vlstudy.losses.label_smoothing import MODES
from vlstudy.methods.protocol import Batch, Method
from vlstudy.methods.towers import ImageTower, backbone_of


class AlignedTower(nn.Module):
    """The image tower, the soft targets of its classes, and the Beta moving average of what is trained, in fp32."""

    targets: Tensor

    def __init__(self, tower: ImageTower, targets: Float[Tensor, "c c"], beta: float) -> None:
        super().__init__()
        self.tower = tower
        self.register_buffer("targets", targets, persistent=False)
        trained = {name: value for name, value in tower.named_parameters() if value.requires_grad}
        self.names = tuple(trained) if beta else ()
        for name, value in averaging.started({name: trained[name] for name in self.names}).items():
            self.register_buffer(_slot(name), value)

    def average(self) -> dict[str, Tensor]:
        """Name of a trained parameter of the tower -> its average; {} without one."""
        return {name: self.get_buffer(_slot(name)) for name in self.names}


@dataclass(frozen=True, kw_only=True)
class AlignClip(Method):
    """Fine-tunes the image tower with attention alignment, semantic label smoothing and a margin.

        L = L_sls(logit_scale (f T^T - margin T[y] T^T), y) + weight (L_att + L_sim)

    f is the class token's feature, T the frozen class texts, W = softmax(sigma T T^T) the smoothing. L_att draws the
    class token's attention in the first `layers` blocks to where a second path of the tower sees the label; L_sim makes
    all tokens see the classes where that path does. The second path exists in training only: inference is plain CLIP,
    by default with the Beta moving average of the weights.

    Not the method of the same name that pre-trains with shared weights (arXiv 2406.17639).

    Differs from the paper: see `choices`.
    Source: AlignCLIP (Machine Learning 114:58, 2025, doi 10.1007/s10994-025-06742-z), losses as in the released code.
    """

    summary: ClassVar[str] = "fine-tunes the image tower with attention alignment and semantic label smoothing"
    source: ClassVar[str] = (
        "AlignCLIP, doi 10.1007/s10994-025-06742-z (the body of the paper could not be read; its released losses could)"
    )
    baseline: ClassVar[bool] = False
    towers: ClassVar[bool] = True
    pixels: ClassVar[bool] = True
    carries: ClassVar[bool] = True
    attends: ClassVar[tuple[str, ...]] = ("layers", "branch_blocks")
    terms: ClassVar[tuple[str, ...]] = ("classification", "attention", "similarity")
    choices: ClassVar[tuple[str, ...]] = (
        "AlignCLIP: the file that builds its network was never published; the second path is our reconstruction after "
        "CLIP Surgery, its diagonal is the identity, and `branch_blocks` says how many of the last blocks have it.",
        "AlignCLIP: the target of the attention is detached (our choice; nothing is detached in the released losses), "
        "and `kappa` sharpens it: at the released 1 it is nearly uniform, which `target: uniform` is the control for.",
        "AlignCLIP: `sls: released` does not sum to 1 and is not switched off by eps = 1; `convex` and `redistribute` "
        "are ours and sum to 1. `sim_align: label` is what the released code probably meant, `all` what it does.",
        "AlignCLIP: `train.batch` counts the images of all domains together, the released code those of each domain; "
        "weight decay and warm-up are the study's (0.01 and 1 epoch by default), the released ones 0.1 and none.",
        "AlignCLIP: the released weight of the alignment was 1 until November 2023 and 10 since; which one made which "
        "published table is not known.",
    )

    trains: str = knob("all", "what is trained of the image tower", choices=("heads", "last_n_blocks", "lora", "all"))
    last: int = knob(2, "how many blocks `last_n_blocks` means", low=1, high=64)
    weight: float = knob(10.0, "lambda, of both alignment losses; 0 is without them", low=0.0, high=1000.0)
    target: str = knob(
        "branch", "what attention is drawn to; uniform is the control", choices=("branch", "uniform", "off")
    )
    branch: str = knob("dv", "attention of the second path; dv is the paper's", choices=vit.BRANCHES)
    branch_blocks: int = knob(
        0, "last blocks that have the second path; 0: CLIP Surgery's half of them (our choice)", low=0, high=64
    )
    layers: int = knob(
        0, "first blocks whose attention is aligned; 0: the paper's 5 of 12, in proportion (our choice)", low=0, high=64
    )
    kappa: float = knob(1.0, "temperature of the target; the released 1 is nearly uniform", low=1e-3, high=10.0)
    detach_target: bool = knob(True, "no gradient through the target (our choice)")
    sim_align: str = knob(
        "all", "similarity part: all classes (released), the label's (our choice)", choices=("all", "label", "off")
    )
    sls: str = knob("convex", "how labels are softened; released to reproduce", choices=MODES)
    sigma: float = knob(35.0, "sharpness of the smoothing matrix", low=0.0, high=1000.0)
    eps: float = knob(0.9, "weight of the true class", low=0.0, high=1.0)
    margin: float = knob(0.3, "alpha of the margin metric softmax; 0 is plain softmax", low=0.0, high=10.0)
    beta: float = knob(0.5, "of the Beta moving average; 0.1 for open classes, 0: no average", low=0.0, high=10.0)
    averaged: int | tuple[int, ...] = knob(1, "1: the averaged weights, 0: the last ones", low=0, high=1, axis=True)

    def build(self, dev: DevSplits) -> nn.Module:
        """The backbone's image tower as it is, the targets, and the average, which starts as the tower's weights.

        Raises:
            BackboneError: for a tower without attention that can be read, or fewer blocks than `layers`.
        """
        tower = ImageTower(backbone_of(dev))
        self._blocks(vit.depth(tower.visual))
        choose(tower.visual, self.trains, last=self.last)
        smoothing = losses.smoothing_matrix(dev.text_features, self.sigma)
        return AlignedTower(tower, losses.label_targets(smoothing, self.eps, self.sls), self.beta)

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """Classification and the two alignment losses; without their weight the second path is not run."""
        assert isinstance(model, AlignedTower) and batch.pictures is not None
        if not self.weight or (self.target == "off" and self.sim_align == "off"):
            features = model.tower(batch.pictures)
            nothing = 0 * features.sum()
            classification = self._classify(model, features, batch)
            return {"classification": classification, "attention": nothing, "similarity": nothing}
        paths = self._paths(model.tower, batch)
        features = paths.tokens[:, 0]
        return {
            "classification": self._classify(model, features, batch),
            "attention": self._attention(paths, batch),
            "similarity": self._similarity(paths, batch),
        }

    def scales(self) -> Mapping[str, float]:
        """`weight` for both alignment losses."""
        return {"attention": self.weight, "similarity": self.weight}

    def after_step(self, model: nn.Module, step: int, total: int) -> None:
        """Takes the weights into their average."""
        assert isinstance(model, AlignedTower)
        if model.names:
            trained = dict(model.tower.named_parameters())
            averaging.average_in(model.average(), trained, step + 1, total, self.beta)

    def points(self) -> tuple[dict[str, float], ...]:
        """The last weights before the averaged ones; without an average (beta 0) there are the last ones only."""
        wanted = (self.averaged,) if isinstance(self.averaged, int) else tuple(sorted(set(self.averaged)))
        wanted = wanted if self.beta else (0,)
        return tuple({"averaged": float(value)} for value in wanted)

    def logits(self, model: nn.Module, images: FeatureSet, classes: Classes) -> Float[Tensor, "k n c"]:
        """Scaled cosines, without margin, smoothing or second path, as in CLIP."""
        assert isinstance(model, AlignedTower)
        weights = [model.average() if point["averaged"] else {} for point in self.points()]
        cosines = [model.tower.encode(images, one) @ classes.text_features.T for one in weights]
        return classes.logit_scale * torch.stack(cosines)

    def image_features(self, model: nn.Module, images: FeatureSet) -> Float[Tensor, "n d"]:
        """Features of the tower with the averaged weights, if there are any."""
        return self.image_tower(model).encode(images)

    def view_features(self, model: nn.Module, images: FeatureSet) -> Float[Tensor, "n v d"]:
        """Features of random crops, likewise."""
        return self.image_tower(model).encode_views(images)

    def image_tower(self, model: nn.Module) -> ImageTower:
        """The tower with the weights that are measured last: a copy with the averaged ones, or itself."""
        assert isinstance(model, AlignedTower)
        return model.tower.with_weights(model.average() if self.points()[-1]["averaged"] else {})

    def evidence(self, model: nn.Module, dev: DevSplits) -> dict[str, np.ndarray]:
        """The smoothing matrix, if labels are smoothed by it."""
        if self.sls in ("off", "uniform"):
            return {}
        matrix = losses.smoothing_matrix(dev.text_features, self.sigma)
        return {"smoothing": matrix.cpu().numpy(), "classnames": np.array(dev.classes.names)}

    def _blocks(self, depth: int) -> tuple[int, int]:
        """`layers` and `branch_blocks` for a tower of `depth` blocks."""
        wanted = {"layers": self.layers or round(5 / 12 * depth), "branch_blocks": self.branch_blocks or depth // 2}
        for name, count in wanted.items():
            if count > depth:
                raise BackboneError(f"method.{name}: got {count}, the image tower has {depth} blocks; set it lower.")
        return wanted["layers"], wanted["branch_blocks"]

    def _paths(self, tower: ImageTower, batch: Batch) -> vit.Paths:
        assert batch.pictures is not None
        second = self.branch if self.target == "branch" or self.sim_align != "off" else None
        layers, branch_blocks = self._blocks(vit.depth(tower.visual))
        prepared = tower.prepare(batch.pictures)
        return vit.dual_path(
            tower.visual,
            prepared,
            branch=second,
            branch_blocks=branch_blocks,
            layers=layers if self.target != "off" else 0,
        )

    def _classify(self, model: AlignedTower, features: Float[Tensor, "b d"], batch: Batch) -> Float[Tensor, ""]:
        classes = batch.classes
        scores = losses.margin_logits(
            features, classes.text_features, batch.labels, logit_scale=classes.logit_scale, alpha=self.margin
        )
        return losses.soft_cross_entropy(scores, model.targets[batch.labels])

    def _attention(self, paths: vit.Paths, batch: Batch) -> Float[Tensor, ""]:
        if self.target == "off":
            return 0 * paths.tokens.sum()
        attention = losses.class_attention(paths.attention)
        if self.target == "uniform":
            return losses.attention_loss(losses.uniform_target(attention), attention)
        assert paths.branch is not None
        texts = batch.classes.text_features
        target = losses.attention_target(paths.branch, texts, batch.labels, kappa=self.kappa, detach=self.detach_target)
        return losses.attention_loss(target, attention)

    def _similarity(self, paths: vit.Paths, batch: Batch) -> Float[Tensor, ""]:
        if self.sim_align == "off":
            return 0 * paths.tokens.sum()
        assert paths.branch is not None
        labels = batch.labels if self.sim_align == "label" else None
        return losses.similarity_loss(paths.tokens, paths.branch, batch.classes.text_features, labels)


def _slot(name: str) -> str:
    return "average_" + name.replace(".", "/")
