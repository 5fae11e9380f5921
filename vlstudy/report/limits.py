"""What a study of this task does not show, in sentences."""

from vlstudy.journal import StudyRecord
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


def limits(record: StudyRecord) -> tuple[str, ...]:
    """The sentences that this study's task, measures and arms call for."""
    seen = any(name.startswith("test/attention_on_object") for item in record.confirms for name in item.metrics)
    stacked = any(arm.on for arm in record.header.arms)
    asked = [line for one in tasks(record) for line in _TASKS.get(one, ())]
    return (*asked, *[_ATTENTION] * seen, *[_STAGES] * stacked)
