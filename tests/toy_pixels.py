"""A small world of pictures: six classes of the miniature, with its towers."""

from functools import cache, partial

import torch

from vlstudy.backbones import load
from vlstudy.backbones.towers import Backbone
from vlstudy.data.miniature import CLASSNAMES, TEMPLATES, few_shot_pool
from vlstudy.data.pixels import packed, unpacked
from vlstudy.data.pool import Features, Pool
from vlstudy.data.tasks import Task
from vlstudy.methods.protocol import Batch

CLASSES = (0, 2, 7, 9, 20, 29)  # of several shapes and textures


@cache
def towers() -> Backbone:
    """The miniature's, once for all tests; whoever trains takes a fresh one from the pool."""
    return load("miniature")


@cache
def toy_pictures(shots: int = 2, task: str = "few_shot", per_class: int = 6) -> Pool:
    """Rendered scenes, their features and masks; what is not drawn is the test split."""
    scenes = few_shot_pool("train", per_class)
    chosen = torch.cat([(torch.from_numpy(scenes.labels) == label).nonzero()[:, 0] for label in CLASSES])
    pixels = {
        **packed(scenes.pixels[chosen.numpy()]),
        "masks": torch.from_numpy(scenes.masks[chosen.numpy()]).to(torch.uint8),
    }
    features = towers().encode_images(scenes.pixels[chosen.numpy()])
    names = tuple(CLASSNAMES[label] for label in CLASSES)
    return Pool(
        train=Features(
            image_features=features,
            label_indices=torch.arange(len(CLASSES)).repeat_interleave(per_class),
            pixels=unpacked(pixels, side=64),
        ),
        val=None,
        test=None,
        text_features=towers().class_text_features(names, TEMPLATES),
        classnames=names,
        logit_scale=towers().logit_scale,
        shots=shots,
        task=Task(name=task),
        templates=TEMPLATES,
        towers=partial(load, "miniature"),
    )


def toy_picture_batch() -> Batch:
    """All training pictures of a draw."""
    dev = toy_pictures().dev(0)
    assert dev.train.pixels is not None
    return Batch(
        image_features=dev.train.image_features,
        labels=dev.train.labels,
        classes=dev.classes,
        pictures=dev.train.pixels.plain(torch.arange(len(dev.train))),
    )
