"""Class texts whose first words are learnt vectors."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from vlstudy.errors import BackboneError

_HOLDER = "x"  # one token in every tokenizer of ours; learnt vectors take the place of its embedding


class PromptEncoder(nn.Module):
    """Unit features of `[v_1] .. [v_n] class name suffix` for learnt vectors v that all classes share.

    The tower is frozen and runs as it is: only what its embedding gives at places 1 .. n is replaced.

    Source: CoOp (arXiv 2109.01134), section 3.2, unified context with the class name last.
    """

    context: Tensor

    def __init__(
        self, clip: Any, tokenizer: Callable[[list[str]], Tensor], *, count: int, words: str = "", suffix: str = "."
    ) -> None:
        """A prompt with random vectors, or with the embeddings of `words`.

        Args:
            clip: an open_clip model of our own; its text tower is used, its image tower is not.
            tokenizer: that goes with it.
            count: of vectors, drawn from N(0, 0.02^2); `words` have as many as they have tokens.
            words: what the vectors start as, such as `a photo of a`.
            suffix: fixed text behind the class name.

        Raises:
            BackboneError: for a text tower whose tokens cannot be told apart.
        """
        super().__init__()
        self.clip = clip.requires_grad_(False)
        _check(tokenizer)
        self._tokenizer, self._suffix = tokenizer, suffix
        self._rows: dict[tuple[str, ...], Tensor] = {}
        embedding = _embedding(clip)
        started = self._embedded(embedding, words) if words else 0.02 * torch.randn(count, embedding.embedding_dim)
        self.context = nn.Parameter(started)
        embedding.register_forward_hook(self._insert)

    def forward(self, names: Sequence[str]) -> Float[Tensor, "c d"]:
        """One row a class.

        Raises:
            BackboneError: where vectors and class name are longer than the tower reads.
        """
        rows = self._tokens(tuple(names)).to(self.context.device)
        return functional.normalize(self.clip.encode_text(rows).float(), dim=-1)

    def _insert(self, module: nn.Module, given: tuple[Tensor, ...], embedded: Float[Tensor, "c n w"]) -> Tensor:
        end = 1 + len(self.context)
        context = self.context.to(embedded.dtype).expand(len(embedded), -1, -1)
        return torch.cat([embedded[:, :1], context, embedded[:, end:]], dim=1)

    def _tokens(self, names: tuple[str, ...]) -> Int[Tensor, "c n"]:
        if names not in self._rows:
            ends = [f"{name}{self._suffix}" for name in names]
            longest = max(ends, key=lambda end: self._count(end))
            rows = self._tokenizer([" ".join([_HOLDER] * len(self.context) + [end]) for end in ends])
            room = rows.shape[1] - 2 - self._count(longest)  # a start and an end
            if len(self.context) > room:
                raise BackboneError(
                    f"method.context: {len(self.context)} vectors and the class `{longest}` are longer than the text "
                    f"tower reads ({rows.shape[1]} tokens). Set it to {max(room, 0)} or fewer."
                )
            self._rows[names] = rows
        return self._rows[names]

    def _count(self, text: str) -> int:
        """Tokens of a text, without start and end."""
        return int(self._tokenizer([text])[0].argmax()) - 1

    def _embedded(self, embedding: nn.Embedding, words: str) -> Float[Tensor, "n w"]:
        row = self._tokenizer([words])[0, 1 : 1 + self._count(words)]
        return embedding.weight[row.to(embedding.weight.device)].detach().clone().float()


def _check(tokenizer: Callable[[list[str]], Tensor]) -> None:
    """Whether rows are `start token .. token end padding`, the end with the highest number, as open_clip's own are."""
    empty, one = (row.tolist() for row in tokenizer(["", _HOLDER]))
    if not (one[0] == empty[0] and one[2] == empty[1] == max(one) and empty[0] != empty[1]):
        raise BackboneError(
            "learnt prompts need a tokenizer that puts a start before a text and an end, its highest number, behind "
            "it. Take a model with CLIP's own tokenizer, such as ViT-B-16."
        )


def _embedding(clip: Any) -> nn.Embedding:
    """The table of token embeddings.

    Raises:
        BackboneError: for a text tower without one that can be read.
    """
    found = getattr(getattr(clip, "text", clip), "token_embedding", None)
    if not isinstance(found, nn.Embedding):
        raise BackboneError("the backbone's text tower has no token embeddings; take one of open_clip's own.")
    return found
