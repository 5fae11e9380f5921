"""CLIP-Refine: both losses by hand, what they share, and that they pull as they should."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.toy_pairs import pair_batch, toy_pairs
from vlstudy.losses.refinement import hybrid_distillation, random_alignment
from vlstudy.methods.clip_refine import ClipRefine
from vlstudy.methods.pairing import PairModel


def test_alignment_is_the_sum_of_both_squared_distances_per_coordinate() -> None:
    images, texts, drawn = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 3.0]]), torch.tensor([[1.0, 1.0]])
    assert random_alignment(images, texts, drawn).item() == pytest.approx((0 + 1) / 2 + (1 + 4) / 2)


def test_distillation_is_contrastive_with_share_1_and_zero_from_itself_with_share_0() -> None:
    scores = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    teacher = torch.randn(6, 6, generator=torch.Generator().manual_seed(1))
    own = torch.arange(6)
    symmetric = (functional.cross_entropy(scores, own) + functional.cross_entropy(scores.T, own)) / 2
    torch.testing.assert_close(hybrid_distillation(scores, teacher, 1.0), symmetric)
    assert hybrid_distillation(teacher, teacher, 0.0).abs() < 1e-6
    assert hybrid_distillation(scores, teacher, 0.0) > 0.1


def test_distillation_by_hand() -> None:
    # the target of every row and column is (3/4, 1/4), the student knows nothing
    found = hybrid_distillation(torch.zeros(2, 2), torch.zeros(2, 2), 0.5)
    assert found.item() == pytest.approx(math.log(2) + 0.75 * math.log(0.75) + 0.25 * math.log(0.25), abs=1e-6)


def test_both_modalities_share_one_sample_of_the_step() -> None:
    method, dev = ClipRefine(), toy_pairs()
    model, batch = method.build(dev), pair_batch(dev)
    embeddings = method.embed(model, batch)
    batch = replace(batch, embeddings=embeddings)
    terms = method.loss_terms(model, batch, np.random.default_rng(3))
    assert tuple(terms) == method.terms and method.scales() == {}
    drawn = torch.from_numpy(np.random.default_rng(3).standard_normal((32, 16))).float()
    raw = embeddings.raw_image_features, embeddings.raw_text_features
    torch.testing.assert_close(terms["alignment"], random_alignment(*raw, drawn))
    twice = replace(embeddings, raw_image_features=2 * raw[0])
    again = method.loss_terms(model, replace(batch, embeddings=twice), np.random.default_rng(3))
    assert again["alignment"] != terms["alignment"] and again["distillation"] == terms["distillation"]


def test_the_teacher_is_the_backbone_whatever_the_student_is() -> None:
    method, dev = ClipRefine(a=0.0), toy_pairs()
    model, batch = method.build(dev), pair_batch(dev)
    assert isinstance(model, PairModel)
    for moved in (0.0, 0.5):
        with torch.no_grad():
            method.shared(model)[0][0] += moved
        batch = replace(batch, embeddings=method.embed(model, batch))
        found = method.loss_terms(model, batch, np.random.default_rng(0))["distillation"]
        assert (found < 1e-4) == (moved == 0.0)


def test_both_terms_fall_and_the_gap_with_them() -> None:
    method, dev = ClipRefine(), toy_pairs()
    model = method.build(dev)
    assert isinstance(model, PairModel)
    optimizer = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=3e-3)
    history, gaps = [], []
    for step in range(100):
        batch = pair_batch(dev, seed=step)
        batch = replace(batch, embeddings=method.embed(model, batch))
        assert batch.embeddings is not None
        terms = method.loss_terms(model, batch, np.random.default_rng(step))
        optimizer.zero_grad()
        torch.autograd.backward(terms["alignment"] + terms["distillation"])
        optimizer.step()
        history.append([term.item() for term in terms.values()])
        difference = batch.embeddings.image_features.mean(dim=0) - batch.embeddings.text_features.mean(dim=0)
        gaps.append(difference.norm().item())
    first, last = np.mean(history[:10], axis=0), np.mean(history[-10:], axis=0)
    assert (last < first).all() and gaps[-1] < 0.8 * gaps[0]
