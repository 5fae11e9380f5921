"""LoRA: nothing at the start, the same merged as applied, and dropout in training only."""

from copy import deepcopy
from typing import Any

import open_clip
import pytest
import torch
from torch import Tensor, nn

from tests.backbones.conftest import TINY
from vlstudy.backbones import load, vit
from vlstudy.backbones.lora import LoraAttention, add_lora, merge
from vlstudy.backbones.trainable import checkpoint_activations
from vlstudy.errors import BackboneError


def images(count: int = 2) -> Tensor:
    return torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def updated(on: tuple[str, ...] = ("q", "k", "v"), dropout: float = 0.25) -> tuple[Any, Any]:
    """An image tower as it was, and one with updates that are not zero."""
    torch.manual_seed(0)
    plain = load("miniature").model.visual
    tower = deepcopy(plain)
    for layer in add_lora(tower, rank=2, alpha=1.0, dropout=dropout, on=on):
        nn.init.normal_(layer.lora_b, std=0.05)
    return plain, tower.eval()


def test_updates_of_zero_change_nothing_of_either_tower() -> None:
    backbone = load("miniature")
    plain, towers = backbone.model, deepcopy(backbone.model)
    texts = backbone.tokenizer(["a red star", "a picture of two hearts"])
    assert len(add_lora(towers)) == 4 + 3
    assert torch.equal(plain.encode_image(images()), towers.encode_image(images()))
    assert torch.equal(plain.encode_text(texts), towers.encode_text(texts))


def test_a_is_kaiming_uniform_and_b_zero() -> None:
    for layer in add_lora(load("miniature").model.visual, rank=8):
        assert layer.lora_a.shape == (3, 8, 128) and not layer.lora_b.any()
        bound = 1 / 128**0.5  # sqrt(6 / ((1 + a^2) fan_in)) with a = sqrt(5)
        assert 0.95 * bound < float(layer.lora_a.detach().abs().max()) <= bound


def test_a_plain_towers_weights_fit_and_keep_their_names() -> None:
    plain, tower = updated()
    held = plain.state_dict()
    extra = tower.state_dict().keys() - held.keys()
    assert {name.rpartition(".")[2] for name in extra} == {"lora_a", "lora_b"}
    assert all(torch.equal(tower.state_dict()[name], value) for name, value in held.items())
    doubled = {name: 2 * value for name, value in held.items()}
    assert set(tower.load_state_dict(doubled, strict=False).missing_keys) == extra
    layer = tower.transformer.resblocks[0].attn
    update = layer.scale * (layer.lora_b @ layer.lora_a).flatten(0, 1)
    wanted = doubled["transformer.resblocks.0.attn.in_proj_weight"] + update
    assert torch.allclose(layer.in_proj_weight, wanted, atol=1e-6)


def test_a_copy_has_updates_of_its_own() -> None:
    _, tower = updated()
    other, before = deepcopy(tower), tower(images())
    for layer in other.modules():
        if isinstance(layer, LoraAttention):
            nn.init.zeros_(layer.lora_b)
    assert torch.equal(tower(images()), before) and not torch.allclose(other(images()), before, atol=1e-3)


@pytest.mark.parametrize("on", [("q", "k", "v"), ("v",), ("q", "k")])
def test_merged_equals_applied(on: tuple[str, ...]) -> None:
    plain, tower = updated(on)
    applied = tower(images())
    merge(tower)
    assert not any(isinstance(module, LoraAttention) for module in tower.modules())
    assert torch.allclose(tower(images()), applied, atol=1e-5)
    assert not torch.allclose(plain(images()), applied, atol=1e-3)
    assert tower.state_dict().keys() == plain.state_dict().keys()


def test_the_update_is_b_a_over_the_root_of_the_rank() -> None:
    plain, tower = updated(("k",))
    old, new = plain.transformer.resblocks[1].attn, tower.transformer.resblocks[1].attn
    change = new.in_proj_weight - old.in_proj_weight
    width = old.embed_dim
    assert torch.allclose(change[width : 2 * width], new.lora_b[0] @ new.lora_a[0] / 2**0.5, atol=1e-6)
    assert not change[:width].any() and not change[2 * width :].any()


def test_attention_is_that_of_the_merged_layer() -> None:
    _, tower = updated()
    layer = tower.transformer.resblocks[0].attn
    x = torch.randn(2, 5, layer.embed_dim)
    mask = torch.full((5, 5), -torch.inf).triu(1)
    for wanted in (False, True):
        ours, shown = layer(x, x, x, need_weights=wanted, attn_mask=mask)
        theirs, expected = layer.merged()(x, x, x, need_weights=wanted, attn_mask=mask)
        assert torch.allclose(ours, theirs, atol=1e-5)
        assert (shown is None and expected is None) or torch.allclose(shown, expected, atol=1e-6)
    _, heads = layer(x, x, x, average_attn_weights=False)
    assert heads.shape == (2, layer.num_heads, 5, 5)


