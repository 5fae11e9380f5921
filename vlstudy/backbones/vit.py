"""What goes on inside a ViT of open_clip: its attention maps, and a second path through its last blocks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from vlstudy.errors import BackboneError, suggest

BRANCHES = ("dv", "vvv", "qq", "kk")
_BLOCK = {"ln_1", "attn", "ls_1", "ln_2", "mlp", "ls_2"}
_ATTENTION = ("in_proj_weight", "in_proj_bias", "out_proj", "num_heads")
_WAY_OUT = (
    "Take a ViT of open_clip whose feature is its class token, such as ViT-B-16 or the miniature, or a method that "
    "reads no attention, such as finetune."
)


@dataclass(frozen=True)
class Paths:
    """What both paths make of b images; n tokens, the class token first.

    Attributes:
        tokens: F, unit features of all tokens of the ordinary path; `tokens[:, 0]` is CLIP's image feature.
        branch: G, the same of the second path; none without one.
        attention: A, the ordinary path's attention of the first l blocks, mean over heads; each row sums to 1.
    """

    tokens: Float[Tensor, "b n d"]
    branch: Float[Tensor, "b n d"] | None
    attention: Float[Tensor, "l b n n"]


def depth(visual: Any) -> int:
    """The number of attention blocks of an image tower.

    Raises:
        BackboneError: for a tower that is not walked exactly: a ResNet, one of timm, another kind of block or pooling.
    """
    reason = _unreadable(visual)
    if reason is not None:
        raise BackboneError(f"image tower `{type(visual).__name__}`: {reason}. {_WAY_OUT}")
    return len(visual.transformer.resblocks)


def _unreadable(visual: Any) -> str | None:
    """Why the tower cannot be walked, if so."""
    blocks = getattr(getattr(visual, "transformer", None), "resblocks", None)
    if blocks is None or not hasattr(visual, "_embeds"):
        return "it has no blocks of attention that can be read"
    if getattr(visual, "attn_pool", None) is not None:
        return "it pools its tokens by attention, so that no token carries its feature"
    if visual.pool_type != "tok":
        return f"its feature is pooled as `{visual.pool_type}`, not its class token's"
    if visual.proj is None:
        return "its projection into the space of the texts was taken off"
    for number, block in enumerate(blocks):
        odd = {name for name, _ in block.named_children()} ^ _BLOCK
        if odd:
            return f"block {number}, `{type(block).__name__}`, is of another kind: {', '.join(sorted(odd))}"
        missing = [name for name in _ATTENTION if getattr(block.attn, name, None) is None]
        if missing or not getattr(block.attn, "batch_first", True):
            return f"the attention of block {number} has another layout: {', '.join(missing) or 'batch_first'}"
    return None


def attention_maps(
    visual: Any, images: Float[Tensor, "b 3 h w"], *, layers: int | None = None, heads: bool = False
) -> Float[Tensor, "l b n n"] | Float[Tensor, "l b h n n"]:
    """Attention of the first `layers` blocks, all by default: `[l, b, i, j]` is how much token i takes from token j.

    Args:
        visual: the image tower.
        images: as the tower takes them.
        layers: how many blocks, from the first; nothing behind them is computed.
        heads: whether each head is given, as [l b h n n], instead of their mean.

    Raises:
        BackboneError: for a tower that is not walked exactly, or more layers than it has.
    """
    count = depth(visual)
    layers = _checked("layers", count if layers is None else layers, 1, count)
    run = _runner(visual)
    x, maps = visual._embeds(images), []
    for block in visual.transformer.resblocks[:layers]:
        x, attention = run(_mapped, block, x, heads)
        maps.append(attention)
    return torch.stack(maps)


def dual_path(
    visual: Any, images: Float[Tensor, "b 3 h w"], *, branch: str | None, branch_blocks: int, layers: int
) -> Paths:
    """Features of all tokens through the ordinary path and through a second one, which has the same weights.

        ordinary:  X <- X + MHA(LN1(X));  X <- X + MLP(LN2(X))          in all blocks
        branch:    Y <- Y + W_o (M (LN1(X) W_v + b_v)) + b_o            in the last `branch_blocks`, Y starts as X

    X in the branch is that of the ordinary path at the block's entrance. M is the identity (`dv`), or per head
    softmax(V V^T / sqrt(h)) (`vvv`), and likewise of Q (`qq`) and K (`kk`). Both paths end in the tower's LayerNorm
    and projection. The ordinary one is CLIP's own: maps cost memory, so only blocks whose maps are asked for leave the
    fused kernel.

    Args:
        visual: the image tower.
        images: as the tower takes them.
        branch: which M, or none for the ordinary path alone.
        branch_blocks: how many of the last blocks have the branch; 6 of 12 in CLIP Surgery.
        layers: of how many blocks, from the first, attention is given; AlignCLIP takes 5.

    Differs from the paper: the file that builds its network was never published, so where the branch starts and M of
    `dv` (a diagonal matrix, here the identity) are our choice.
    Source: AlignCLIP (doi 10.1007/s10994-025-06742-z), as its authors' letter describes it; the structure of the
    branch is CLIP Surgery's (arXiv 2304.05653).

    Raises:
        BackboneError: for a tower that is not walked exactly, an unknown branch, or more blocks than it has.
    """
    count = depth(visual)
    if branch is not None and branch not in BRANCHES:
        raise BackboneError(f"unknown branch of the image tower `{branch}`. {suggest(branch, BRANCHES)}")
    start = count - _checked("branch_blocks", branch_blocks, 1, count) if branch else count
    _checked("layers", layers, 0, count)
    run = _runner(visual)
    x, y, maps = visual._embeds(images), None, []
    for number, block in enumerate(visual.transformer.resblocks):
        if number >= start:
            y = run(_branched, block, x, x if y is None else y, branch)
        if number < layers:
            x, attention = run(_mapped, block, x, False)
            maps.append(attention)
        else:
            x = run(block, x)
    attention = torch.stack(maps) if maps else x.new_empty(0, len(x), x.shape[1], x.shape[1])
    return Paths(_projected(visual, x), None if y is None else _projected(visual, y), attention)


def _checked(name: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise BackboneError(f"{name}: got {value}, the image tower has {most} blocks; set it to {least} .. {most}.")
    return value


def _runner(visual: Any) -> Callable[..., Any]:
    """How a block is run: as it is, or again in the backward pass to save memory, where the tower is told to."""
    return partial(checkpoint, use_reentrant=False) if visual.transformer.grad_checkpointing else _called


def _called(step: Callable[..., Any], *given: Any) -> Any:
    return step(*given)


def _mapped(block: Any, x: Float[Tensor, "b n w"], heads: bool) -> tuple[Tensor, Tensor]:
    """The block's output with its attention, by the layout of open_clip's ResidualAttentionBlock."""
    hidden = block.ln_1(x)
    update, attention = block.attn(hidden, hidden, hidden, need_weights=True, average_attn_weights=not heads)
    x = x + block.ls_1(update)
    return x + block.ls_2(block.mlp(block.ln_2(x))), attention


def _branched(block: Any, x: Float[Tensor, "b n w"], y: Float[Tensor, "b n w"], branch: str) -> Float[Tensor, "b n w"]:
    """The second path behind the block; it never passes an MLP, and changes nothing in place."""
    attn, hidden = block.attn, block.ln_1(x)
    weights, biases = attn.in_proj_weight.chunk(3), attn.in_proj_bias.chunk(3)
    value = functional.linear(hidden, weights[2], biases[2])
    if branch != "dv":
        part = ("qq", "kk", "vvv").index(branch)
        alike = value if branch == "vvv" else functional.linear(hidden, weights[part], biases[part])
        value = _self_similar(alike, value, attn.num_heads)
    moved: Tensor = y + block.ls_1(attn.out_proj(value))
    return moved


def _self_similar(alike: Float[Tensor, "b n w"], value: Float[Tensor, "b n w"], heads: int) -> Float[Tensor, "b n w"]:
    """Attention whose queries and keys are the same."""
    shape = (*value.shape[:2], heads, -1)
    alike, value = alike.reshape(shape).transpose(1, 2), value.reshape(shape).transpose(1, 2)
    return functional.scaled_dot_product_attention(alike, alike, value).transpose(1, 2).flatten(-2)


def _projected(visual: Any, x: Float[Tensor, "b n w"]) -> Float[Tensor, "b n d"]:
    """Unit features of all tokens in the space of the texts, in single precision at least."""
    features = visual.ln_post(x) @ visual.proj
    return functional.normalize(features.to(torch.promote_types(features.dtype, torch.float32)), dim=-1)
