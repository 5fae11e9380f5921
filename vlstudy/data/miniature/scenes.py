"""Rendering: from the latents of scenes to their pixels and the masks of their main objects."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from vlstudy.data.miniature.chance import Chance
from vlstudy.data.miniature.classes import COLOURS
from vlstudy.data.miniature.latents import Latents
from vlstudy.data.miniature.places import SIDE, TONES, pattern
from vlstudy.data.miniature.shapes import OUTLINES, PATTERNS

Ints = Int64[np.ndarray, " n"]
Row = Float32[np.ndarray, "n 1 1"]
Canvas = Float32[np.ndarray, "n h w"]

_CHUNK = 32  # scenes rendered at once: one float32 canvas is then half a megabyte and stays in the cache
_PALETTE = np.array(list(COLOURS.values()), np.float32)
_Y, _X = (grid.astype(np.float32)[None] for grid in np.mgrid[:SIDE, :SIDE])


def render(latents: Latents) -> tuple[UInt8[np.ndarray, "n h w 3"], Bool[np.ndarray, "n h w"]]:
    """The pixels of the scenes and the masks of their main objects.

    A pixel of the mask shows the object alone, so another background leaves it as it is. Outside the mask the outline
    fades into the background over half a pixel.
    """
    count = len(latents)
    pixels, masks = np.empty((count, SIDE, SIDE, 3), np.uint8), np.empty((count, SIDE, SIDE), bool)
    for start in range(0, count, _CHUNK):
        part = slice(start, start + _CHUNK)
        pixels[part], masks[part] = _render_chunk(latents.part(part))
    return pixels, masks


def _render_chunk(latents: Latents) -> tuple[UInt8[np.ndarray, "n h w 3"], Bool[np.ndarray, "n h w"]]:
    chance = latents.chance
    backdrop = pattern(latents.place, chance.uniform("place a"), chance.uniform("place b"))
    cover, (u, v, radius) = _object(latents)
    weave = _weave(latents, u * radius, v * radius)
    side = _companion_cover(latents)
    light = _light(chance)
    dark, bright = _place_tones(latents)
    first, second = _object_tones(latents)
    companion = _PALETTE[latents.companion_colour]
    pixels = np.empty((*cover.shape, 3), np.uint8)
    for channel in range(3):
        scene = _blend(_row(dark[:, channel]), _row(bright[:, channel]), backdrop)
        scene = _blend(scene, _row(companion[:, channel]), side)
        scene = _blend(scene, _blend(_row(first[:, channel]), _row(second[:, channel]), weave), cover)
        pixels[..., channel] = np.clip(scene * light, 0, 255).astype(np.uint8)
    return pixels, cover == 1


def _row(values: Float32[np.ndarray, " n"]) -> Row:
    return values[:, None, None]


def _blend(under: Canvas | Row, over: Canvas | Row, cover: Canvas) -> Canvas:
    blend: Canvas = under + (over - under) * cover
    return blend


def _soft(outline: Canvas, radius: Row) -> Canvas:
    """1 inside an outline, 0 a pixel outside it; what lies half a pixel inside or more counts as wholly covered."""
    cover = np.clip(np.float32(0.5) - outline * radius, 0, 1)
    return np.where(cover >= np.float32(0.5), np.float32(1), cover)


def _by_kind(kinds: Ints, table: Sequence[Callable[[Canvas, Canvas], Canvas]], a: Canvas, b: Canvas) -> Canvas:
    """Each scene's own function of the table, applied to its two coordinates."""
    out = np.ones(a.shape, np.float32)
    for number, function in enumerate(table):
        (chosen,) = np.nonzero(kinds == number)
        if len(chosen):
            out[chosen] = function(a[chosen], b[chosen])
    return out


def _turn(half: Row, u: Canvas, v: Canvas) -> tuple[Canvas, Canvas]:
    """The point turned by 2 atan(half): rational, so it needs neither sine nor cosine."""
    scale = 1 / (1 + half * half)
    cosine, sine = (1 - half * half) * scale, 2 * half * scale
    return cosine * u + sine * v, cosine * v - sine * u


def _object(latents: Latents) -> tuple[Canvas, tuple[Canvas, Canvas, Row]]:
    """Cover of the main object, with its own coordinates and its radius in pixels."""
    chance = latents.chance
    radius = _row(chance.uniform("radius", 17, 23))
    x = (_X - _row(chance.uniform("x", 27, 37))) / radius
    y = (_Y - _row(chance.uniform("y", 27, 37))) / radius
    u, v = _turn(_row(chance.uniform("turn", -0.12, 0.12)), x, y)
    u = u * _row(chance.uniform("stretch", 0.9, 1.12))
    return _soft(_by_kind(latents.shape, OUTLINES, u, v), radius), (u, v, radius)


def _weave(latents: Latents, u: Canvas, v: Canvas) -> Canvas:
    """Where the second tone of the texture shows; periods of 7 to 10 pixels are wide enough to be seen at 64 x 64."""
    chance = latents.chance
    p, q = _turn(_row(chance.uniform("weave turn", -0.4, 0.4)), u, v)
    period = _row(chance.uniform("weave period", 7, 10))
    p, q = p / period + _row(chance.uniform("weave p")), q / period + _row(chance.uniform("weave q"))
    return _by_kind(latents.texture, PATTERNS, p, q)


def _companion_cover(latents: Latents) -> Canvas:
    """Cover of the distractor, in one of the corners, behind the main object."""
    chance = latents.chance
    radius = _row(chance.uniform("companion radius", 6, 8.5))
    corner = chance.integer("companion corner", 4)
    near, far = chance.uniform("companion x", 7, 13), chance.uniform("companion y", 7, 13)
    x = (_X - _row(np.where(corner % 2 == 0, near, 64 - near))) / radius
    y = (_Y - _row(np.where(corner // 2 == 0, far, 64 - far))) / radius
    outline = _by_kind(latents.companion, OUTLINES, x, y)
    return _soft(outline, radius)


def _light(chance: Chance) -> Canvas:
    """Brightness of every pixel: a level with a slope, as from a lamp outside the picture."""
    slope_x, slope_y = (_row(chance.uniform(f"light {axis}", -0.25, 0.25)) for axis in "xy")
    level = _row(chance.uniform("light", 0.8, 1.1))
    light: Canvas = level + slope_x * (_X / SIDE - np.float32(0.5)) + slope_y * (_Y / SIDE - np.float32(0.5))
    return light


def _place_tones(latents: Latents) -> tuple[Float32[np.ndarray, "n 3"], Float32[np.ndarray, "n 3"]]:
    """Dark and light tone of the backgrounds, with a tint of their own."""
    tones = TONES[latents.place]
    tint = np.stack([latents.chance.uniform(f"tint {channel}", -18, 18) for channel in range(3)], axis=1)
    return tones[:, 0] + tint, tones[:, 1] + tint


def _object_tones(latents: Latents) -> tuple[Float32[np.ndarray, "n 3"], Float32[np.ndarray, "n 3"]]:
    """First tone of the objects, near their colour, and the second, which is darker or lighter."""
    chance = latents.chance
    tint = np.stack([chance.uniform(f"hue {channel}", -22, 22) for channel in range(3)], axis=1)
    first = _PALETTE[latents.colour] + tint
    toward = np.where(chance.uniform("second tone") < 0.5, np.float32(0), np.float32(255))[:, None]
    return first, first + (toward - first) * chance.uniform("contrast", 0.5, 0.75)[:, None]
