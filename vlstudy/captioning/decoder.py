"""The language model that turns one text feature back into its caption."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional


class _Block(nn.Module):
    """x + A(LN(x)), then x + M(LN(x)): causal attention and an MLP of four times the width, as in GPT-2."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_layers = nn.LayerNorm(width), nn.LayerNorm(width)
        self.into, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.layers = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width)
        )

    def forward(self, x: Float[Tensor, "b length d"]) -> Float[Tensor, "b length d"]:
        """The next hidden states; each sees itself and those before it."""
        queries, keys, values = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.into(self.before_attention(x)).chunk(3, dim=-1)
        )
        seen = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        moved: Tensor = x + self.layers(self.before_layers(x))
        return moved


class Decoder(nn.Module):
    """p(next word | text feature, words so far): a GPT-2-style transformer that is started with one prefix token.

        prefix = W f + b;   hidden = blocks([prefix, E w_1, ..., E w_k] + positions);   logits = E LN(hidden)

    Weights but W start as N(0, 0.02^2), and those that write into the residual stream are divided by sqrt(2 layers), as
    in GPT-2. There is no dropout (our choice: trainings are short).

    Args:
        inputs: width of the text features.
        vocabulary: how many words there are.
        length: the most words that it ever writes.

    Source: DeCap (arXiv 2303.03032) and its released code: 4 layers, 4 heads, one linear layer for the prefix.
    """

    def __init__(self, *, inputs: int, vocabulary: int, length: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.length = length
        self.prefix = nn.Linear(inputs, width)
        self.embedding = nn.Embedding(vocabulary, width)  # also the last layer: GPT-2 ties the two
        self.positions = nn.Parameter(torch.empty(1 + length, width))
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for name, values in self.named_parameters():
            if name.startswith("prefix"):
                continue  # no part of GPT-2: as PyTorch starts any linear layer
            if values.ndim == 2:
                into_stream = name.endswith(("out.weight", "layers.2.weight"))
                nn.init.normal_(values, std=0.02 / (2 * layers) ** 0.5 if into_stream else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(values)

    def forward(
        self, features: Float[Tensor, "b d"], written: Int64[Tensor, "b k"], *, last: bool = False
    ) -> Float[Tensor, "b places vocabulary"]:
        """Scores of the word after the prefix and after each written word; with `last` only of the one to come."""
        x = torch.cat([self.prefix(features)[:, None], self.embedding(written)], dim=1)
        x = x + self.positions[: x.shape[1]]
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.norm(x[:, -1:] if last else x) @ self.embedding.weight.T
        return logits
