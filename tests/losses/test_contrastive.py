"""The contrastive loss in its two directions, against numpy, and at the values that can be told beforehand."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from vlstudy.losses.contrastive import cosines, directions


def unit(b: int, d: int, seed: int) -> torch.Tensor:
    return normalize(torch.randn(b, d, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_the_rows_are_images_and_the_columns_texts() -> None:
    images, texts = torch.tensor([[1.0, 0.0], [0.6, 0.8]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    torch.testing.assert_close(cosines(images, texts), torch.tensor([[0.0, 1.0], [0.8, 0.6]]))


@pytest.mark.parametrize("scale", [1.0, 1 / 0.07, 100.0])
def test_both_directions_against_numpy(scale: float) -> None:
    images, texts = unit(9, 6, 0), unit(9, 6, 1)
    logits = scale * images.double().numpy() @ texts.double().numpy().T
    expected = [float(np.mean(np.log(np.exp(scores).sum(axis=1)) - np.diag(scores))) for scores in (logits, logits.T)]
    found = directions(images, texts, torch.tensor(scale))
    assert [loss.item() for loss in found] == pytest.approx(expected, rel=1e-5)
    assert expected[0] != pytest.approx(expected[1], rel=1e-4)


def test_a_hand_case_where_the_directions_differ() -> None:
    # each image prefers text 0; each text is equally far from both images
    images, texts = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.eye(2)
    image_to_text, text_to_image = directions(images, texts, torch.tensor(2.0))
    sure, unsure = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    assert image_to_text.item() == pytest.approx((sure + unsure) / 2, abs=1e-6)
    assert text_to_image.item() == pytest.approx(math.log(2), abs=1e-6)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_the_losses_are_float32_and_have_gradients(kind: torch.dtype) -> None:
    images, texts = unit(8, 16, 2).to(kind).requires_grad_(), unit(8, 16, 3).to(kind).requires_grad_()
    scale = torch.tensor(100.0, requires_grad=True)
    found = directions(images, texts, scale)
    assert [loss.dtype for loss in found] == [torch.float32] * 2
    for gradient in torch.autograd.grad(sum(found, torch.zeros(())), [images, texts, scale]):
        assert gradient.isfinite().all() and gradient.abs().max() > 0