def test_maps_and_the_second_path_see_the_update() -> None:
    plain, tower = updated()
    paths = vit.dual_path(tower, images(), branch="dv", branch_blocks=2, layers=2)
    merge(tower)
    merged = vit.dual_path(tower, images(), branch="dv", branch_blocks=2, layers=2)
    before = vit.dual_path(plain, images(), branch="dv", branch_blocks=2, layers=2)
    assert paths.branch is not None and merged.branch is not None and before.branch is not None
    for ours, theirs, old in (
        (paths.branch, merged.branch, before.branch),
        (paths.attention, merged.attention, before.attention),
    ):
        assert torch.allclose(ours, theirs, atol=1e-5) and not torch.allclose(ours, old, atol=1e-4)


@torch.no_grad()
def test_dropout_is_for_training_and_keeps_the_mean() -> None:
    _, tower = updated(dropout=0.5)
    layer = tower.transformer.resblocks[0].attn
    x = torch.randn(1, 5, layer.embed_dim)
    calm = layer(x, x, x)[0]
    layer.train()
    assert not torch.equal(layer(x, x, x)[0], layer(x, x, x)[0])
    rough = torch.stack([torch.cat(layer._projected(x), dim=-1) for _ in range(400)])
    layer.eval()
    smooth = torch.cat(layer._projected(x), dim=-1)
    assert float((rough.mean(dim=0) - smooth).abs().max()) < 0.25 * float((rough[0] - smooth).abs().max())
    assert torch.equal(layer(x, x, x)[0], calm)


def test_only_the_factors_are_trained() -> None:
    _, tower = updated()
    trained = {name.rpartition(".")[2] for name, value in tower.named_parameters() if value.requires_grad}
    assert trained == {"lora_a", "lora_b"}


def test_it_learns_in_half_precision_and_with_activations_computed_again() -> None:
    gradients = []
    for again in (False, True):
        backbone = load("miniature")
        torch.manual_seed(0)
        layers = add_lora(backbone.model, dropout=0.5)
        if again:
            checkpoint_activations(backbone.model)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            features = (
                backbone.model.train().encode_image(images()),
                backbone.model.encode_text(backbone.tokenizer(["a red star", "a heart"])),
            )
        torch.autograd.backward((features[0] * features[1]).sum())
        gradients.append([layer.lora_b.grad for layer in layers])
    for one, two in zip(*gradients, strict=True):
        assert one is not None and two is not None and one.any()
        assert torch.allclose(one, two, atol=1e-6)


def test_both_layouts_and_masks_of_each_head_are_those_of_torch() -> None:
    torch.manual_seed(0)
    masks = torch.zeros(2 * 4, 5, 5).masked_fill(torch.rand(2 * 4, 5, 5) < 0.3, -torch.inf).tril()
    for batch_first in (True, False):
        plain = nn.MultiheadAttention(16, 4, batch_first=batch_first)
        x = torch.randn(2, 5, 16) if batch_first else torch.randn(5, 2, 16)
        expected, shown = plain(x, x, x, attn_mask=masks.nan_to_num(neginf=-30.0))
        found, seen = LoraAttention(plain, 2, 1.0, 0.0, ("q",))(x, x, x, attn_mask=masks.nan_to_num(neginf=-30.0))
        assert torch.allclose(found, expected, atol=1e-6) and torch.allclose(seen, shown, atol=1e-6)


def test_attention_that_pools_stays_as_it_is() -> None:
    vision = {**TINY["vision_cfg"], "attentional_pool": True, "attn_pooler_queries": 4, "attn_pooler_heads": 2}
    tower = open_clip.CLIP(32, vision, TINY["text_cfg"]).visual
    before = tower(torch.ones(1, 3, 32, 32))
    assert len(add_lora(tower)) == 2 and isinstance(tower.attn_pool.attn, nn.MultiheadAttention)
    assert torch.allclose(tower(torch.ones(1, 3, 32, 32)), before, atol=1e-6)


def test_both_encoders_of_coca_learn_and_its_decoder_does_not() -> None:
    torch.manual_seed(0)
    decoder = {"context_length": 76, "vocab_size": 49408, "width": 24, "heads": 2, "layers": 1}
    text = {**TINY["text_cfg"], "context_length": 76, "embed_cls": True, "output_tokens": True}
    vision = {**TINY["vision_cfg"], "attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True}
    model = open_clip.CoCa(24, decoder, text, vision)
    rows = open_clip.SimpleTokenizer(context_length=76)(["a star", "two hearts"])
    before = model.encode_text(rows)
    assert len(add_lora(model)) == 2 + 1
    assert not any(isinstance(module, LoraAttention) for module in model.text_decoder.modules())
    assert torch.allclose(model.encode_text(rows), before, atol=1e-6)  # whose masks are one a head


def test_a_tower_without_attention_is_refused() -> None:
    tower = open_clip.CLIP(16, {"image_size": 32, "layers": [1, 1, 1, 1], "width": 16}, TINY["text_cfg"]).visual
    with pytest.raises(BackboneError, match=r"`ModifiedResNet` has none\. Take a ViT"):
        add_lora(tower)
