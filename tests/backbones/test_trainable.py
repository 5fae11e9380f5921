"""What `trains` trains, of either tower and of a ResNet."""

from typing import Any

import open_clip
import pytest
import torch
from torch import nn

from vlstudy.backbones import load
from vlstudy.backbones.trainable import TRAINS, checkpoint_activations, choose
from vlstudy.errors import BackboneError


def text_tower() -> Any:
    clip = load("miniature").model
    clip.visual = nn.Identity()
    return clip


@pytest.mark.parametrize("tower", ["image", "text"])
def test_each_word_trains_more_than_the_one_before(tower: str) -> None:
    counts = []
    for word in ("none", "heads", "last_n_blocks", "all"):
        module = load("miniature").model.visual if tower == "image" else text_tower()
        names = choose(module, word, last=1)
        assert set(names) == {name for name, value in module.named_parameters() if value.requires_grad}
        counts.append(len(names))
    assert counts == sorted(counts) and counts[0] == 0 and len(set(counts)) == 4


def test_the_last_blocks_are_the_last() -> None:
    tower = load("miniature").model.visual
    blocks = {name.split(".")[2] for name in choose(tower, "last_n_blocks", last=2) if "resblocks" in name}
    assert blocks == {"2", "3"}


def test_the_logit_scale_is_never_trained() -> None:
    for word in TRAINS:
        assert not any("logit" in name for name in choose(text_tower(), word))


TEXT = {"context_length": 8, "vocab_size": 16, "width": 16, "heads": 2, "layers": 1}


def resnet() -> Any:
    torch.manual_seed(0)
    return open_clip.CLIP(16, {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None}, TEXT).visual


def foreign() -> Any:
    """A tower of timm."""
    vision = {"timm_model_name": "vit_tiny_patch16_224", "image_size": 32, "timm_pool": "token"}
    return open_clip.CustomTextCLIP(16, vision, TEXT).visual


def test_a_resnet_has_stages_and_no_attention() -> None:
    stages = {name.split(".")[0] for name in choose(resnet(), "last_n_blocks", last=2)}
    assert stages == {"layer3", "layer4", "attnpool"}
    with pytest.raises(BackboneError, match="`heads` or `all`"):
        choose(resnet(), "lora")


def test_what_is_frozen_of_a_resnet_gives_the_same_in_training() -> None:
    tower, pictures = resnet().eval(), torch.randn(4, 3, 32, 32)
    expected = tower(pictures)
    for word in ("none", "heads", "all", "none"):
        choose(tower, word)
        held = tower.layer4[0].bn1.running_mean.clone()
        assert torch.allclose(tower.train()(pictures), expected, atol=1e-6) == (word != "all")
        assert torch.equal(tower.layer4[0].bn1.running_mean, held) == (word != "all")
        tower.load_state_dict(resnet().state_dict())
    choose(tower, "last_n_blocks", last=1)
    tower.train()
    assert tower.layer4[0].bn1.training and not tower.layer3[0].bn1.training


def test_a_tower_of_another_library_has_heads_but_no_blocks_that_can_be_counted() -> None:
    assert {name.split(".")[0] for name in choose(foreign(), "heads")} == {"head"}
    with pytest.raises(BackboneError, match=r"no blocks that can be counted\. Take `heads` or `all`"):
        choose(foreign(), "last_n_blocks")


@pytest.mark.parametrize(
    ("word", "last", "message"),
    [
        ("al", 1, "Did you mean `all`"),
        ("last_n_blocks", 9, "has 4 blocks. Set `last` to 1 .. 4"),
        ("last_n_blocks", 0, "last: 0: `VisionTransformer` has 4 blocks"),
    ],
)
def test_what_cannot_be_is_told(word: str, last: int, message: str) -> None:
    with pytest.raises(BackboneError, match=message):
        choose(load("miniature").model.visual, word, last=last)


@pytest.mark.parametrize("tower", ["visual", "text"])
def test_activations_computed_again_give_the_same_gradients(tower: str) -> None:
    pictures = torch.randn(2, 3, 64, 64)
    gradients = []
    for again in (False, True):
        backbone = load("miniature")
        clip = backbone.model.train() if tower == "visual" else text_tower().train()
        if again:
            checkpoint_activations(clip)
            assert (clip.visual if tower == "visual" else clip).transformer.grad_checkpointing
        rows = clip.encode_image(pictures) if tower == "visual" else clip.encode_text(backbone.tokenizer(["a star"]))
        torch.autograd.backward(rows.square().sum())
        gradients.append([value.grad for value in clip.parameters() if value.grad is not None])
    assert gradients[0] and all(torch.allclose(one, two, atol=1e-6) for one, two in zip(*gradients, strict=True))


def test_towers_of_another_library_are_told_too() -> None:
    tower = foreign()
    checkpoint_activations(tower)
    assert tower.trunk.grad_checkpointing
