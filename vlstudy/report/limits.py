"""What a study of this task does not show, in sentences."""

from vlstudy.journal import StudyRecord
from vlstudy.report.gaps import collapsed
from vlstudy.report.reading import tasks

_TASKS = {
    "base_to_new": (
        "Base and new classes are two halves of one list: other halves of the same data may order the arms "
        "differently. The harmonic mean counts a point of base and a point of new accuracy alike, which a use may not.",
        "New classes were scored among new names only, as the protocol asks. With base and new names together, "
        "accuracy on new classes is lower, and an arm that favours the classes it was trained on loses more.",
    ),
    "open_class": (
        "Base and new classes are two halves of one list: other halves of the same data may order the arms "
        "differently, and how many of the images show new classes decides their weight in a use.",
    ),
    "domain_shift": (
        "A few domains are not a sample of all domains. The intervals cover the seeds on these domains and say nothing "
        "of a domain that is not among them; a mean over so few can be decided by one.",
        "Validation images come from the domains that were trained on, so that settings were not chosen for the shift.",
    ),
}
_ATTENTION = (
    "Attention inside a mask is not evidence of better predictions, nor that the prediction rests on the object: the "
    "class token's attention is one of several ways on which information flows. Accuracy is what was compared."
)
_STAGES = (
    "An arm that stands on another was searched with the lower arm's best setting held: the two were not tuned "
    "together, and together they had more trials than an arm that stands alone."
)
_TPC_CMA = (
    "What is called cma here is a reconstruction of TPC-CMA, not the paper's method: only its abstract and summaries "
    "by third parties could be read. Its loss formulas, their weights, the shape of its curriculum and the definitions "
    "of its gaps are unknown; ours are marked as our choice. Nothing here confirms or refutes the paper.",
    "Which gap the paper reports as reduced, and on which data and in which unit its loss of accuracy is, is unknown.",
    "A small raw or centroid gap alone is no success: subtracting the means drives the centroid gap to 0 and leaves "
    "the distribution gap, and features that collapse drive all gaps to 0. Read the normalized distribution gap and "
    "the effective dimension beside them.",
    "Part of what accuracy loses comes from contrastive fine-tuning on small batches, not from alignment: compare with "
    "alpha_target = 0, not with the untouched backbone alone. A value of alpha_target is for validation to choose.",
)
_VARIANCE_AWARE = (
    "The variance-aware paper and its released code describe different methods: the paper weighs by smoothed variances "
    "of similarity scores (variance_sim, with gaps of its text filled by our choice), the code by variances of raw "
    "embeddings in a batch (variance_emb). A result of one says nothing of the other.",
)
_DIRECTED = ("variance_sim", "variance_emb", "entropy_out", "entropy_emb", "spread_sim", "spread_intra")


def limits(record: StudyRecord) -> tuple[str, ...]:
    """The sentences that this study's task, measures and arms call for."""
    seen = any(name.startswith("test/attention_on_object") for item in record.confirms for name in item.metrics)
    stacked = any(arm.on for arm in record.header.arms)
    asked = [line for one in tasks(record) for line in _TASKS.get(one, ())]
    published = [line for line in _TPC_CMA if any(arm.method == "cma" for arm in record.header.arms)]
    published += [line for line in _VARIANCE_AWARE if any(arm.schedules & set(_DIRECTED) for arm in record.header.arms)]
    return (*asked, *published, *_collapse(record), *[_ATTENTION] * seen, *[_STAGES] * stacked)


def _collapse(record: StudyRecord) -> tuple[str, ...]:
    """Which arms collapsed, if any did."""
    fallen = [arm.name for arm in record.header.arms if collapsed(record, arm)]
    if not fallen:
        return ()
    return (
        f"The features of {', '.join(fallen)} fill fewer than two dimensions: they have collapsed, and their small "
        "gaps do not count as a success.",
    )
