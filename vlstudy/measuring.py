"""What a trained model is worth: metrics on validation, and once on the test images with what the report draws."""

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from vlstudy.backbones import vit
from vlstudy.data.sets import Classes, DevSplits, FeatureSet, Group, Splits
from vlstudy.errors import BackboneError
from vlstudy.measurement import Measurement, Point
from vlstudy.measuring_pairs import Evidence, compared, embedded, tested_pairs
from vlstudy.methods.protocol import Method
from vlstudy.methods.towers import ImageTower
from vlstudy.metrics import METRICS
from vlstudy.metrics.attention import attention_on_object
from vlstudy.metrics.calibration import reliability
from vlstudy.state import State, restore

LOOKED_AT = 256  # test images of a group whose attention is measured: attention maps are what fused kernels avoid
SHOWN = 6  # pictures in the report


def measure(method: Method, model: nn.Module, dev: DevSplits) -> tuple[Point, ...]:
    """Every metric on validation at every point of the inference axes; no metrics where there are no images."""
    if not len(dev.val):
        return tuple(Point(axis=axis, metrics={}) for axis in method.points())
    pairs = compared(embedded(method, model, dev.val), "val")
    scores = _logits(method, model, dev.val, dev.classes)
    return tuple(
        Point(axis=axis, metrics={**{f"val/{x}": value for x, value in _metrics(one, dev.val).items()}, **pairs})
        for axis, one in zip(method.points(), scores, strict=True)
    )


def tested(
    method: Method, model: nn.Module, state: State, splits: Splits, objective: str, *, look: bool = True
) -> tuple[Measurement, Evidence]:
    """The trained state on the test images: metrics named `test/...`, and arrays for the report's pictures.

    Where there are several groups of images, `test/x@GROUP` is of one and `test/x` the mean over them. The
    measurement's `choice` is the oracle's, best on test: never report it as a result.

    Args:
        method: that was trained.
        model: as `build` makes it; the state is put into it.
        state: of the end of the training.
        splits: with the test images.
        objective: the metric that the oracle chooses by.
        look: True to make the arrays; they cost more than the metrics, and the report draws one seed's.
    """
    restore(model, state.model)
    groups = [group for group in splits.test if len(group.images)]
    scores = [_logits(method, model, group.images, group.classes) for group in groups]
    tower = _seen(method, model)
    of_pairs, drawn = tested_pairs(method, model, splits, look=look)
    constant = {**_looks(tower, groups), **of_pairs}  # the same along the axes
    points = tuple(
        Point(axis=axis, metrics={**_at_point(groups, [one[index] for one in scores]), **constant})
        for index, axis in enumerate(method.points())
    )
    measurement = replace(state.measurement, points=points, choice=best(points, objective.replace("val/", "test/", 1)))
    return measurement, {**_evidence(method, model, tower, splits.dev, groups, scores), **drawn} if look else {}


def best(points: tuple[Point, ...], objective: str) -> int:
    """Index of the point that is best on the objective; ties go to the first, points that are not numbers lose."""
    sign = 1 if METRICS[objective.split("/", 1)[1]].direction == "maximize" else -1
    values = [sign * point.metrics.get(objective, math.nan) for point in points]
    return max(range(len(points)), key=lambda index: -math.inf if math.isnan(values[index]) else values[index])


def _logits(method: Method, model: nn.Module, images: FeatureSet, classes: Classes) -> Float[Tensor, "k n c"]:
    model.eval()
    if not classes.names:  # captions alone: there is nothing to score against
        return torch.empty(len(method.points()), len(images), 0)
    with torch.inference_mode():
        return method.logits(model, images, classes).float()


def _metrics(scores: Float[Tensor, "n c"], images: FeatureSet) -> dict[str, float]:
    """Every metric of classes; none where the images have no classes."""
    if not scores.shape[-1] or not len(images) or bool((images.labels < 0).any()):
        return {}
    return {name: metric.compute(scores, images.labels) for name, metric in METRICS.items() if metric.compute}


def _at_point(groups: list[Group], scores: list[Float[Tensor, "n c"]]) -> dict[str, float]:
    """`test/x` and `test/x@GROUP` at one point of the axes."""
    found = {group.name: _metrics(one, group.images) for group, one in zip(groups, scores, strict=True)}
    apart = {f"test/{x}@{name}": value for name, values in found.items() if name for x, value in values.items()}
    means = {
        f"test/{x}": sum(values[x] for values in found.values()) / len(found) for x in next(iter(found.values()), {})
    }
    accuracies = {name: values["accuracy"] for name, values in found.items() if "accuracy" in values}
    combined = {f"test/{x}": metric.combine(accuracies) for x, metric in METRICS.items() if metric.combine}
    return {**means, **{x: value for x, value in combined.items() if value is not None}, **apart}


