"""The table of loss schedules: how a method's loss terms are weighed during training."""

from vlstudy.schedules.entropy_emb import EntropyEmb
from vlstudy.schedules.entropy_out import EntropyOut
from vlstudy.schedules.fixed import Fixed
from vlstudy.schedules.protocol import Schedule
from vlstudy.schedules.spread_intra import SpreadIntra
from vlstudy.schedules.spread_sim import SpreadSim
from vlstudy.schedules.three_phase import ThreePhase
from vlstudy.schedules.variance_emb import VarianceEmb
from vlstudy.schedules.variance_sim import VarianceSim

SCHEDULES: dict[str, type[Schedule]] = {
    "fixed": Fixed,
    "variance_sim": VarianceSim,
    "entropy_out": EntropyOut,
    "spread_sim": SpreadSim,
    "variance_emb": VarianceEmb,
    "entropy_emb": EntropyEmb,
    "spread_intra": SpreadIntra,
    "three_phase": ThreePhase,
}

__all__ = ["SCHEDULES", "Schedule"]
