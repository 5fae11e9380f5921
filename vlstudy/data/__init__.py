"""The table of data sources; importing it imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vlstudy.data.captioned_source import Coco, Flickr8k
from vlstudy.data.coop import Coop
from vlstudy.data.domains import Domains
from vlstudy.data.feature_file import FeatureFile
from vlstudy.data.folder import Folder
from vlstudy.data.miniature.source import Miniature
from vlstudy.data.pairs_file import PairsFile
from vlstudy.data.source import Source

if TYPE_CHECKING:
    from vlstudy.data.pair_pool import PairPool
    from vlstudy.data.pool import Pool

SOURCES: dict[str, type[Source]] = {
    "miniature": Miniature,
    "feature_file": FeatureFile,
    "coop": Coop,
    "folder": Folder,
    "domains": Domains,
    "flickr8k": Flickr8k,
    "coco": Coco,
    "pairs_file": PairsFile,
}


def load(source: Source, model: str, pretrained: str | None) -> Pool | PairPool:
    """The source's features under one backbone, encoded once per machine and memory-mapped after that.

    Raises:
        DataError: if the source is missing, broken or too small.
        BackboneError: if the towers cannot be loaded.
    """
    return source.load(model, pretrained)


def cached(source: Source, model: str, pretrained: str | None) -> tuple[tuple[str, Path, bool], ...]:
    """What `load` will read: (label, file, whether it is there already)."""
    return tuple((key.label, key.path(), key.path().exists()) for key in source.keys(model, pretrained))


__all__ = ["SOURCES", "Source", "cached", "load"]
