"""Backgrounds: what a scene looks like where no object is, between a dark and a light tone of its place."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Int64

SIDE = 64
Canvas = Float32[np.ndarray, "n h w"]
Row = Float32[np.ndarray, "n 1 1"]

# Dark and light tone of each place, in the order of classes.PLACES. Muted, unlike the colours of objects.
TONES = np.array(
    [
        [(120, 150, 185), (225, 232, 240)],
        [(40, 75, 105), (125, 165, 180)],
        [(62, 84, 48), (142, 160, 98)],
        [(178, 158, 122), (222, 206, 172)],
        [(122, 84, 72), (190, 172, 158)],
        [(16, 18, 34), (215, 215, 200)],
    ],
    dtype=np.float32,
)


def _smooth_noise() -> Float32[np.ndarray, "128 128"]:
    """A fixed periodic tile of soft blobs on [0, 1]; scenes differ by where they cut it."""
    tile = _grain()
    for _ in range(3):
        for axis in (0, 1):
            near = [np.roll(tile, shift, axis) for shift in (-3, -1, 0, 1, 3)]
            tile = (near[0] + near[1] + near[2] + near[3] + near[4]) / np.float32(5)
    blobs: Float32[np.ndarray, "128 128"] = np.clip((tile - np.float32(0.5)) * np.float32(9) + np.float32(0.5), 0, 1)
    return blobs


def _grain() -> Float32[np.ndarray, "128 128"]:
    """A fixed tile of independent uniform numbers, from integer arithmetic alone."""
    state = np.arange(128 * 128, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state ^= state >> np.uint64(29)
    state *= np.uint64(0xBF58476D1CE4E5B9)
    state ^= state >> np.uint64(32)
    return ((state >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)).reshape(128, 128)


_GRAIN, _BLOBS = _grain(), _smooth_noise()
_AXIS = np.arange(SIDE)


def _cut(tile: Float32[np.ndarray, "128 128"], a: Row, b: Row, stretch: tuple[int, int] = (1, 1)) -> Canvas:
    """A window of the tile a scene, at an offset from (a, b); `stretch` repeats rows or columns."""
    rows = ((a * 127).astype(np.int64) + _AXIS[None, :, None] // stretch[0]) % 128
    columns = ((b * 127).astype(np.int64) + _AXIS[None, None, :] // stretch[1]) % 128
    window: Canvas = tile[rows, columns]
    return window


def _wave(x: Canvas) -> Canvas:
    """A triangle wave on [0, 1]: a sine without a function whose last bit depends on the CPU."""
    wave: Canvas = np.abs(x - np.floor(x) - np.float32(0.5)) * np.float32(2)
    return wave


def _sky(y: Canvas, x: Canvas, a: Row, b: Row) -> Canvas:
    return np.float32(0.75) * _cut(_BLOBS, a, b, (1, 2)) + np.float32(0.25) * y


def _sea(y: Canvas, x: Canvas, a: Row, b: Row) -> Canvas:
    ripples = _wave(y * (5 + 3 * a) + b + np.float32(0.35) * _wave(x * (2 + 2 * b) + a))
    sea: Canvas = np.float32(0.8) * ripples * ripples + np.float32(0.2) * y
    return sea


def _grass(y: Canvas, x: Canvas, a: Row, b: Row) -> Canvas:
    return np.float32(0.7) * _cut(_GRAIN, a, b, (7, 1)) + np.float32(0.3) * _cut(_BLOBS, b, a)


def _sand(y: Canvas, x: Canvas, a: Row, b: Row) -> Canvas:
    return np.float32(0.55) * _cut(_GRAIN, a, b) + np.float32(0.45) * _cut(_BLOBS, b, a, (2, 2))


def _brick(y: Canvas, x: Canvas, a: Row, b: Row) -> Canvas:
    rows = y * (6 + 2 * a) + b
    courses = np.floor(rows)
    columns = x * (3 + a) + np.float32(0.5) * (courses - 2 * np.floor(courses / 2)) + b
    mortar = np.maximum(_wave(rows) > np.float32(0.76), _wave(columns) > np.float32(0.87))
    return np.where(mortar, np.float32(0.95), np.float32(0.15) + np.float32(0.25) * _cut(_BLOBS, a, b))


def _night(y: Canvas, x: Canvas, a: Row, b: Row) -> Canvas:
    stars = (_cut(_GRAIN, a, b) > np.float32(0.975)).astype(np.float32)
    return np.maximum(stars, np.float32(0.2) * _cut(_BLOBS, b, a, (2, 2)))


_PATTERNS: tuple[Callable[[Canvas, Canvas, Row, Row], Canvas], ...] = (_sky, _sea, _grass, _sand, _brick, _night)


def pattern(place: Int64[np.ndarray, " n"], a: Float32[np.ndarray, " n"], b: Float32[np.ndarray, " n"]) -> Canvas:
    """The tone of every background pixel, 0 dark to 1 light; a and b, uniform on [0, 1), vary it within its place."""
    out = np.empty((len(place), SIDE, SIDE), np.float32)
    y, x = (grid.astype(np.float32)[None] / SIDE for grid in np.mgrid[:SIDE, :SIDE])
    for number, draw in enumerate(_PATTERNS):
        (chosen,) = np.nonzero(place == number)
        if len(chosen):
            out[chosen] = draw(y, x, a[chosen, None, None], b[chosen, None, None])
    return out
