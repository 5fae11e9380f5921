"""Whether a study is about the gap between the modalities, by which quality its arms are judged, and what collapsed."""

from collections.abc import Sequence

from vlstudy.journal import ArmHeader, StudyRecord
from vlstudy.report.formatting import scale
from vlstudy.report.reading import conditions, measured

GAPS = {  # the paper's three
    "raw gap": "test/raw_gap",
    "centroid gap": "test/centroid_gap",
    "distribution gap": "test/distribution_gap",
}
DIMENSIONS = ("test/effective_dimension", "test/image_effective_dimension", "test/text_effective_dimension")
LEAST = 2.0  # dimensions; features that fill fewer have collapsed: TPC-CMA, specification, check 32
FACTORS = {"accuracy": scale("fraction"), "mean_recall": scale("fraction"), "cider": 100.0}  # papers print CIDEr x100
LABELS = {
    "accuracy": "accuracy on test (%)",
    "mean_recall": "mean recall on test (%)",
    "cider": "CIDEr-D on test (×100)",
    "joint_ari": "joint ARI on test",
}
_CLOSING = ("cma", "mean_centring", "m2_mix", "clip_refine")


def closes_gaps(record: StudyRecord) -> bool:
    """Whether an arm is there to close the gap, or the gap is what the study is decided by."""
    return any(arm.method in _CLOSING for arm in record.header.arms) or "_gap" in record.header.objective


def quality(record: StudyRecord, ranked: Sequence[str], *, models: int = 1) -> str:
    """The first of these metrics that at least so many arms of one condition were measured by, else by any, else "".

    Args:
        record: of the study.
        ranked: names without their split.
        models: arms of one condition.
    """
    most = dict.fromkeys(ranked, 0)
    for name in ranked:
        for one in conditions(record):
            found = [arm for arm in one.arms if measured(record, arm.name, f"test/{name}")]
            most[name] = max(most[name], len(found))
    return next((name for least in (models, 1) for name in ranked if most[name] >= least), "")


def collapsed(record: StudyRecord, arm: ArmHeader) -> bool:
    """Whether the arm's images, captions or both together fill fewer than two dimensions, in the mean over seeds."""
    found = (list(measured(record, arm.name, name).values()) for name in DIMENSIONS)
    return any(values and sum(values) / len(values) < LEAST for values in found)