def _attention(tower: ImageTower, images: FeatureSet, rows: Tensor) -> Float[Tensor, "l n g g"]:
    """The class token's attention over the patches, summing to 1 over them, mean over heads."""
    tower.eval()
    with torch.inference_mode():
        parts = [
            vit.attention_maps(tower.visual, tower.prepare(images.pixels.plain(part)))[:, :, 0, 1:]
            for part in torch.split(rows, 32)
            if images.pixels is not None
        ]
    attention = torch.cat(parts, dim=1).float()
    attention = attention / attention.sum(dim=-1, keepdim=True)
    side = math.isqrt(attention.shape[-1])
    return attention.reshape(*attention.shape[:2], side, side).cpu()


def _looks(tower: ImageTower | None, groups: Iterable[Group]) -> dict[str, float]:
    """Attention inside the masks, per layer and in the mean; nothing without masks or without a tower to look into.

    Every group of images counts alike, as in `test/x`.
    """
    shares = []
    for group in groups if tower is not None else ():
        count = len(group.images)
        rows = torch.linspace(0, count - 1, min(LOOKED_AT, count)).long()  # spread: some sources list class by class
        masks = group.images.pixels.masks(rows) if group.images.pixels else None
        if masks is not None and tower is not None:
            shares.append(attention_on_object(_attention(tower, group.images, rows), masks).nanmean(dim=1))
    if not shares:
        return {}
    layers = torch.stack(shares).nanmean(dim=0).tolist()
    each = {f"test/attention_on_object@{layer}": share for layer, share in enumerate(layers, start=1)}
    return {"test/attention_on_object": sum(layers) / len(layers), **each}


def _seen(method: Method, model: nn.Module) -> ImageTower | None:
    """The method's image tower, if it is one whose attention can be looked at."""
    tower = method.image_tower(model)
    try:
        return tower if tower is not None and vit.depth(tower.visual) else None
    except BackboneError:
        return None


def _evidence(
    method: Method,
    model: nn.Module,
    tower: ImageTower | None,
    dev: DevSplits,
    groups: list[Group],
    scores: list[Float[Tensor, "k n c"]],
) -> Evidence:
    """What the report draws beside numbers: reliability, pictures with attention, and what the method adds."""
    found = Evidence()
    classed = [(all_, group.images) for all_, group in zip(scores, groups, strict=True) if all_.shape[-1]]
    if classed:
        bins = [[reliability(one, images.labels) for one in all_] for all_, images in classed]
        found["reliability"] = np.stack([_pooled(list(point)) for point in zip(*bins, strict=True)])
    if tower is not None and getattr(method, "pictured", method.pixels) and dev.towers is not None:
        found |= _pictures(tower, ImageTower(dev.towers()).to(dev.device), groups[0])
    return {**found, **method.evidence(model, dev)}


def _pooled(groups: list[Float[Tensor, "bins 3"]]) -> np.ndarray:
    """Several groups' bins as one's."""
    stacked = torch.stack(groups).cpu()
    counts = stacked[..., 2:]
    sums = (stacked[..., :2] * counts).sum(dim=0) / counts.sum(dim=0).clamp(min=1)
    return torch.cat([sums, counts.sum(dim=0)], dim=1).numpy()


def _pictures(after: ImageTower, before: ImageTower, group: Group) -> Evidence:
    """Six test pictures of different classes, with the class token's attention before and after."""
    images = group.images
    if images.pixels is None:
        return {}
    labels = images.labels.cpu()
    first = [int((labels == label).nonzero()[0]) for label in torch.unique(labels)]
    rows = torch.tensor(first[:: max(1, len(first) // SHOWN)][:SHOWN])
    masks = images.pixels.masks(rows)
    return {
        "pictures": images.pixels.plain(rows).numpy(),
        "picture_classes": np.array([group.classes.names[label] for label in labels[rows]]),
        "attention_before": _attention(before, images, rows).transpose(0, 1).numpy(),
        "attention_after": _attention(after, images, rows).transpose(0, 1).numpy(),
        **({} if masks is None else {"masks": masks.numpy()}),
    }
