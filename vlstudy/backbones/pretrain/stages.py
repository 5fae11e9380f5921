"""The recipe: what the weights depend on, and the two stages that make them.

Two stages, because two cores see some 200 pictures a second, and a ViT that starts from nothing needs millions of
pairs before it sees an outline. First the image tower learns, from what the renderer knows, where the object is and
what it looks like. Then both towers learn from pairs of pictures and captions, as CLIP does, while the image tower goes
on answering the first stage's questions. A warm image tower under a contrastive objective is the idea of LiT; unlike
there, our tower stays unlocked.

Source: arXiv 2103.00020 (CLIP: symmetric loss, scale clamped at 100); arXiv 2111.07991 (LiT: warm image tower).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import cos, log, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from vlstudy.backbones.miniature import configuration, prepared, untrained, word_tokenizer
from vlstudy.backbones.pretrain import card
from vlstudy.backbones.pretrain.warm import WarmHeads
from vlstudy.backbones.towers import wrapped
from vlstudy.backbones.weights import CHECKSUM, WEIGHTS, file_digest
from vlstudy.data.miniature import CLASSNAMES, TEMPLATES, few_shot_pool
from vlstudy.data.miniature.captions import CAPTIONS, caption
from vlstudy.data.miniature.classes import HOME_SHARE
from vlstudy.data.miniature.latents import Latents, draw_latents
from vlstudy.data.miniature.scenes import render


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that the weights depend on, beside the world and the configuration."""

    seed: int = 0
    threads: int = 2
    warm_steps: int = 1500
    warm_batch: int = 64
    warm_lr: float = 2e-3
    mask_weight: float = 4.0  # where the object is must be learnt before what it is
    pair_steps: int = 500  # after 800 the texts have caught up: zero-shot 60.5 %, a probe gains 11.6 points, not 19
    pair_batch: int = 64
    pair_lr: float = 1.5e-3
    asked_weight: float = 1.0  # of the warm questions in the second stage
    look_steps: int = 125
    ramp_steps: int = 100
    weight_decay: float = 0.02
    # A CLIP that is trained at a scale of 20 or less has no modality gap to study; OpenAI's ends at its clamp of 100.
    least_scale: float = 50.0
    most_scale: float = 100.0


def _batches(stream: str, steps: int, batch: int, home_share: float) -> Iterator[tuple[int, Latents]]:
    for step in range(steps):
        indices = np.arange(step * batch, (step + 1) * batch)
        yield step, draw_latents(stream, indices, home_share=home_share)


class _Descent:
    """AdamW with CLIP's second beta; it decays matrices only, ramps up and follows half a cosine down to zero."""

    def __init__(self, module: nn.Module, lr: float, recipe: Recipe, steps: int) -> None:
        self._lr, self._ramp, self._steps = lr, recipe.ramp_steps, steps
        matrices = [p for p in module.parameters() if p.ndim >= 2]
        others = [p for p in module.parameters() if p.ndim < 2]
        groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self._optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98))

    def step(self, step: int, loss: Tensor) -> None:
        share = min(1.0, (step + 1) / self._ramp) * 0.5 * (1 + cos(pi * step / self._steps))
        for group in self._optimiser.param_groups:
            group["lr"] = self._lr * share
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([p for group in self._optimiser.param_groups for p in group["params"]], 1.0)
        self._optimiser.step()


def warm_stage(model: Any, recipe: Recipe) -> None:
    """The image tower learns from the renderer's own knowledge, in scenes whose place says nothing of the shape."""
    heads = WarmHeads(configuration()["vision_cfg"], configuration()["embed_dim"])
    descent = _Descent(nn.ModuleList([model.visual, heads]), recipe.warm_lr, recipe, recipe.warm_steps)
    for step, latents in _batches("pretrain warm", recipe.warm_steps, recipe.warm_batch, home_share=0.0):
        pixels, masks = render(latents)
        loss, right = heads(*model.visual(prepared(pixels)), latents, masks, recipe.mask_weight)
        descent.step(step, loss)
        _report("warm", step, loss, " ".join(f"{share:.2f}" for share in right))


