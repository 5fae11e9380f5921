"""Outlines and surface patterns, as functions of a point in the object's own frame.

Only +, -, *, /, sqrt, min, max, abs and floor touch a pixel. IEEE 754 fixes the result of each of them, so a scene is
the same to the last bit on every CPU.
"""

from collections.abc import Callable
from math import cos, pi, sin

import numpy as np
from jaxtyping import Float32

Field = Float32[np.ndarray, "n h w"]


def _half_planes(u: Field, v: Field, sides: int) -> list[Field]:
    """Distances along the outward normals of a regular polygon; the first normal points down, so it has a flat foot."""
    angles = [pi / 2 + 2 * pi * side / sides for side in range(sides)]
    return [u * np.float32(cos(angle)) + v * np.float32(sin(angle)) for angle in angles]


def _polygon(u: Field, v: Field, sides: int, inner: float) -> Field:
    """Positive outside a regular polygon of inner radius `inner`."""
    planes = _half_planes(u, v, sides)
    worst: Field = planes[0]
    for plane in planes[1:]:
        worst = np.maximum(worst, plane)
    worst = worst - np.float32(inner)
    return worst


def _star(u: Field, v: Field) -> Field:
    """A five-pointed star: the points that violate at most one side of a pentagon, so the second largest rules."""
    planes = _half_planes(u, v, 5)
    first, second = np.maximum(planes[0], planes[1]), np.minimum(planes[0], planes[1])
    for plane in planes[2:]:
        second = np.maximum(second, np.minimum(first, plane))
        first = np.maximum(first, plane)
    outline: Field = second - np.float32(0.38)
    return outline


def _cross(u: Field, v: Field) -> Field:
    a, b = np.abs(u), np.abs(v)
    long, wide = np.float32(0.98), np.float32(0.33)
    outline: Field = np.minimum(np.maximum(a - long, b - wide), np.maximum(a - wide, b - long))
    return outline


def _heart(u: Field, v: Field) -> Field:
    """Two discs above a square that stands on its corner."""
    a = np.abs(u)
    disc = np.sqrt((a - np.float32(0.45)) ** 2 + (v + np.float32(0.32)) ** 2) - np.float32(0.53)
    corner = (a + np.abs(v - np.float32(0.02))) * np.float32(0.7071) - np.float32(0.66)
    outline: Field = np.minimum(disc, np.where(v > np.float32(-0.3), corner, np.float32(1.0)))
    return outline


def _ring(u: Field, v: Field) -> Field:
    outline: Field = np.abs(np.sqrt(u * u + v * v) - np.float32(0.68)) - np.float32(0.28)
    return outline


# Signed fields, negative inside, roughly in units of the object's radius; the order is that of classes.SHAPES.
OUTLINES: tuple[Callable[[Field, Field], Field], ...] = (
    lambda u, v: np.sqrt(u * u + v * v) - np.float32(0.92),
    lambda u, v: _polygon(u, v, 6, 0.82),
    lambda u, v: np.maximum(np.abs(u), np.abs(v)) - np.float32(0.8),
    lambda u, v: _polygon(u, v + np.float32(-0.15), 3, 0.55),
    _star,
    _cross,
    _heart,
    _ring,
)


def _fraction(x: Field) -> Field:
    fraction: Field = x - np.floor(x)
    return fraction


def _zigzag(p: Field, q: Field) -> Field:
    bend = np.abs(_fraction(q * np.float32(0.6)) - np.float32(0.5)) * np.float32(1.7)
    return _stripes(p + bend, q)


def _stripes(p: Field, q: Field) -> Field:
    return (_fraction(p) < np.float32(0.5)).astype(np.float32)


def _dots(p: Field, q: Field) -> Field:
    a, b = _fraction(p) - np.float32(0.5), _fraction(q) - np.float32(0.5)
    return (a * a + b * b < np.float32(0.1)).astype(np.float32)


def _checks(p: Field, q: Field) -> Field:
    second: Field = ((_fraction(p) < np.float32(0.5)) ^ (_fraction(q) < np.float32(0.5))).astype(np.float32)
    return second


def _speckles(p: Field, q: Field) -> Field:
    """Irregular spots: a dot in each cell, moved by an integer hash of the cell, so that no rows appear."""
    scaled_p, scaled_q = p * np.float32(1.5), q * np.float32(1.5)
    cell = np.floor(scaled_p).astype(np.int32) * np.int32(7) + np.floor(scaled_q).astype(np.int32) * np.int32(13)
    jitter = (cell * cell * np.int32(5) + cell) & np.int32(31)
    a = _fraction(scaled_p) - np.float32(0.3) - jitter.astype(np.float32) * np.float32(0.4 / 31)
    b = _fraction(scaled_q) - np.float32(0.7) + ((jitter * 11) & np.int32(31)).astype(np.float32) * np.float32(0.4 / 31)
    spots: Field = (a * a + b * b < np.float32(0.07)).astype(np.float32)
    return spots


# 1 where the second tone shows; p and q count periods across and along. The order is that of classes.TEXTURES.
PATTERNS: tuple[Callable[[Field, Field], Field], ...] = (
    lambda p, q: np.zeros_like(p),
    _stripes,
    _zigzag,
    _dots,
    _checks,
    _speckles,
)
