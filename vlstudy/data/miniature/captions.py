"""A grammar that says what a scene shows as people do: with synonyms, with mistakes, with most details left out."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Int64

from vlstudy.data.miniature.latents import Latents

CAPTIONS = 5  # a scene, as in Flickr8k

# The first word of a row is the name that the classes use. Words that fit several rows are as vague as they look.
_SHAPES = (
    ("circle", "disc", "ball", "round shape"),
    ("hexagon", "nut", "cell", "round shape"),
    ("square", "block", "box", "angular shape"),
    ("triangle", "wedge", "tent", "angular shape"),
    ("star", "spark", "badge", "pointed shape"),
    ("cross", "plus", "badge", "angular shape"),
    ("heart", "locket", "badge", "pointed shape"),
    ("ring", "hoop", "wheel", "round shape"),
)
_TEXTURES = (
    ("solid", "plain", "painted"),
    ("striped", "banded", "lined"),
    ("zigzag", "wavy", "lined"),
    ("dotted", "spotted", "patterned"),
    ("checked", "chequered", "patterned"),
    ("speckled", "spotted", "grainy"),
)
_COLOURS = (
    ("red", "scarlet"),
    ("orange", "amber"),
    ("yellow", "golden"),
    ("green", "emerald"),
    ("teal", "turquoise"),
    ("blue", "azure"),
    ("purple", "violet"),
    ("pink", "rosy"),
)
_PLACES = (
    ("in the sky", "among clouds"),
    ("at sea", "over water"),
    ("on the grass", "in a meadow"),
    ("on the sand", "on a beach"),
    ("on a brick wall", "by a wall"),
    ("at night", "under stars"),
)
_SENTENCES = (
    "a picture of {thing} {place}",
    "there is {thing} {place}",
    "{thing} {place}",
    "{place} {thing}",
    "we see {thing} {place}",
    "look at {thing} {place}",
)
# Look-alikes that people mix up; the others are mixed up with themselves, that is with nothing.
_LIKE_SHAPE = np.array([1, 0, 2, 6, 5, 4, 3, 7])  # circle and hexagon, triangle and heart, star and cross
_LIKE_TEXTURE = np.array([0, 2, 1, 5, 4, 3])  # striped and zigzag, dotted and speckled
_VAGUE = ("thing", "shape", "object")

# Chances that a caption names a detail. Our choice: the object mostly, the rest about every second time.
_NAMES_SHAPE, _NAMES_TEXTURE, _NAMES_COLOUR, _NAMES_PLACE, _NAMES_SIZE, _NAMES_COMPANION = 0.8, 0.5, 0.6, 0.5, 0.2, 0.5
# Chance that a look-alike is named instead. The pictures tell them apart, the texts hardly do, so a few labelled scenes
# can teach what pretraining did not.
_MIXED_UP = 0.4
_FIRST_WORD = 0.5  # chance of the first word of a row; the others share the rest

Kinds = Int64[np.ndarray, " n"]
Draws = Float32[np.ndarray, " n"]


def captions(latents: Latents) -> tuple[tuple[str, ...], ...]:
    """Five captions of every scene; no two of a scene begin alike."""
    return tuple(zip(*(caption(latents, np.full(len(latents), number)) for number in range(CAPTIONS)), strict=True))


def caption(latents: Latents, number: Int64[np.ndarray, " n"]) -> list[str]:
    """The caption `number[i]`, 0 to 4, of every scene i."""
    say = _Speech(latents, number)
    things, companions, places = say.things(), say.companions(), say.places()
    order = latents.chance.integer("sentences", len(_SENTENCES))
    chosen = [_SENTENCES[(start + own) % len(_SENTENCES)] for start, own in zip(order, number, strict=True)]
    rows = zip(chosen, things, companions, places, strict=True)
    return [" ".join(s.format(thing=f"{t} {c}", place=p).split()) + "." for s, t, c, p in rows]


def vocabulary() -> tuple[str, ...]:
    """Every word that the grammar can say, sorted."""
    phrases = [word for table in (_SHAPES, _TEXTURES, _COLOURS, _PLACES) for row in table for word in row]
    frames = [sentence.format(thing="", place="") for sentence in _SENTENCES]
    return tuple(sorted({word for text in (*phrases, *frames, *_VAGUE, _EXTRAS) for word in text.split()}))


_EXTRAS = "a an large small beside little"


def _article(phrase: str) -> str:
    return f"an {phrase}" if phrase[0] in "aeiou" else f"a {phrase}"


class _Speech:
    """The words for every scene of a batch in one of its captions."""

    def __init__(self, latents: Latents, number: Int64[np.ndarray, " n"]) -> None:
        self._latents, self._number = latents, number

    def _draw(self, detail: str) -> Draws:
        """A number of its own for every (scene, caption, detail)."""
        every = np.stack([self._latents.chance.uniform(f"caption {k} {detail}") for k in range(CAPTIONS)])
        own: Draws = every[self._number, np.arange(len(self._number))]
        return own

    def _words(self, detail: str, kinds: Kinds, table: Sequence[Sequence[str]]) -> list[str]:
        """A synonym for every scene's kind; the first of its row in half of the captions."""
        rows = zip(kinds, self._draw(f"word of {detail}"), strict=True)
        return [table[kind][_synonym(draw, len(table[kind]))] for kind, draw in rows]

    def _meant(self, detail: str, kinds: Kinds, like: Int64[np.ndarray, " kinds"]) -> Kinds:
        """What the writer takes each scene's kind for."""
        return np.where(self._draw(f"mixed up {detail}") < _MIXED_UP, like[kinds], kinds)

    def _said(self, detail: str, share: float, words: Sequence[str]) -> list[str]:
        return [word if draw < share else "" for word, draw in zip(words, self._draw(f"names {detail}"), strict=True)]

    def things(self) -> list[str]:
        """The main object, such as `a large red spotted disc`."""
        latents = self._latents
        radius = latents.chance.uniform("radius")
        sizes = ["large" if r > 0.65 else "small" if r < 0.35 else "" for r in radius]
        shape = self._meant("shape", latents.shape, _LIKE_SHAPE)
        texture = self._meant("texture", latents.texture, _LIKE_TEXTURE)
        shapes = self._said("shape", _NAMES_SHAPE, self._words("shape", shape, _SHAPES))
        vague = [_VAGUE[int(draw * len(_VAGUE))] for draw in self._draw("vague")]
        parts = zip(
            self._said("size", _NAMES_SIZE, sizes),
            self._said("colour", _NAMES_COLOUR, self._words("colour", latents.colour, _COLOURS)),
            self._said("texture", _NAMES_TEXTURE, self._words("texture", texture, _TEXTURES)),
            [shape or other for shape, other in zip(shapes, vague, strict=True)],
            strict=True,
        )
        return [_article(" ".join(word for word in words if word)) for words in parts]

    def companions(self) -> list[str]:
        """The distractor, such as `beside a little blue star`, where there is one."""
        latents = self._latents
        shapes = self._words("companion", latents.companion, _SHAPES)
        colours = self._words("companion colour", latents.companion_colour, _COLOURS)
        rows = zip(latents.companion, colours, shapes, strict=True)
        said = [f"beside a little {colour} {shape}" if kind >= 0 else "" for kind, colour, shape in rows]
        return self._said("companion", _NAMES_COMPANION, said)

    def places(self) -> list[str]:
        """Where it is, such as `among clouds`."""
        return self._said("place", _NAMES_PLACE, self._words("place", self._latents.place, _PLACES))


def _synonym(draw: float, count: int) -> int:
    """Which word of a row a number on [0, 1) chooses."""
    rest = max(0.0, float(draw) - _FIRST_WORD) / (1 - _FIRST_WORD)
    return 0 if draw < _FIRST_WORD else 1 + int(rest * (count - 1))
