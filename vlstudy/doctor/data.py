"""Whether a study's data is there, and the data that it was begun with."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from vlstudy.data import SOURCES, Source, cached, load
from vlstudy.doctor.finding import Finding, ok, warning, wrong
from vlstudy.errors import VlstudyError
from vlstudy.journal.folder import exists, read_header
from vlstudy.study.spec import StudySpec, label

_LONG = re.compile(r"\b[0-9a-f]{16,64}\b")
_DIGESTS = ("data", "files")  # parts of a key that are a digest of what is on disk


def look(spec: StudySpec, folder: Path, *, weights: bool) -> Iterator[Finding]:
    """One line for each condition's source.

    Args:
        spec: the study.
        folder: where the study is, if it was begun.
        weights: whether the backbone's are here, without which nothing is known of features.
    """
    began = read_header(folder).provenance if exists(folder) else {}
    wheres: dict[Source, str] = {}
    for arm in spec.arms:
        wheres.setdefault(spec.data_of(arm), label(arm.condition) if arm.condition else "")
    for source, where in wheres.items():
        try:
            yield _source(spec, source, f"data {where}".strip(), began, where, weights or not source.uses_backbone)
        except (VlstudyError, OSError) as error:
            yield wrong(f"data {where}".strip(), str(error))


def _source(
    spec: StudySpec, source: Source, check: str, began: Mapping[str, str], where: str, weights: bool
) -> Finding:
    name = next(name for name, kind in SOURCES.items() if type(source) is kind)
    told = f"{name}: a draw trains on {source.training_images()} images"
    if not weights:
        return warning(check, f"{told}; features were not looked at", "bring the weights first.")
    held = cached(source, spec.backbone.model, spec.backbone.pretrained)
    digest = _digest(source, spec)
    lacking = sum(not there for _, _, there in held)
    if lacking:
        return ok(check, f"{told}{digest}; {lacking} of {len(held)} sets of features are made at launch")
    facts = load(source, spec.backbone.model, spec.backbone.pretrained).facts
    for fact, value in facts.items():
        before = began.get(fact, began.get(f"{fact} {where}", value))
        if before != value:
            way_out = "bring that data back, or begin anew: vlstudy launch --anew, in another --reports."
            return wrong(check, f"the study was begun with {fact} = {before}, which is now {value}", way_out)
    return ok(check, f"{told}; {_LONG.sub(_short, facts['data'])}; all features are in the store")


def _short(digest: re.Match[str]) -> str:
    return digest[0][:12]


def _digest(source: Source, spec: StudySpec) -> str:
    """The beginning of a digest of what is on disk."""
    for key in source.keys(spec.backbone.model, spec.backbone.pretrained):
        for part in _DIGESTS:
            if part in key.parts:
                return f", sha256 {key.parts[part][:12]}"
    return ""
