"""Counter-based randomness: every number is a pure function of (key, index, name), whatever its batch."""

import hashlib
from functools import lru_cache

import numpy as np
from jaxtyping import Float32, Int64, UInt64

# Increment and multipliers of splitmix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number
# generators", OOPSLA 2014, and the public-domain reference code of S. Vigna.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def mix(state: UInt64[np.ndarray, "..."]) -> UInt64[np.ndarray, "..."]:
    """The splitmix64 finaliser: a bijection of 64-bit words whose output bits look independent."""
    state = state + _GOLDEN
    state ^= state >> np.uint64(30)
    state *= _FIRST
    state ^= state >> np.uint64(27)
    state *= _SECOND
    state ^= state >> np.uint64(31)
    return state


@lru_cache(maxsize=1024)
def word(name: str) -> int:
    """The 64-bit word that stands for a name, the same on every machine."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


class Chance:
    """The random numbers of a batch of scenes, asked for by name.

    >>> alone, batch = Chance("pool", np.array([7])), Chance("pool", np.array([3, 7]))
    >>> bool(alone.uniform("radius")[0] == batch.uniform("radius")[1])
    True
    """

    def __init__(self, key: str, indices: Int64[np.ndarray, " n"]) -> None:
        self._states = mix(indices.astype(np.uint64) * _GOLDEN + np.uint64(word(key)))

    def part(self, chosen: slice) -> "Chance":
        """The random numbers of some of the scenes."""
        some = object.__new__(Chance)
        some._states = self._states[chosen]
        return some

    def bits(self, name: str) -> UInt64[np.ndarray, " n"]:
        """One 64-bit word a scene."""
        return mix(self._states ^ np.uint64(word(name)))

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0) -> Float32[np.ndarray, " n"]:
        """One number a scene, uniform on [low, high); 24 bits, so that float32 holds it exactly."""
        unit = (self.bits(name) >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
        return np.float32(low) + np.float32(high - low) * unit

    def integer(self, name: str, count: int) -> Int64[np.ndarray, " n"]:
        """One whole number a scene, uniform on 0..count-1."""
        return (self.uniform(name) * np.float32(count)).astype(np.int64)

    def normal_field(self, name: str, width: int) -> Float32[np.ndarray, "n width"]:
        """`width` roughly normal numbers a scene, from the sum of the eight bytes of a word.

        A sum of eight bytes is normal enough for pixel noise, costs one word, and uses no function whose last bit
        differs from one CPU to the next.
        """
        words = mix(self.bits(name)[:, None] + np.arange(width, dtype=np.uint64) * _GOLDEN)
        pairs = (words & np.uint64(0x00FF00FF00FF00FF)) + ((words >> np.uint64(8)) & np.uint64(0x00FF00FF00FF00FF))
        total = (pairs * np.uint64(0x0001000100010001)) >> np.uint64(48)
        deviation = np.float32((8 * (256**2 - 1) / 12) ** 0.5)
        return (total.astype(np.float32) - np.float32(8 * 127.5)) / deviation
