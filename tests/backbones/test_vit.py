"""The dual-path image encoder: the checks of the specification on a small tower and on the miniature."""

from collections import Counter
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear, normalize

from tests.backbones import small
from vlstudy.backbones import load
from vlstudy.backbones.vit import BRANCHES, Paths, attention_maps, depth, dual_path
from vlstudy.errors import BackboneError
from vlstudy.losses import attention_loss, attention_target, class_attention, similarity_loss

TOKENS = (small.SIDE // small.PATCH) ** 2 + 1
IMAGES = small.images()
TEXTS = normalize(torch.randn(5, small.JOINT, generator=torch.Generator().manual_seed(2)), dim=-1)
LABELS = torch.tensor([0, 4, 2])


@pytest.fixture(scope="module")
def visual() -> Any:
    return small.tower()


def walked(visual: Any, images: Tensor = IMAGES, branch: str | None = "dv", blocks: int = 6, layers: int = 5) -> Paths:
    return dual_path(visual, images, branch=branch, branch_blocks=blocks, layers=layers)


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("gradients", [False, True], ids=["no_grad", "grad"])
@pytest.mark.parametrize("branch", [None, *BRANCHES])
@pytest.mark.parametrize(
    "changes", [{}, {"ls_init_value": 0.5, "final_ln_after_pool": True, "no_ln_pre": True}], ids=["clip", "layer_scale"]
)
def test_check_01_the_ordinary_path_is_the_plain_encoder(
    changes: dict[str, Any], branch: str | None, gradients: bool, training: bool
) -> None:
    visual = small.tower(layers=4, **changes).train(training)
    with torch.set_grad_enabled(gradients):
        found, plain = walked(visual, branch=branch, blocks=2, layers=1), visual(IMAGES)
    close(found.tokens[:, 0], normalize(plain, dim=-1))
    close(found.tokens.norm(dim=-1), torch.ones(len(IMAGES), TOKENS))
    assert found.attention.shape == (1, len(IMAGES), TOKENS, TOKENS)
    assert (found.branch is None) == (branch is None)


def test_check_01_the_miniature_too() -> None:
    visual = load("miniature").model.visual
    images = small.images(side=visual.image_size[0])
    close(walked(visual, images, blocks=2, layers=3).tokens[:, 0], normalize(visual(images), dim=-1))


@pytest.mark.parametrize(("branch", "local"), [("dv", True), ("vvv", False)])
def test_check_02_a_token_of_dv_depends_on_itself_alone(visual: Any, branch: str, local: bool) -> None:
    entered: list[Tensor] = []
    watch = visual.transformer.resblocks[-1].register_forward_pre_hook(lambda block, given: entered.append(given[0]))
    found = walked(visual, branch=branch, blocks=1).branch
    watch.remove()
    assert found is not None
    for token in range(0, TOKENS, 4):
        (jacobian,) = torch.autograd.grad(found[:, token, 0].sum(), entered[0], retain_graph=True)
        touched = jacobian.abs().amax(dim=(0, 2)) > 0
        assert touched[token] and touched.sum() == (1 if local else TOKENS)


def reference(visual: Any, blocks: int, mask: Tensor) -> Tensor:
    """The branch by the blocks' own attention modules, run under a mask."""
    x, y = visual._embeds(IMAGES), torch.empty(0)
    for number, block in enumerate(visual.transformer.resblocks):
        if number == depth(visual) - blocks:
            y = x.clone()
        if number >= depth(visual) - blocks:
            hidden = block.ln_1(x)
            y = y + block.ls_1(block.attn(hidden, hidden, hidden, attn_mask=mask, need_weights=False)[0])
        x = block(x)
    return normalize(visual.ln_post(y) @ visual.proj, dim=-1)


@pytest.mark.parametrize(("blocks", "scale"), [(1, None), (6, None), (12, None), (6, 0.5)])
def test_check_03_dv_is_attention_under_a_diagonal_mask(blocks: int, scale: float | None) -> None:
    visual = small.tower(ls_init_value=scale)
    only_itself = ~torch.eye(TOKENS, dtype=torch.bool)
    found = walked(visual, blocks=blocks).branch
    assert found is not None
    close(found, reference(visual, blocks, only_itself))
    assert (found - reference(visual, blocks, torch.zeros_like(only_itself))).abs().max() > 0.01


@pytest.mark.parametrize(("branch", "part"), [("qq", 0), ("kk", 1), ("vvv", 2)])
def test_check_03_the_other_branches_are_attention_with_equal_queries_and_keys(branch: str, part: int) -> None:
    visual = small.tower(layers=3)
    swapped = deepcopy(visual)
    for block in swapped.transformer.resblocks:
        for values in (block.attn.in_proj_weight.data, block.attn.in_proj_bias.data):
            rows = values.chunk(3)
            values.copy_(torch.cat([rows[part], rows[part], rows[2]]))
    entered = visual._embeds(IMAGES)
    hidden = [block.ln_1(entered) for block in visual.transformer.resblocks[:1]]
    update = swapped.transformer.resblocks[0].attn(*hidden * 3, need_weights=False)[0]
    visual.transformer.resblocks = visual.transformer.resblocks[:1]
    found = walked(visual, branch=branch, blocks=1, layers=1).branch
    assert found is not None
    close(found, normalize(visual.ln_post(entered + update) @ visual.proj, dim=-1))


def test_check_04_nothing_is_added_to_the_tower(visual: Any) -> None:
    before = deepcopy(visual.state_dict())
    walked(visual)
    after = visual.state_dict()
    assert list(after) == list(before) and all(torch.equal(after[name], before[name]) for name in before)


def test_check_05_rows_sum_to_one_and_the_mean_is_over_heads(visual: Any) -> None:
    maps, by_head = walked(visual).attention, attention_maps(visual, IMAGES, layers=5, heads=True)
    assert by_head.shape == (5, len(IMAGES), small.HEADS, TOKENS, TOKENS)
    torch.testing.assert_close(maps.sum(dim=-1), torch.ones(5, len(IMAGES), TOKENS), atol=1e-5, rtol=0)
    close(maps, by_head.mean(dim=2))
    close(maps, attention_maps(visual, IMAGES)[:5])


def test_check_05_maps_are_the_softmax_of_queries_and_keys(visual: Any) -> None:
    x = visual._embeds(IMAGES)
    for block, found in zip(visual.transformer.resblocks, attention_maps(visual, IMAGES, heads=True), strict=True):
        both = linear(block.ln_1(x), block.attn.in_proj_weight, block.attn.in_proj_bias)[..., : 2 * small.WIDTH]
        queries, keys = both.reshape(*x.shape[:2], 2, small.HEADS, -1).movedim(2, 0).transpose(2, 3)
        scores = queries @ keys.transpose(-1, -2) / (small.WIDTH // small.HEADS) ** 0.5
        close(found, scores.softmax(dim=-1))
        x = block(x)


def test_check_09_gradients_reach_queries_and_keys_of_the_first_blocks_alone(visual: Any) -> None:
    paths, width = walked(visual), small.WIDTH
    assert paths.branch is not None
    loss = attention_loss(attention_target(paths.branch, TEXTS, LABELS, kappa=0.05), class_attention(paths.attention))
    for number, block in enumerate(visual.transformer.resblocks):
        named = dict(block.named_parameters())
        found = torch.autograd.grad(loss, list(named.values()), retain_graph=True, materialize_grads=True)
        gradients = dict(zip(named, found, strict=True))
        queries, keys, values = gradients["attn.in_proj_weight"].split(width)
        if number < 5:
            assert queries.any() and keys.any()
            # softmax ignores what all keys share
            assert gradients["attn.in_proj_bias"][width : 2 * width].abs().max() < 1e-7
        if number == 4:
            assert not values.any() and not gradients["attn.in_proj_bias"][2 * width :].any()
            behind = ("attn.out_proj", "ln_2", "mlp")
            assert not any(gradient.any() for name, gradient in gradients.items() if name.startswith(behind))
        if number >= 5:
            assert not any(gradient.any() for gradient in gradients.values())


def test_check_10_equal_paths_are_aligned_and_others_are_not(visual: Any) -> None:
    paths = walked(visual)
    assert paths.branch is not None
    assert similarity_loss(paths.tokens, paths.tokens, TEXTS).item() == 0
    assert similarity_loss(paths.tokens, paths.branch, TEXTS) > 1e-4


def test_check_11_a_weight_of_zero_is_no_branch(visual: Any) -> None:
    def gradients(branch: str | None, layers: int) -> list[Tensor]:
        paths = walked(visual, branch=branch, layers=layers)
        loss = cross_entropy(10 * paths.tokens[:, 0] @ TEXTS.T, LABELS)
        if paths.branch is not None:
            target = attention_target(paths.branch, TEXTS, LABELS, detach=False)
            loss = loss + 0.0 * attention_loss(target, class_attention(paths.attention))
            loss = loss + 0.0 * similarity_loss(paths.tokens, paths.branch, TEXTS)
        return list(torch.autograd.grad(loss, list(visual.parameters())))

    for found, expected in zip(gradients("dv", 5), gradients(None, 0), strict=True):
        close(found, expected)


def test_only_blocks_whose_maps_are_asked_for_leave_their_own_forward(visual: Any) -> None:
    own: Counter[int] = Counter()
    watches = [
        block.register_forward_hook(lambda *_, number=number: own.update([number]))
        for number, block in enumerate(visual.transformer.resblocks)
    ]
    walked(visual, layers=5)
    assert own == {number: 1 for number in range(5, small.BLOCKS)}
    attention_maps(visual, IMAGES, layers=2)
    for watch in watches:
        watch.remove()
    assert own.total() == small.BLOCKS - 5  # nothing behind the last map is computed


@pytest.mark.parametrize("branch", BRANCHES)
def test_under_autocast_features_come_in_single_precision(visual: Any, branch: str) -> None:
    exact = walked(visual, branch=branch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = walked(visual, branch=branch)
    assert found.branch is not None and exact.branch is not None
    for rough, fine in ((found.tokens, exact.tokens), (found.branch, exact.branch)):
        torch.testing.assert_close(rough, fine, atol=0.05, rtol=0)
        torch.testing.assert_close(rough.norm(dim=-1), torch.ones(len(IMAGES), TOKENS))
    torch.testing.assert_close(found.attention.float(), exact.attention, atol=0.02, rtol=0)


def test_checkpointing_runs_blocks_again_and_changes_no_number() -> None:
    visual, runs = small.tower(layers=4), Counter[str]()
    for number in (0, 3):
        norm = visual.transformer.resblocks[number].ln_1
        norm.register_forward_hook(lambda *_, number=number: runs.update([str(number)]))

    def gradients() -> list[Tensor]:
        paths = walked(visual, blocks=1, layers=1)
        assert paths.branch is not None
        loss = paths.tokens[0, 0, 0] + paths.branch[0, 1, 0] + paths.attention[0, 0, 0, 0]
        return list(torch.autograd.grad(loss, list(visual.parameters())))

    plain, once = gradients(), dict(runs)
    visual.set_grad_checkpointing(True)
    for found, expected in zip(gradients(), plain, strict=True):
        close(found, expected)
    assert {number: runs[number] / once[number] for number in once} == {"0": 3, "3": 3}  # one plain, one and its repeat


class Updated(nn.Module):
    """Attention whose weights are computed when they are read, as a low-rank update does it."""

    def __init__(self, inner: nn.MultiheadAttention) -> None:
        super().__init__()
        self.inner, self.out_proj, self.num_heads = inner, inner.out_proj, inner.num_heads
        self.update = nn.Parameter(torch.full_like(inner.in_proj_weight, 0.01))

    @property
    def in_proj_weight(self) -> Tensor:
        return self.inner.in_proj_weight + self.update

    @property
    def in_proj_bias(self) -> Tensor:
        return self.inner.in_proj_bias

    def forward(self, query: Tensor, key: Tensor, value: Tensor, **given: Any) -> Any:
        changed = {"in_proj_weight": self.in_proj_weight}
        return torch.func.functional_call(self.inner, changed, (query, key, value), given)


@pytest.mark.parametrize("branch", BRANCHES)
def test_attention_with_an_update_equals_attention_with_it_merged(visual: Any, branch: str) -> None:
    updated, merged = deepcopy(visual), deepcopy(visual)
    for apart, one in zip(updated.transformer.resblocks, merged.transformer.resblocks, strict=True):
        apart.attn = Updated(apart.attn)
        one.attn.in_proj_weight.data += 0.01
    found, expected = walked(updated, branch=branch), walked(merged, branch=branch)
    assert found.branch is not None and expected.branch is not None
    for a, b in zip(vars(found).values(), vars(expected).values(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)
    (gradient,) = torch.autograd.grad(found.branch[0, 1, 0], updated.transformer.resblocks[-1].attn.update)
    assert gradient.any()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"layers": (1, 1, 1, 1)}, "`ModifiedResNet`: it has no blocks"),
        ({"timm_model_name": "resnet18", "timm_pool": "avg", "timm_proj": "linear"}, "`TimmModel`: it has no blocks"),
        ({"attentional_pool": True}, "pools its tokens by attention"),
        ({"pool_type": "avg"}, "pooled as `avg`, not its class token's"),
        ({"qk_norm": True}, "block 0, `CustomResidualAttentionBlock`, is of another kind: ln_attn"),
    ],
)
def test_a_tower_that_is_not_walked_exactly_is_refused(changes: dict[str, Any], reason: str) -> None:
    visual = small.tower(**changes)
    for ask in (depth, walked, lambda tower: attention_maps(tower, IMAGES)):
        with pytest.raises(BackboneError, match=f"{reason}.*Take a ViT of open_clip"):
            ask(visual)


def test_wrong_numbers_and_names_are_refused_with_the_right_ones(visual: Any) -> None:
    assert depth(visual) == small.BLOCKS
    with pytest.raises(BackboneError, match=r"layers: got 13, the image tower has 12 blocks; set it to 0 \.\. 12"):
        walked(visual, layers=13)
    with pytest.raises(BackboneError, match=r"branch_blocks: got 0.*1 \.\. 12"):
        walked(visual, blocks=0)
    with pytest.raises(BackboneError, match=r"layers: got 0.*1 \.\. 12"):
        attention_maps(visual, IMAGES, layers=0)
    with pytest.raises(BackboneError, match=r"unknown branch of the image tower `vv`\. Did you mean `vvv`"):
        walked(visual, branch="vv")
