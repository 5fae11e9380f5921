"""CoOp: learnt vectors in place of the prompt's words."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vlstudy.backbones.prompts import PromptEncoder
from vlstudy.data.sets import Classes, DevSplits
from vlstudy.knobs import knob
from vlstudy.methods.protocol import Batch, Method
from vlstudy.methods.towers import backbone_of


@dataclass(frozen=True, kw_only=True)
class CoOp(Method):
    """logits = logit_scale * f Z(v)^T, Z the text features of `[v_1] .. [v_n] class name.`, trained by cross-entropy.

    Both towers are frozen; v are shared by all classes, so that new classes can be scored, too.

    Differs from the paper: AdamW and the study's learning-rate schedule instead of SGD with lr 0.002; images are the
    cached augmented views.
    Source: CoOp (arXiv 2109.01134), section 3.2, unified context, class name last.
    """

    summary: ClassVar[str] = "learnt context vectors before the class name; towers frozen"
    source: ClassVar[str] = "CoOp, arXiv 2109.01134"
    baseline: ClassVar[bool] = True
    towers: ClassVar[bool] = True
    carries: ClassVar[bool] = True
    terms: ClassVar[tuple[str, ...]] = ("cross_entropy",)
    choices: ClassVar[tuple[str, ...]] = (
        "CoOp is trained with AdamW and the study's learning-rate schedule on cached augmented views.",
    )

    context: int = knob(16, "context vectors; as many as the template has words if they start from it", low=1, high=64)
    start: str = knob(
        "random",
        "random: N(0, 0.02^2); template: the words of the first prompt before the class name",
        choices=("random", "template"),
    )

    def build(self, dev: DevSplits) -> nn.Module:
        """The text tower with the vectors at their start."""
        backbone = backbone_of(dev)
        backbone.model.visual = nn.Identity()  # only texts are encoded
        words, suffix = dev.templates[0].split("{}") if self.start == "template" else ("", ".")
        return PromptEncoder(backbone.model, backbone.tokenizer, count=self.context, words=words.strip(), suffix=suffix)

    def loss_terms(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy in nats."""
        scores = batch.classes.logit_scale * batch.image_features @ model(batch.classes.names).T
        return {"cross_entropy": functional.cross_entropy(scores, batch.labels)}

    def text_features(self, model: nn.Module, classes: Classes) -> Float[Tensor, "c d"]:
        """Features of the learnt prompts."""
        found: torch.Tensor = model(classes.names)
        return found
