"""Low-rank updates of the attention of a tower that is ours."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vlstudy.errors import BackboneError

PARTS = ("q", "k", "v")


class LoraAttention(nn.Module):
    """Self-attention whose projections of queries, keys and values have low-rank updates.

        W + scale B A,   scale = alpha / sqrt(rank)

    It has the attributes, the call and the state-dict keys of the `nn.MultiheadAttention` that it takes the place of,
    so that whoever reads attention reads this one too. Its attribute `in_proj_weight` includes the update, without
    dropout; the entry of that name in the state dict is the frozen W. A is Kaiming-uniform and B zero at the start.

    Source: LoRA (arXiv 2106.09685); scale and placement as in CLIP-LoRA (arXiv 2405.18541).
    """

    lora_a: Tensor
    lora_b: Tensor

    def __init__(
        self, plain: nn.MultiheadAttention, rank: int, alpha: float, dropout: float, on: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.embed_dim, self.num_heads, self.batch_first = plain.embed_dim, plain.num_heads, plain.batch_first
        self.scale, self.dropout, self._on = alpha / math.sqrt(rank), dropout, tuple(part in on for part in PARTS)
        assert plain.in_proj_weight is not None and plain.in_proj_bias is not None
        # past `register_parameter`, which takes the property of this name for another attribute
        self._parameters["in_proj_weight"] = nn.Parameter(plain.in_proj_weight.detach(), requires_grad=False)
        self.in_proj_bias = nn.Parameter(plain.in_proj_bias.detach(), requires_grad=False)
        self.out_proj = plain.out_proj
        count = sum(self._on)
        self.lora_a = nn.Parameter(self._frozen.new_empty(count, rank, self.embed_dim))
        self.lora_b = nn.Parameter(self._frozen.new_zeros(count, self.embed_dim, rank))
        for part in self.lora_a:
            nn.init.kaiming_uniform_(part, a=math.sqrt(5))

    @property
    def in_proj_weight(self) -> Float[Tensor, "3d d"]:
        """The three projections with their updates."""
        updates = iter(self.scale * self.lora_b @ self.lora_a)
        parts = [
            plain + next(updates) if updated else plain
            for plain, updated in zip(self._frozen.chunk(3), self._on, strict=True)
        ]
        return torch.cat(parts)

    @property
    def _frozen(self) -> Float[Tensor, "3d d"]:
        found = self._parameters["in_proj_weight"]
        assert found is not None
        return found

    def forward(
        self,
        query: Float[Tensor, "b n d"],
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
    ) -> tuple[Tensor, Tensor | None]:
        """As `nn.MultiheadAttention`, for self-attention without a padding mask."""
        assert key is query and value is query and key_padding_mask is None
        x = query if self.batch_first else query.transpose(0, 1)
        if attn_mask is not None and attn_mask.dim() == 3:  # one a head, as CoCa's text tower has
            attn_mask = attn_mask.reshape(-1, self.num_heads, *attn_mask.shape[1:])
        q, k, v = (self._heads(part) for part in self._projected(x))
        if need_weights:
            scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
            weights = (scores if attn_mask is None else scores + attn_mask).softmax(dim=-1)
            mixed, shown = weights @ v, weights.mean(dim=1) if average_attn_weights else weights
        else:
            mixed, shown = functional.scaled_dot_product_attention(q, k, v, attn_mask=attn_mask), None
        out = self.out_proj(mixed.transpose(1, 2).flatten(-2))
        return (out if self.batch_first else out.transpose(0, 1)), shown

    def merged(self) -> nn.MultiheadAttention:
        """Plain attention with the updates in its weights."""
        plain = nn.MultiheadAttention(self.embed_dim, self.num_heads, batch_first=self.batch_first)
        plain.to(device=self._frozen.device, dtype=self._frozen.dtype)
        with torch.no_grad():
            plain.in_proj_weight.copy_(self.in_proj_weight)
            plain.in_proj_bias.copy_(self.in_proj_bias)
        plain.out_proj = self.out_proj
        return plain.train(self.training)

    def _projected(self, x: Float[Tensor, "b n d"]) -> tuple[Tensor, ...]:
        """Queries, keys and values; dropout is on what enters the low-rank path, in training."""
        if not (self.training and self.dropout):
            return functional.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        plain = functional.linear(x, self._frozen, self.in_proj_bias).chunk(3, dim=-1)
        factors = iter(zip(self.lora_a, self.lora_b, strict=True))
        return tuple(
            part + self._update(x, *next(factors)) if on else part for part, on in zip(plain, self._on, strict=True)
        )

    def _update(
        self, x: Float[Tensor, "b n d"], a: Float[Tensor, "r d"], b: Float[Tensor, "d r"]
    ) -> Float[Tensor, "b n d"]:
        updated: Tensor = self.scale * functional.dropout(x, self.dropout) @ a.T @ b.T
        return updated

    def _heads(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b h n e"]:
        return x.reshape(*x.shape[:2], self.num_heads, -1).transpose(1, 2)


def add_lora(
    tower: nn.Module, *, rank: int = 2, alpha: float = 1.0, dropout: float = 0.25, on: tuple[str, ...] = PARTS
) -> list[LoraAttention]:
    """The attention layers of a tower, each with an update in place of the plain one; nothing else is trained then.

    Meant are the blocks that encode; attention that pools, and CoCa's decoder, stay as they are.

    Args:
        tower: changed in place, so it must be ours.
        rank: of the updates.
        alpha: an update counts alpha / sqrt(rank).
        dropout: of what enters the low-rank path, in training.
        on: which of `q`, `k` and `v` get one.

    Raises:
        BackboneError: for a tower without such attention: a ResNet, or one of timm or transformers.
    """
    tower.requires_grad_(False)
    blocks = [block for name, block in tower.named_modules() if _encodes(name, block)]
    if not blocks:
        raise BackboneError(
            f"LoRA needs blocks with torch's attention; `{type(tower).__name__}` has none. Take a ViT of open_clip, or "
            "`heads` or `all` where the method has `trains`."
        )
    for block in blocks:
        block.attn = LoraAttention(block.attn, rank, alpha, dropout, on)
    return [module for module in tower.modules() if isinstance(module, LoraAttention)]


def _encodes(name: str, block: nn.Module) -> bool:
    """Whether it is a block as open_clip's encoders have them."""
    has_attention = isinstance(getattr(block, "attn", None), nn.MultiheadAttention)
    return has_attention and hasattr(block, "ln_1") and not name.startswith("text_decoder")


def merge(tower: nn.Module) -> None:
    """Puts plain attention with the updates in its weights in place of every updated one."""
    for module in list(tower.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, LoraAttention):
                setattr(module, name, child.merged())
