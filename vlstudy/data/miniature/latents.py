"""What a scene shows before a pixel is drawn; its picture and its captions are both made from this."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from vlstudy.data.miniature.chance import Chance
from vlstudy.data.miniature.classes import COLOURS, HOME, HOME_SHARE, PLACES, SHAPES, TEXTURES

Ints = Int64[np.ndarray, " n"]
Floats = Float32[np.ndarray, " n"]

_COMPANION_SHARE = 0.35


@dataclass(frozen=True, kw_only=True)
class Latents:
    """The choices behind a batch of scenes. Numbers index the tables of `classes`; a companion of -1 is none."""

    chance: Chance
    shape: Ints
    texture: Ints
    colour: Ints
    place: Ints
    companion: Ints
    companion_colour: Ints

    def __len__(self) -> int:
        return len(self.shape)

    def part(self, chosen: slice) -> "Latents":
        """Some of the scenes."""
        return Latents(
            chance=self.chance.part(chosen),
            shape=self.shape[chosen],
            texture=self.texture[chosen],
            colour=self.colour[chosen],
            place=self.place[chosen],
            companion=self.companion[chosen],
            companion_colour=self.companion_colour[chosen],
        )


def draw_latents(
    key: str, indices: Ints, shape: Ints | None = None, texture: Ints | None = None, home_share: float = HOME_SHARE
) -> Latents:
    """The latents of the scenes `indices` of the stream `key`.

    Args:
        key: names the stream; streams share no scene.
        indices: which scenes of it.
        shape: the shape of each, drawn where it is not given.
        texture: the texture of each, drawn where it is not given.
        home_share: how often a scene is set where its shape lives; elsewhere all places are alike.
    """
    chance = Chance(key, indices)
    shape = chance.integer("shape", len(SHAPES)) if shape is None else shape
    texture = chance.integer("texture", len(TEXTURES)) if texture is None else texture
    colour = chance.integer("colour", len(COLOURS))
    at_home = chance.uniform("at home") < home_share
    place = np.where(at_home, np.array(HOME)[shape], chance.integer("place", len(PLACES)))
    companion, companion_colour = _companion(chance, "", shape, colour)
    return Latents(
        chance=chance,
        shape=shape,
        texture=texture,
        colour=colour,
        place=place,
        companion=companion,
        companion_colour=companion_colour,
    )


def _companion(chance: Chance, world: str, shape: Ints, colour: Ints) -> tuple[Ints, Ints]:
    """A second, small object of another shape and colour, in some of the scenes."""
    other = (shape + 1 + chance.integer(f"{world}companion", len(SHAPES) - 1)) % len(SHAPES)
    present = chance.uniform(f"{world}has companion") < _COMPANION_SHARE
    hue = (colour + 1 + chance.integer(f"{world}companion colour", len(COLOURS) - 1)) % len(COLOURS)
    return np.where(present, other, -1), hue


def swap_background(latents: Latents) -> Latents:
    """The same objects in front of another place and beside another companion.

    The new place is neither the old one nor the home of the shape, so what a model knew about places misleads it.
    """
    chance, count = latents.chance, len(PLACES)
    home, old = np.array(HOME)[latents.shape], latents.place
    place = (old + 1 + chance.integer("swapped place", count - 1)) % count
    place = np.where(place == home, (place + 1) % count, place)
    place = np.where(place == old, (place + 1) % count, place)
    place = np.where(place == home, (place + 1) % count, place)
    companion, companion_colour = _companion(chance, "swapped ", latents.shape, latents.colour)
    return Latents(
        chance=chance,
        shape=latents.shape,
        texture=latents.texture,
        colour=latents.colour,
        place=place,
        companion=companion,
        companion_colour=companion_colour,
    )
