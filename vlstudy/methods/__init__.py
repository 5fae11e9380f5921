"""The table of methods: each is a frozen dataclass of its hyperparameters."""

from vlstudy.methods.alignclip import AlignClip
from vlstudy.methods.clip_adapter import ClipAdapter
from vlstudy.methods.clip_lora import ClipLora
from vlstudy.methods.clip_refine import ClipRefine
from vlstudy.methods.cma import Cma
from vlstudy.methods.contrastive import Contrastive
from vlstudy.methods.coop import CoOp
from vlstudy.methods.finetune import Finetune
from vlstudy.methods.fma import Fma
from vlstudy.methods.linear_probe import LinearProbe
from vlstudy.methods.m2_mix import M2Mix
from vlstudy.methods.mean_centring import MeanCentring
from vlstudy.methods.protocol import Batch, Method
from vlstudy.methods.tip_adapter import TipAdapter, TipAdapterF
from vlstudy.methods.zero_shot import ZeroShot

METHODS: dict[str, type[Method]] = {
    "zero_shot": ZeroShot,
    "linear_probe": LinearProbe,
    "clip_adapter": ClipAdapter,
    "tip_adapter": TipAdapter,
    "tip_adapter_f": TipAdapterF,
    "coop": CoOp,
    "clip_lora": ClipLora,
    "finetune": Finetune,
    "fma": Fma,
    "alignclip": AlignClip,
    "contrastive": Contrastive,
    "cma": Cma,
    "mean_centring": MeanCentring,
    "m2_mix": M2Mix,
    "clip_refine": ClipRefine,
}

__all__ = ["METHODS", "Batch", "Method"]
