"""Classes and captions of the rendered world."""

import numpy as np

from vlstudy.data.miniature import BASE, CLASSNAMES, NEW, TEMPLATES, caption_pool
from vlstudy.data.miniature.captions import CAPTIONS, caption, vocabulary
from vlstudy.data.miniature.classes import SHAPES, TEXTURES, class_index
from vlstudy.data.miniature.latents import draw_latents


def words(text: str) -> set[str]:
    return set(text.strip(".").split())


def test_at_least_forty_classes_with_names_of_their_own() -> None:
    assert len(set(CLASSNAMES)) == len(CLASSNAMES) >= 40


def test_base_and_new_divide_the_classes() -> None:
    assert sorted(BASE + NEW) == list(range(len(CLASSNAMES)))
    assert len(BASE) == len(NEW)


def test_base_classes_show_every_shape_and_every_texture() -> None:
    assert {CLASSNAMES[label].split()[0] for label in BASE} == set(TEXTURES)
    assert {CLASSNAMES[label].split()[1] for label in BASE} == set(SHAPES)


def test_class_index_agrees_with_the_names() -> None:
    names = [CLASSNAMES[class_index(s, t)] for s in range(len(SHAPES)) for t in range(len(TEXTURES))]
    assert tuple(names) == CLASSNAMES


def test_five_captions_differ() -> None:
    for captions in caption_pool("train", 300).captions:
        assert len(captions) == len(set(captions)) == CAPTIONS


def test_captions_leave_details_out_and_use_synonyms() -> None:
    scenes = caption_pool("train", 300)
    named = 0
    for label, captions in zip(scenes.labels, scenes.captions, strict=True):
        named += sum(words(CLASSNAMES[label]) <= words(text) for text in captions)
    share = named / (CAPTIONS * len(scenes))
    assert 0.02 < share < 0.4


def test_a_caption_is_pure() -> None:
    batch = draw_latents("pure captions", np.arange(20))
    alone = draw_latents("pure captions", np.array([13]))
    for number in range(CAPTIONS):
        assert caption(batch, np.full(20, number))[13] == caption(alone, np.array([number]))[0]


def test_captions_and_class_texts_stay_within_the_vocabulary() -> None:
    known = set(vocabulary())
    said = {word for captions in caption_pool("val", 500).captions for text in captions for word in words(text)}
    asked = {word for name in CLASSNAMES for template in TEMPLATES for word in words(template.format(name))}
    assert said | asked <= known


def test_no_companion_is_named_where_there_is_none() -> None:
    latents = draw_latents("companions", np.arange(200))
    for kind, text in zip(latents.companion, caption(latents, np.zeros(200, np.int64)), strict=True):
        assert kind >= 0 or "beside" not in text
