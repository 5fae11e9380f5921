"""A value of the file and where it stands, so that whoever finds a fault can say so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from vlstudy.errors import Problem, suggest
from vlstudy.study.reading.text import MERGE, fault, scalar


@dataclass(frozen=True)
class Faults:
    """All problems found so far; the first word about a node is the last."""

    problems: list[Problem] = field(default_factory=list)
    _told: list[Node] = field(default_factory=list)  # the nodes themselves: an id may be used again

    def tell(self, node: Node, where: str, message: str, *, once: bool = True) -> None:
        """Note a problem at a node; with `once`, only if the node has none yet."""
        if once and any(node is other for other in self._told):
            return
        if once:
            self._told.append(node)
        mark = node.start_mark
        self.problems.append(Problem(line=mark.line + 1, column=mark.column + 1, where=where, message=message))


@dataclass(frozen=True)
class Place:
    """A node, the dotted path that leads to it, and the key it stands under."""

    node: Node
    where: str
    faults: Faults
    key: Node | None = None
    parent: str = ""

    def wrong(self, message: str) -> None:
        """Tell that the value is wrong."""
        self.faults.tell(self.node, self.where, message)

    def wrong_key(self, message: str) -> None:
        """Tell that the key is wrong."""
        self.faults.tell(self.key or self.node, self.parent, message)

    def missing(self, name: str, way_out: str = "") -> None:
        """Tell that a key is not there."""
        self.faults.tell(self.node, self.where, f"missing key `{name}`. {way_out}".rstrip(), once=False)

    def value(self) -> Any:
        """The value in Python's terms: mappings, lists, texts, numbers."""
        if isinstance(self.node, MappingNode):
            return {name: place.value() for name, place in self.children().items()}
        if isinstance(self.node, SequenceNode):
            return [place.value() for place in self.items()]
        return scalar(self.node) if isinstance(self.node, ScalarNode) and not fault(self.node) else None

    def got(self) -> str:
        """The value in words, as it was written; a text is told as such, so that "64" is not taken for 64."""
        if not isinstance(self.node, ScalarNode):
            kind = "mapping" if self.is_mapping() else "list"
            return f"a {kind}" if self.node.value else f"an empty {kind}"
        value = self.value()
        if value is None:
            return "nothing"
        return f"the text `{value}`" if isinstance(value, str) else f"`{self.node.value}`"

    def is_mapping(self) -> bool:
        """Whether it has keys, or could have."""
        return isinstance(self.node, MappingNode)

    def children(self) -> dict[str, Place]:
        """Key -> value of a mapping, merge keys followed; {} for anything else."""
        if not isinstance(self.node, MappingNode):
            return {}
        return {
            key.value: Place(value, f"{self.where}.{key.value}".lstrip("."), self.faults, key, self.where)
            for key, value in reversed(list(_pairs(self.node)))  # the first of equal keys wins
            if isinstance(key, ScalarNode)
        }

    def items(self) -> list[Place]:
        """The items of a list; [] for anything else."""
        if not isinstance(self.node, SequenceNode):
            return []
        return [Place(item, f"{self.where}[{index}]", self.faults) for index, item in enumerate(self.node.value)]

    def mapping(self, known: Iterable[str], required: Iterable[str] = ()) -> dict[str, Place]:
        """The known keys of what must be a mapping, in the file's order; all else is told."""
        known = list(known)
        if not self.is_mapping():
            self.wrong(f"needs a mapping with keys from {', '.join(known)}; got {self.got()}.")
            return {}
        children = {name: place for name, place in sorted(self.children().items(), key=_position)}
        for name in children.keys() - set(known):
            children.pop(name).wrong_key(f"unknown key `{name}`. {suggest(name, known)}")
        for name in required:
            if name not in children:
                self.missing(name)
        return children

    def check(self) -> None:
        """Tell what is wrong with the value and everything in it as YAML, whatever it stands for."""
        if message := fault(self.node):
            self.wrong(message)
        if isinstance(self.node, MappingNode):
            self._check_keys(self.node)
        for place in (*self.children().values(), *self.items()):
            place.check()

    def _check_keys(self, node: MappingNode) -> None:
        first: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self.faults.tell(key, self.where, "a key must be a word, not a list or a mapping.")
            elif key.tag == MERGE and not all(isinstance(item, MappingNode) for item in _merged(value)):
                self.faults.tell(value, self.where, "`<<` needs a mapping, or a list of mappings.")
            elif key.tag != MERGE and key.value in first:
                line = first[key.value].start_mark.line + 1
                message = f"key `{key.value}` stands here twice, first on line {line}. Keep one."
                self.faults.tell(key, self.where, message)
            else:
                first[key.value] = key


def _pairs(node: MappingNode) -> Iterator[tuple[Node, Node]]:
    """The mapping's own keys, then those of the mappings it merges."""
    yield from ((key, value) for key, value in node.value if key.tag != MERGE)
    for key, value in node.value:
        if key.tag == MERGE:
            for merged in _merged(value):
                if isinstance(merged, MappingNode):
                    yield from _pairs(merged)


def _merged(value: Node) -> list[Node]:
    return list(value.value) if isinstance(value, SequenceNode) else [value]


def _position(item: tuple[str, Place]) -> tuple[int, int]:
    mark = (item[1].key or item[1].node).start_mark
    return mark.line, mark.column
