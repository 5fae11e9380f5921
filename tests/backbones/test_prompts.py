"""Learnt prompts: as the words they start from, for every kind of text tower."""

from copy import deepcopy

import open_clip
import pytest
import torch
from torch.nn import functional

from vlstudy.backbones import load
from vlstudy.backbones.prompts import PromptEncoder
from vlstudy.errors import BackboneError

NAMES = ("red star", "striped heart")


def test_started_from_words_it_is_the_template() -> None:
    backbone = load("miniature")
    expected = backbone.class_text_features(NAMES, ["a picture of a {}."])
    encoder = PromptEncoder(backbone.model, backbone.tokenizer, count=1, words="a picture of a")
    assert encoder.context.shape == (4, 128)
    assert torch.allclose(encoder(NAMES), expected, atol=1e-5)


@pytest.mark.parametrize("custom", [False, True])
def test_it_is_the_template_with_open_clips_tokenizer(custom: bool) -> None:
    torch.manual_seed(0)
    vision = {"image_size": 16, "patch_size": 8, "width": 32, "layers": 1, "head_width": 16}
    text = {"context_length": 20, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
    kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    model = kind(16, vision, text)
    tokenizer = open_clip.SimpleTokenizer(context_length=20)
    words, suffix = "a photo of a", ", a type of antidisestablishmentarian pet."
    with torch.no_grad():
        rows = tokenizer([f"{words} {name}{suffix}" for name in NAMES])
        expected = functional.normalize(model.encode_text(rows), dim=-1)
        found = PromptEncoder(model, tokenizer, count=1, words=words, suffix=suffix)(NAMES)
    assert torch.allclose(found, expected, atol=1e-5)


def test_only_the_vectors_learn_and_every_class_moves_them() -> None:
    backbone = load("miniature")
    encoder = PromptEncoder(backbone.model, backbone.tokenizer, count=5)
    assert [name for name, value in encoder.named_parameters() if value.requires_grad] == ["context"]
    assert 0.01 < float(encoder.context.detach().std()) < 0.03
    for row in encoder(NAMES):
        (gradient,) = torch.autograd.grad(row[0], encoder.context, retain_graph=True)
        assert (gradient.abs().sum(dim=1) > 0).all()


def test_what_does_not_fit_is_told_with_what_would() -> None:
    backbone = load("miniature")
    encoder = PromptEncoder(backbone.model, backbone.tokenizer, count=21)
    with pytest.raises(BackboneError, match="Set it to 20 or fewer"):
        encoder(NAMES)
    assert PromptEncoder(backbone.model, backbone.tokenizer, count=20)(NAMES).shape == (2, 128)


def test_a_class_is_not_moved_by_the_others_beside_it() -> None:
    backbone = load("miniature")
    encoder = PromptEncoder(backbone.model, backbone.tokenizer, count=4)
    together = encoder((*NAMES, "large blue square over the grass"))[:2]
    assert torch.allclose(together, torch.cat([encoder((name,)) for name in NAMES]), atol=1e-6)
    assert torch.allclose(together.norm(dim=1), torch.ones(2))


def test_a_copy_has_vectors_of_its_own() -> None:
    backbone = load("miniature")
    encoder = PromptEncoder(backbone.model, backbone.tokenizer, count=4)
    other, before = deepcopy(encoder), encoder(NAMES)
    torch.nn.init.zeros_(other.context)
    assert torch.equal(encoder(NAMES), before) and not torch.allclose(other(NAMES), before, atol=1e-3)


def test_a_tokenizer_of_another_layout_is_refused() -> None:
    def without_start(texts: list[str]) -> torch.Tensor:  # as SigLIP's: pieces, padded with the end's number
        return torch.tensor(
            [[7 + len(word) for word in text.split()][:4] + [1] * (4 - len(text.split())) for text in texts]
        )

    with pytest.raises(BackboneError, match="puts a start before a text"):
        PromptEncoder(load("miniature").model, without_start, count=2)


def test_a_text_tower_without_embeddings_is_refused() -> None:
    backbone = load("miniature")
    backbone.model.token_embedding = torch.nn.Identity()
    with pytest.raises(BackboneError, match="no token embeddings"):
        PromptEncoder(backbone.model, backbone.tokenizer, count=2)
