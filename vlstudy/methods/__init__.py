"""The table of methods: each is a frozen dataclass of its hyperparameters."""

from vlstudy.methods.clip_adapter import ClipAdapter
from vlstudy.methods.fma import Fma
from vlstudy.methods.linear_probe import LinearProbe
from vlstudy.methods.protocol import Batch, Method
from vlstudy.methods.zero_shot import ZeroShot

METHODS: dict[str, type[Method]] = {
    "zero_shot": ZeroShot,
    "linear_probe": LinearProbe,
    "clip_adapter": ClipAdapter,
    "fma": Fma,
}

__all__ = ["METHODS", "Batch", "Method"]