def pair_stage(model: Any, recipe: Recipe) -> None:
    """Both towers learn from pictures with one caption each, by CLIP's symmetric contrastive loss.

    The image tower goes on answering the warm questions, so that it comes to know more than captions say: that is what
    few-shot methods live on. Places now go with shapes, so it also comes to look at them.
    """
    torch.manual_seed(recipe.seed + 1)
    heads = WarmHeads(configuration()["vision_cfg"], configuration()["embed_dim"])
    tokenizer, target = word_tokenizer(), torch.arange(recipe.pair_batch)
    descent = _Descent(nn.ModuleList([model, heads]), recipe.pair_lr, recipe, recipe.pair_steps)
    for step, latents in _batches("pretrain pairs", recipe.pair_steps, recipe.pair_batch, HOME_SHARE):
        pixels, masks = render(latents)
        pooled, tokens = model.visual(prepared(pixels))
        spoken = tokenizer(caption(latents, latents.chance.integer("caption", CAPTIONS)))
        scale, text_features = model.logit_scale.exp(), model.encode_text(spoken, normalize=True)
        logits = scale * F.normalize(pooled, dim=-1) @ text_features.T
        contrast = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
        asked, right = heads(pooled, tokens, latents, masks, recipe.mask_weight)
        descent.step(step, contrast + recipe.asked_weight * asked)
        with torch.no_grad():
            model.logit_scale.clamp_(log(recipe.least_scale), log(recipe.most_scale))
        _report("pairs", step, contrast, f"scale {scale.item():.1f}, " + " ".join(f"{share:.2f}" for share in right))
        if (step + 1) % recipe.look_steps == 0:
            _look(model)


def _look(model: Any) -> None:
    """Print zero-shot accuracy on validation scenes, so that a training that goes astray can be stopped."""
    model.visual.output_tokens = False
    backbone = wrapped(model, "")
    scenes = few_shot_pool("val", 5)
    texts = backbone.class_text_features(CLASSNAMES, TEMPLATES)
    print(f"zero-shot, val: {card.zero_shot(backbone, scenes, texts):.3f}", card.pair_numbers(backbone, scenes))
    model.visual.output_tokens = True


def _report(stage: str, step: int, loss: Tensor, more: str) -> None:
    if (step + 1) % 100 == 0:
        print(f"{stage} {step + 1}: loss {loss.item():.3f}, {more}, {time.process_time():.0f} CPU seconds", flush=True)


def train(recipe: Recipe, warm_file: Path | None = None) -> tuple[nn.Module, dict[str, float]]:
    """The trained towers, and the seconds that both stages took.

    Args:
        recipe: what to do.
        warm_file: where the first stage is read from, with its seconds, or left for the next time.
    """
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    model: Any = untrained(recipe.least_scale).train()
    model.visual.output_tokens = True
    if warm_file is not None and warm_file.is_file():
        kept = torch.load(warm_file, weights_only=True)
        model.load_state_dict(kept["towers"])
        warm_seconds: dict[str, float] = kept["seconds"]
    else:
        warm_seconds = _timed(warm_stage, model, recipe)
        if warm_file is not None:
            torch.save({"towers": model.state_dict(), "seconds": warm_seconds}, warm_file)
    pair_seconds = _timed(pair_stage, model, recipe)
    model.visual.output_tokens = False
    return model, {clock: warm_seconds[clock] + pair_seconds[clock] for clock in ("wall", "cpu")}


def _timed(stage: Callable[[Any, Recipe], None], model: Any, recipe: Recipe) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    stage(model, recipe)
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def write(model: nn.Module, weights: Path = WEIGHTS, checksum: Path = CHECKSUM) -> None:
    """The weights as float16 safetensors, which halves them, with their checksum beside them."""
    save_file({name: values.half().contiguous() for name, values in model.state_dict().items()}, weights)
    checksum.write_text(f"{file_digest(weights)}  {weights.name}\n", encoding="ascii")
