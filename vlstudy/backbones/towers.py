"""Loaded CLIP towers, and how they turn pictures and texts into unit features."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from vlstudy.backbones import miniature
from vlstudy.backbones.published import towers_and_tokenizer
from vlstudy.backbones.weights import MINIATURE, file_digest, recorded_checksum
from vlstudy.errors import BackboneError

Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A CLIP with all that is needed to encode with it.

    Attributes:
        name: as the study file writes it, such as `miniature` or `ViT-B-16/openai`.
        model: the open_clip module, with `encode_image`, `encode_text`, `visual` and `logit_scale`.
        tokenizer: texts to rows of numbers.
        image_size: side of the pictures that the image tower takes, in pixels.
        mean: of each channel, on [0, 1], taken from a picture before it is encoded.
        std: of each channel, by which a picture is divided.
        weights_digest: sha256 in hex; it changes when the weights do.
    """

    name: str
    model: Any  # open_clip types its towers no better
    tokenizer: Callable[[list[str]], Int64[Tensor, "m context"]]
    image_size: int
    mean: Triple
    std: Triple
    weights_digest: str

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        found: torch.device = next(self.model.parameters()).device
        return found

    @property
    def logit_scale(self) -> float:
        """What cosines are multiplied by before a softmax; the inverse of the temperature."""
        return float(self.model.logit_scale.detach().exp())

    def prepare(self, pixels: UInt8[Tensor, "n h w 3"]) -> Float[Tensor, "n 3 s s"]:
        """Pictures as the image tower takes them: resized where they must be, cut to a square, normalised."""
        values = pixels.to(self.device).permute(0, 3, 1, 2).float() / 255
        mean, std = (torch.tensor(triple, device=self.device).view(3, 1, 1) for triple in (self.mean, self.std))
        return (_fitted(values, self.image_size) - mean) / std

    def encode_images(
        self, pixels: UInt8[np.ndarray, "n h w 3"] | UInt8[Tensor, "n h w 3"], batch: int = 256
    ) -> Float[Tensor, "n d"]:
        """Unit features of pictures, on the CPU, whatever the batch they are encoded in."""
        given = torch.from_numpy(pixels) if isinstance(pixels, np.ndarray) else pixels
        return self._encode(lambda part: self.model.encode_image(self.prepare(part)), given, batch)

    def encode_prepared(self, prepared: Float[Tensor, "n 3 s s"], batch: int = 256) -> Float[Tensor, "n d"]:
        """Unit features of what `prepare` gave, on the CPU."""
        return self._encode(lambda part: self.model.encode_image(part.to(self.device)), prepared, batch)

    def encode_tokens(self, tokens: Int64[Tensor, "m context"], batch: int = 1024) -> Float[Tensor, "m d"]:
        """Unit features of texts that are numbers already, on the CPU."""
        return self._encode(lambda part: self.model.encode_text(part.to(self.device)), tokens, batch)

    def encode_texts(self, texts: Sequence[str], batch: int = 1024) -> Float[Tensor, "m d"]:
        """Unit features of texts, on the CPU."""
        return self.encode_tokens(self._tokens(texts), batch)

    def class_text_features(self, classnames: Sequence[str], templates: Sequence[str]) -> Float[Tensor, "c d"]:
        """The unit text feature of each class: the mean over templates of unit features, of unit length again.

        Source: arXiv 2103.00020, section 3.1.4 (prompt ensembling in feature space).
        """
        every = [self.encode_texts([template.format(name) for name in classnames]) for template in templates]
        return F.normalize(torch.stack(every).mean(dim=0), dim=-1)

    def _tokens(self, texts: Sequence[str]) -> Int64[Tensor, "m context"]:
        return self.tokenizer(list(texts))

    def _encode(self, encode: Callable[[Tensor], Tensor], given: Tensor, batch: int) -> Float[Tensor, "n d"]:
        """Features of all rows, in parts; the training mode of the towers is left as it was found."""
        training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                parts = [F.normalize(encode(part).float(), dim=-1).cpu() for part in torch.split(given, batch)]
        finally:
            self.model.train(training)
        # Tensors born in inference mode can never enter a graph; a copy made outside of it can.
        return torch.cat(parts).clone()


