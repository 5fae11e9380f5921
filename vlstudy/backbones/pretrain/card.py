"""The card of the miniature CLIP: what it leaves each of the four ideas to do, in measured numbers."""

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vlstudy.backbones.pretrain.probe import linear_probe
from vlstudy.backbones.pretrain.warm import patch_cover
from vlstudy.backbones.towers import Backbone
from vlstudy.data.miniature import CLASSNAMES, DOMAINS, TEMPLATES, Scenes, caption_pool, few_shot_pool

CARD = Path(__file__).parents[1] / "miniature_card.json"
GALLERY = 1000  # pictures, each with five captions
SHOTS, TEST_PER_CLASS = 16, 20

# Rows of the table: key, what it says, and the range in which the ideas have something to do (None: an open side).
_ROWS: tuple[tuple[str, str, float | None, float | None], ...] = (
    ("zero_shot_top1", "zero-shot top-1, 48 classes", 0.40, 0.75),
    ("linear_probe_top1", f"linear probe top-1, {SHOTS} shots", None, None),
    ("linear_probe_gain", "linear probe above zero-shot", 0.08, None),
    ("centroid_gap", "centroid gap", 0.4, None),
    ("image_to_text_r1", f"image-to-text R@1, gallery of {GALLERY}, any of five captions", 0.15, 0.75),
    ("image_to_text_r1_one_caption", f"image-to-text R@1, gallery of {GALLERY}, one caption each", None, None),
    ("text_to_image_r1", f"text-to-image R@1, gallery of {GALLERY}", None, None),
    ("attention_on_background", "class-token attention on the background, last block", 0.1, None),
    ("background_area", "area of the background", None, None),
    ("sketch_drop", "zero-shot lost on sketch", 0.10, None),
    ("negative_drop", "zero-shot lost on negative", 0.10, None),
    ("noise_drop", "zero-shot lost on noise", 0.10, None),
    ("swapped_background_drop", "zero-shot lost on swapped_background", 0.10, None),
)
_NOT_A_SHARE = ("centroid_gap",)


def measure(backbone: Backbone, seconds: Mapping[str, float], test_per_class: int = TEST_PER_CLASS) -> dict[str, Any]:
    """All numbers of the card, as fractions; `seconds` says how long the training took."""
    texts = backbone.class_text_features(CLASSNAMES, TEMPLATES)
    tests = {domain: few_shot_pool("test", test_per_class, domain) for domain in DOMAINS}
    top1 = {domain: zero_shot(backbone, scenes, texts) for domain, scenes in tests.items()}
    probe = linear_probe(backbone, tests["plain"], SHOTS)
    attention, area = background_attention(backbone, tests["plain"])
    return {
        "zero_shot_top1": top1["plain"],
        "linear_probe_top1": probe,
        "linear_probe_gain": probe - top1["plain"],
        **pair_numbers(backbone, caption_pool("test", GALLERY)),
        "attention_on_background": attention,
        "background_area": area,
        **{f"{domain}_drop": top1["plain"] - top1[domain] for domain in DOMAINS if domain != "plain"},
        "logit_scale": backbone.logit_scale,
        "parameters": sum(parameter.numel() for parameter in backbone.model.parameters()),
        "seconds": dict(seconds),
        "machine": f"2 cores ({platform.machine()}) shared with other work, torch {torch.__version__}",
    }


def zero_shot(backbone: Backbone, scenes: Scenes, texts: Float[Tensor, "c d"]) -> float:
    """Share of the scenes that lie nearest to the text of their own class."""
    nearest = (backbone.encode_images(scenes.pixels) @ texts.T).argmax(dim=1)
    return _share(nearest == torch.from_numpy(scenes.labels))


def pair_numbers(backbone: Backbone, scenes: Scenes) -> dict[str, float]:
    """Gap and retrieval of pictures and captions.

    R@1 as on Flickr8k: a picture finds any of its own five among all captions, a caption finds its own picture. Beside
    it, the harder question with one caption a picture, where a vague caption cannot be made up for by another.

    Source: arXiv 1412.2306, section 4.2 (five sentences an image, recall of the closest right one).
    """
    images = backbone.encode_images(scenes.pixels)
    texts = backbone.encode_texts([text for captions in scenes.captions for text in captions])
    each, own = len(scenes.captions[0]), torch.arange(len(images))
    cosines = images @ texts.T
    return {
        "centroid_gap": (images.mean(dim=0) - texts.mean(dim=0)).norm().item(),
        "image_to_text_r1": _share(cosines.argmax(dim=1) // each == own),
        "text_to_image_r1": _share(cosines.argmax(dim=0) == own.repeat_interleave(each)),
        "image_to_text_r1_one_caption": _share(cosines[:, ::each].argmax(dim=1) == own),
    }


def _share(right: Bool[Tensor, " n"]) -> float:
    return right.float().mean().item()


def background_attention(backbone: Backbone, scenes: Scenes) -> tuple[float, float]:
    """Share of the class token's attention to patches that falls on the background, and the background's own share.

    Last block, mean over heads. A patch counts by how much of it the object leaves free.
    """
    block, seen = backbone.model.visual.transformer.resblocks[-1], []
    hook = block.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    try:
        backbone.encode_images(scenes.pixels)
    finally:
        hook.remove()
    with torch.inference_mode():
        inputs = [block.ln_1(tokens) for tokens in seen]
        maps = torch.cat([block.attn(x[:, :1], x, x, need_weights=True)[1][:, 0, 1:] for x in inputs]).cpu()
    free = 1 - patch_cover(torch.from_numpy(scenes.masks), backbone.image_size // round(maps.shape[1] ** 0.5))
    return ((maps * free).sum() / maps.sum()).item(), free.mean().item()


def table(measured: Mapping[str, Any]) -> str:
    """The card in Markdown, with the range that each number should lie in."""
    lines = ["| measured | value | wanted | met |", "|---|---|---|---|"]
    for key, what, low, high in _ROWS:
        value = measured[key]
        met = "" if low is None else "yes" if low <= value <= (high or value) else "no"
        lines.append(f"| {what} | {_shown(key, value)} | {_range(key, low, high)} | {met} |")
    seconds = measured["seconds"]
    lines.append(f"| training, wall seconds | {seconds['wall']:.0f} | under 3600 | {_yes(seconds['wall'] < 3600)} |")
    lines.append(f"| training, CPU seconds | {seconds['cpu']:.0f} | | |")
    return "\n".join(lines)


def _yes(met: bool) -> str:
    return "yes" if met else "no"


def _shown(key: str, value: float) -> str:
    return f"{value:.2f}" if key in _NOT_A_SHARE else f"{100 * value:.1f} %"


def _range(key: str, low: float | None, high: float | None) -> str:
    if low is None:
        return ""
    return f"at least {_shown(key, low)}" if high is None else f"{_shown(key, low)} to {_shown(key, high)}"


def write(measured: Mapping[str, Any]) -> None:
    """Keep the card beside the weights, so that the README can be checked against it."""
    CARD.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")


def read() -> dict[str, Any]:
    """The card that was written with the shipped weights."""
    found: dict[str, Any] = json.loads(CARD.read_text(encoding="utf-8"))
    return found
