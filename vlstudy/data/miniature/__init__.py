"""The embedded default: a world of small scenes that we render, so that nothing need be downloaded."""

from vlstudy.data.miniature.classes import BASE, CLASSNAMES, DOMAINS, NEW, TEMPLATES
from vlstudy.data.miniature.pools import Scenes, caption_pool, digest, few_shot_pool

__all__ = ["BASE", "CLASSNAMES", "DOMAINS", "NEW", "TEMPLATES", "Scenes", "caption_pool", "digest", "few_shot_pool"]
