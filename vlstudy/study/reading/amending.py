"""A study's text with something changed, read again with all checks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from vlstudy.errors import StudyError, VlstudyError, suggest
from vlstudy.study.reading.document import document
from vlstudy.study.reading.place import Faults, Place
from vlstudy.study.reading.text import Dumper, compose
from vlstudy.study.spec import BudgetSpec, SearchSpec, StudySpec

_LISTS, _RANGES = ("choice",), ("uniform", "log_uniform", "int", "log_int")


@dataclass(frozen=True, kw_only=True)
class Amendment:
    """What a user changes in a study.

    Attributes:
        trials: settings per arm, `+50` for more or `74`; "" leaves them.
        minutes: of search, likewise.
        widen: searched knob -> its new ends `1e-5:1e-2`, or values that join a choice, `32,64`.
        arm: text of a YAML file with one arm, or a list of them.
        arm_path: that file's name, for its problems.
        points: arm -> settings to be tried next, each knob -> value as one would write it in the file.
        drop: an arm that is no longer asked for.
    """

    trials: str = ""
    minutes: str = ""
    widen: Mapping[str, str] = field(default_factory=dict)
    arm: str = ""
    arm_path: str = ""
    points: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    drop: str = ""


def amended(text: str, path: Path, amendment: Amendment) -> StudySpec:
    """The study that the changed text asks for; its `text` is the changed one.

    Args:
        text: of a sound study file.
        path: where it was read from: relative paths in it start there.
        amendment: what is changed.

    Raises:
        StudyError: the new arm has problems, each with its line in its own file.
        VlstudyError: another change cannot be made.
    """
    root = _root(text, path)
    if amendment.trials:
        _number(root, "search", "trials", amendment.trials, SearchSpec().trials)
    if amendment.minutes:
        _number(root, "budget", "minutes", amendment.minutes, BudgetSpec().minutes)
    for knob, values in amendment.widen.items():
        _widen(root, knob, values)
    for name, point in amendment.points.items():
        _point(_arm(root, name), point)
    if amendment.drop:
        arms = root.children()["arms"].node
        arms.value.remove(_arm(root, amendment.drop).node)
    if amendment.arm:
        root.children()["arms"].node.value.extend(_arms(amendment))
    root.check()
    document(root, path=path, text=text)
    _judge(root, amendment)
    return reread(yaml.serialize(root.node, Dumper=Dumper, width=110, allow_unicode=True), path)


def reread(text: str, path: Path) -> StudySpec:
    """The study of a text that a folder keeps; `path` is the file that it came from, which may have changed since.

    Raises:
        StudyError: this version of vlstudy does not read it.
    """
    root = _root(text, path)
    root.check()
    spec = document(root, path=path, text=text)
    if root.faults.problems:
        raise StudyError(str(path), root.faults.problems)
    return spec


def _root(text: str, path: Path) -> Place:
    return Place(compose(text, str(path)), "", Faults())


def _judge(root: Place, amendment: Amendment) -> None:
    """Problems of a new arm stand in its file; of anything else there is no line that the user could look at."""
    if not root.faults.problems:
        return
    if amendment.arm:
        raise StudyError(amendment.arm_path, root.faults.problems)
    raise VlstudyError("\n".join(f"{problem.where}: {problem.message}" for problem in root.faults.problems))


def _number(root: Place, section: str, key: str, wanted: str, default: float | None) -> None:
    """Sets `section.key`; a wanted text that begins with + is added to what stands there."""
    inner = root.children().get(section)
    present = inner.children().get(key) if inner else None
    before = present.value() if present else default
    try:
        value = float(wanted)
    except ValueError:
        raise VlstudyError(f"--{key}: `{wanted}` is no number. Write --{key} +10 to add ten.") from None
    if wanted.startswith("+"):
        if before is None:
            raise VlstudyError(f"--{key}: the study has no limit of {key}, so there is nothing to add to.")
        value += before
    if before is not None and value < before:
        raise VlstudyError(f"--{key}: {value:g} is less than the {before:g} of now. `vlstudy stop` ends a search.")
    node = _scalar(f"{value:g}" if value < 1e6 else str(int(value)))
    if present is not None:
        present.node.value, present.node.tag = node.value, node.tag
    elif inner is not None:
        inner.node.value.append((_scalar(key), node))
    else:
        root.node.value.append((_scalar(section), MappingNode(_MAP, [(_scalar(key), node)], _MARK, _MARK, True)))


def _widen(root: Place, knob: str, values: str) -> None:
    """New ends for a range, or more values for a choice, in every arm that searches the knob."""
    arms = root.children()["arms"].items()
    spaces = [inner for arm in arms if "space" in arm.children() for inner in _with_blocks(arm.children()["space"])]
    found = [space[knob] for space in spaces if knob in space]
    if not found:
        known = sorted({name for space in spaces for name in space})
        raise VlstudyError(f"--widen: no arm searches `{knob}`. {suggest(knob, known)}")
    for place in found:
        kinds = place.children()
        kind = next((name for name in (*_RANGES, *_LISTS) if name in kinds), None)
        if kind is None:
            raise VlstudyError(
                f"--widen: {place.where} is searched as {', '.join(kinds)}, which cannot be widened: its values are "
                "tried in their order. Add an arm with the new values: --arm file.yaml"
            )
        node = kinds[kind].node
        if kind in _LISTS:
            node.value.extend(map(_scalar, values.split(",")))
        else:
            node.value[:] = map(_scalar, _ends(knob, values))


def _with_blocks(space: Place) -> list[dict[str, Place]]:
    """The knobs of a space, and those of each schedule that it chooses from."""
    chosen = space.children().get("schedule")
    listed = chosen.children().get("choice") if chosen else None
    return [space.children(), *(block.children() for block in (listed.items() if listed else ()))]


def _ends(knob: str, values: str) -> list[str]:
    ends = values.split(":")
    if len(ends) != 2:
        raise VlstudyError(f"--widen: `{knob}={values}` needs two ends. Write --widen {knob}=LOW:HIGH.")
    return ends


def _arm(root: Place, name: str) -> Place:
    """The arm of that name in the file."""
    arms = {arm.children()["name"].value(): arm for arm in root.children()["arms"].items()}
    if name not in arms:
        raise VlstudyError(f"unknown arm `{name}`. {suggest(name, map(str, arms))}")
    return arms[name]


def _arms(amendment: Amendment) -> Iterable[Node]:
    """What the file of a new arm holds: one arm, a list, or a mapping with `arms` as in a study file."""
    node = compose(amendment.arm, amendment.arm_path)
    place = Place(node, "", Faults())
    inner = place.children().get("arms", place)
    return inner.node.value if isinstance(inner.node, SequenceNode) else [inner.node]


def _point(arm: Place, point: Mapping[str, str]) -> None:
    """One more entry under the arm's `points`."""
    pairs: list[Any] = [(_scalar(name), compose(value, "value")) for name, value in point.items()]
    entry = MappingNode(_MAP, pairs, _MARK, _MARK, True)
    points = arm.children().get("points")
    if points is None:
        arm.node.value.append((_scalar("points"), SequenceNode(_SEQ, [entry], _MARK, _MARK, False)))
    else:
        points.node.value.append(entry)


_MAP, _SEQ = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"
_MARK = yaml.Mark("", 0, 0, 0, None, 0)


def _scalar(text: str) -> ScalarNode:
    """A scalar as it would be read from a file."""
    node = compose(text.strip(), "value")
    return node if isinstance(node, ScalarNode) else ScalarNode("tag:yaml.org,2002:str", text, _MARK, _MARK)
