"""Whether the weights of a study's backbone are on this machine."""

import os
from collections.abc import Iterator

from vlstudy.backbones.presence import presence
from vlstudy.doctor.finding import Finding, ok, warning, wrong
from vlstudy.errors import BackboneError
from vlstudy.study.spec import StudySpec

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")  # what huggingface_hub reads
_WAYS = "HF_HOME can name a cache that was filled elsewhere; backbone.pretrained can be a checkpoint's path."


def look(spec: StudySpec) -> Iterator[Finding]:
    """One line: there with their digest, to be fetched, or not to be had."""
    if not any(spec.data_of(arm).uses_backbone for arm in spec.arms):
        yield ok("weights", "none are needed: the features were made elsewhere")
        return
    try:
        found = presence(spec.backbone.model, spec.backbone.pretrained)
    except BackboneError as error:
        yield wrong("weights", str(error))
        return
    if found.there:
        yield ok("weights", found.told)
    elif any(os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE") for name in _OFFLINE):
        yield wrong("weights", f"{found.told}, and fetching is switched off ({_OFFLINE[0]})", _WAYS)
    else:
        yield warning("weights", f"not on this machine: {found.told}", f"a network at launch, or: {_WAYS}")