def _fitted(values: Float[Tensor, "n 3 h w"], side: int) -> Float[Tensor, "n 3 s s"]:
    """Pictures with their short edge resized to `side` and the middle square cut out, as CLIP does."""
    height, width = values.shape[-2:]
    if (height, width) == (side, side):
        return values
    scale = side / min(height, width)
    size = (max(side, int(height * scale)), max(side, int(width * scale)))  # torchvision's Resize cuts down
    resized = F.interpolate(values, size=size, mode="bicubic", antialias=True).clamp(0, 1)
    top, left = round((size[0] - side) / 2), round((size[1] - side) / 2)  # torchvision's CenterCrop rounds
    return resized[..., top : top + side, left : left + side]


def load(model: str, pretrained: str | None = None, device: str = "cpu") -> Backbone:
    """A CLIP ready to encode, in evaluation mode.

    A tag brings its activation and its pixel statistics. A checkpoint on disk says neither: it gets the activation of
    the model's name, so OpenAI's weights are those of `ViT-B-16-quickgelu`, not of `ViT-B-16`, and OpenAI's statistics.
    One with others is loaded as `local-dir:FOLDER`, whose `open_clip_config.json` has them.

    Args:
        model: `miniature`, or a name that open_clip knows, such as `ViT-B-16`, `hf-hub:...` or `local-dir:...`.
        pretrained: a tag that open_clip knows for that model, the path of a checkpoint, or `random` for weights that
            nobody trained; none for the miniature.
        device: where to put it, as torch writes it.

    Raises:
        BackboneError: for a model, tag or checkpoint that cannot be loaded, or a broken checksum.
    """
    found = _miniature(pretrained) if model == MINIATURE else _published(model, pretrained)
    found.model.to(device).eval()
    return found


def _miniature(pretrained: str | None) -> Backbone:
    if pretrained is not None:
        raise BackboneError(f"backbone `miniature` has one set of weights; leave out pretrained: `{pretrained}`.")
    return wrapped(miniature.pretrained(), recorded_checksum())


def wrapped(model: nn.Module, weights_digest: str) -> Backbone:
    """The miniature's towers, whatever their weights, with the tokenizer and the pixel statistics that go with them."""
    statistics = miniature.configuration()["preprocess_cfg"]
    return Backbone(
        name=MINIATURE,
        model=model,
        tokenizer=miniature.word_tokenizer(),
        image_size=miniature.configuration()["vision_cfg"]["image_size"],
        mean=tuple(statistics["mean"]),
        std=tuple(statistics["std"]),
        weights_digest=weights_digest,
    )


def _published(model: str, pretrained: str | None) -> Backbone:
    """A model of open_clip, with the statistics of its tag."""
    towers, tokenizer = towers_and_tokenizer(model, pretrained)
    settings = open_clip.get_model_preprocess_cfg(towers)
    size = settings["size"]
    return Backbone(
        name=model if pretrained is None else f"{model}/{pretrained}",
        model=towers,
        tokenizer=tokenizer,
        image_size=size if isinstance(size, int) else size[0],
        mean=tuple(settings["mean"]),
        std=tuple(settings["std"]),
        weights_digest=_digest(towers, pretrained),
    )


def attention_blocks(model: str) -> int | None:
    """What `vlstudy.backbones.attention_blocks` gives, from the model's configuration alone."""
    try:
        config = miniature.configuration() if model == MINIATURE else open_clip.get_model_config(model)
    except (OSError, ValueError):  # a hub or a folder that cannot be read, which loading tells better
        config = None
    if config is None:
        return None
    vision = config["vision_cfg"]
    layers = vision.get("layers", 12)  # open_clip's default
    return 0 if isinstance(layers, list) or "timm_model_name" in vision else int(layers)


def _digest(towers: nn.Module, pretrained: str | None) -> str:
    """sha256 of the checkpoint's file, or of all parameters."""
    if pretrained is not None and Path(pretrained).is_file():
        return file_digest(Path(pretrained))
    sha = hashlib.sha256()
    for name, values in sorted(towers.state_dict().items()):
        sha.update(name.encode() + values.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()
