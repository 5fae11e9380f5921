"""Which models of open_clip have the shapes of some weights."""

from collections.abc import Mapping
from typing import Any

import open_clip
from torch import Tensor

Shapes = tuple[int | tuple[int, ...], ...]


def models_like(weights: Mapping[str, Tensor]) -> list[str]:
    """Names of open_clip's own towers, the shortest first; none where they are of another library.

    Shapes do not tell an activation: what fits `ViT-B-32` fits `ViT-B-32-quickgelu`.
    """
    try:
        wanted = _shapes_of({name.removeprefix("text."): value.shape for name, value in weights.items()})
    except (KeyError, IndexError):  # names or tables of another kind of tower
        return []
    found = [name for name in open_clip.list_models() if _configured(open_clip.get_model_config(name)) == wanted]
    return sorted(found, key=lambda name: (len(name), name))


def _shapes_of(shapes: Mapping[str, Any]) -> Shapes:
    """Image tower: width of the first layer, blocks, patch, places; text tower: words, width, blocks, places; joint."""
    stem = shapes["visual.conv1.weight"]
    if "visual.proj" in shapes:
        stacks, places = ["visual.transformer.resblocks"], "visual.positional_embedding"
    else:
        stacks, places = [f"visual.layer{stage}" for stage in range(1, 5)], "visual.attnpool.positional_embedding"
    blocks = tuple(_count(shapes, stack) for stack in stacks)
    words, width = shapes["token_embedding.weight"]
    text = (words, width, _count(shapes, "transformer.resblocks"), shapes["positional_embedding"][0])
    return (stem[0], blocks, stem[-1], shapes[places][0], *text, shapes["text_projection"][1])


def _count(shapes: Mapping[str, Any], prefix: str) -> int:
    """How many numbered blocks there are."""
    return len({name.removeprefix(prefix).split(".")[1] for name in shapes if name.startswith(f"{prefix}.")})


def _configured(config: dict[str, Any]) -> Shapes | None:
    """The same from a model's configuration, with open_clip's defaults; none where a tower is another library's."""
    vision, text = config["vision_cfg"], config["text_cfg"]
    if "timm_model_name" in vision or "hf_model_name" in text:
        return None
    layers, side = vision.get("layers", 12), vision.get("image_size", 224)
    if isinstance(layers, list):
        image: Shapes = (vision.get("width", 64) // 2, tuple(layers), 3, (side // 32) ** 2 + 1)
    else:
        patch = vision.get("patch_size", 16)
        image = (vision.get("width", 768), (layers,), patch, (side // patch) ** 2 + 1)
    words, width, depth = text.get("vocab_size", 49408), text.get("width", 512), text.get("layers", 12)
    return (*image, words, width, depth, text.get("context_length", 77), config["embed_dim"])
