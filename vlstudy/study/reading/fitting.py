"""Whether what a file asks of its arms can be had: from its data, its backbone, and each other."""

from collections.abc import Sequence
from typing import Any

from vlstudy.data import SOURCES
from vlstudy.errors import suggest
from vlstudy.methods import METHODS
from vlstudy.study.reading.place import Place
from vlstudy.study.spec import Arm, BackboneSpec

_NEW_CLASSES = ("base_to_new", "open_class")


def check_data(places: Sequence[Place], arms: Sequence[Arm], sources: Sequence[Any]) -> None:
    """Tells the arms whose method needs what the data has not, under any condition."""
    blind = [
        name for name, kind in SOURCES.items() if not kind.has_pixels and any(type(one) is kind for one in sources)
    ]
    tasks = [one.task for one in sources if one.task in _NEW_CLASSES]
    for place, arm in zip(places, arms, strict=True):
        method = METHODS.get(arm.method)
        if method is None:
            continue
        named = place.children()["method"]
        if blind and (method.towers or method.pixels):
            needs = "trains on pictures" if method.pixels else "needs the backbone's towers"
            pictured = ", ".join(name for name, kind in SOURCES.items() if kind.has_pixels)
            fitting = ", ".join(name for name, other in METHODS.items() if not (other.towers or other.pixels))
            named.wrong(
                f"`{arm.method}` {needs}, and source `{blind[0]}` has features only. Sources with pictures: "
                f"{pictured}. Methods on features: {fitting}."
            )
        if tasks and method.closed:
            fitting = ", ".join(name for name, other in METHODS.items() if not other.closed)
            named.wrong(
                f"`{arm.method}` cannot score classes that it was not trained on, as task `{tasks[0]}` asks. "
                f"Methods that can: {fitting}."
            )


def check_bases(places: Sequence[Place], arms: Sequence[Arm]) -> None:
    """Tells what is wrong with an arm's `on`: it names an earlier arm whose method has features to give."""
    for index, (place, arm) in enumerate(zip(places, arms, strict=True)):
        if arm.on and arm.method in METHODS:
            message = _wrong_base(arm, arms[:index], arms[index + 1 :])
            if message:
                place.children()["on"].wrong(message)


def _wrong_base(arm: Arm, earlier: Sequence[Arm], later: Sequence[Arm]) -> str | None:
    methods = {other.family: other.method for other in earlier}
    if not METHODS[arm.method].stacks:
        stacking = ", ".join(name for name, method in METHODS.items() if method.stacks)
        return f"`{arm.method}` cannot be trained on another arm. Methods that can: {stacking}. Or remove `on`."
    if arm.on in methods:
        method = METHODS.get(methods[arm.on])
        if method is None or method.carries:  # an unknown method is told at its own place
            return None
        carrying = ", ".join(name for name, other in METHODS.items() if other.carries)
        return f"method `{methods[arm.on]}` of arm `{arm.on}` has no features to give. Methods that have: {carrying}."
    if arm.on == arm.family:
        return f"`{arm.on}` is this arm itself. Name an earlier arm, whose features it takes."
    if any(other.family == arm.on for other in later):
        return f"arm `{arm.on}` stands further down. Put it before this one."
    known = suggest(arm.on, methods) if methods else "There is none before this one."
    return f"unknown arm `{arm.on}`. {known}"


def check_attention(places: Sequence[Place], arms: Sequence[Arm], backbone: BackboneSpec) -> None:
    """Tells the arms whose method reads attention where the backbone's image tower has none, or fewer blocks."""
    if not any(arm.method in METHODS and METHODS[arm.method].attends for arm in arms):
        return
    from vlstudy.backbones import attention_blocks  # asks open_clip, which takes seconds to import

    blocks = attention_blocks(backbone.model)
    for place, arm in zip(places, arms, strict=True):
        if arm.method not in METHODS or not METHODS[arm.method].attends or blocks is None:
            continue
        if not blocks:
            place.children()["method"].wrong(
                f"`{arm.method}` reads the attention of the image tower, and that of `{backbone.model}` has none that "
                "can be read. Take a ViT, such as ViT-B-16, or another method."
            )
            continue
        method = METHODS[arm.method](**_given(arm))
        for knob in METHODS[arm.method].attends:
            value = getattr(method, knob)
            if value > blocks:
                where = place.children().get("fixed", place.children()["method"])
                where = where.children().get(f"method.{knob}", where)
                where.wrong(
                    f"`method.{knob}` is {value}, and the image tower of `{backbone.model}` has {blocks} blocks. "
                    f"Set it to {blocks} or fewer under `fixed`."
                )


def _given(arm: Arm) -> dict[str, Any]:
    return {name.split(".", 1)[1]: value for name, value in arm.fixed.items() if name.startswith("method.")}
