"""YAML text as nodes that know their lines, with scalars as YAML 1.2 means them."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from vlstudy.errors import Problem, StudyError

MERGE = "tag:yaml.org,2002:merge"
_PREFIX = "tag:yaml.org,2002:"
_MOST_VALUES = 10_000  # a study file has hundreds; more is an alias inside itself, or a bomb of them
_WAYS_OUT = {
    "mapping values are not allowed here": "A text that contains `: ` needs quotes.",
    "found character '\\t' that cannot start any token": "Indent with spaces, not tabs.",
    "expected a single document": "Keep one study in one file.",
}


class _Loader(yaml.SafeLoader):
    """PyYAML without YAML 1.1's surprises: `no` is a text, `1e-3` a number, `1:30` no number of seconds."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (declared so by PyYAML)


for _tag, _pattern in (
    ("null", r"~|null|Null|NULL|"),
    ("bool", r"true|True|TRUE|false|False|FALSE"),
    ("int", r"[-+]?[0-9]+"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
    ("merge", r"<<"),
):
    _Loader.add_implicit_resolver(_PREFIX + _tag, re.compile(rf"(?:{_pattern})\Z"), None)


class Dumper(yaml.SafeDumper):
    """Writes nodes so that `compose` reads them back."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


_CONVERT: Mapping[str, Callable[[str], Any]] = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": lambda text: float(text.replace(".inf", "inf").replace(".nan", "nan")),
    "str": str,
    "merge": str,
}


def compose(text: str, path: str) -> Node:
    """The root node of a YAML text.

    Raises:
        StudyError: the text is not YAML, or is empty.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise StudyError(path, [_syntax(error)]) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        raise StudyError(path, [problem_after(before, f"the character U+{ord(text[error.position]):04X}")]) from None
    except RecursionError:
        message = "brackets are nested too deeply to be a study."
        raise StudyError(path, [Problem(line=1, column=1, where="", message=message)]) from None
    if root is None:
        message = "the file is empty. Copy one of studies/*.yaml and change it."
        raise StudyError(path, [Problem(line=1, column=1, where="", message=message)])
    return root


def problem_after(before: str, what: str) -> Problem:
    """A problem at the character that follows `before`."""
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Problem(line=line, column=column, where="", message=f"{what} cannot stand in a study file. Remove it.")


def too_large(root: Node) -> bool:
    """Whether the aliases, written out, make more values than any study has."""
    pending, count = [root], 0
    while pending:
        node = pending.pop()
        count += 1
        if count > _MOST_VALUES:
            return True
        if isinstance(node, SequenceNode):
            pending += node.value
        elif isinstance(node, MappingNode):
            pending += [part for pair in node.value for part in pair]
    return False


def fault(node: Node) -> str | None:
    """What is wrong with a node as YAML, whatever it stands for; None if nothing is."""
    kind = node.tag.removeprefix(_PREFIX)
    if not isinstance(node, ScalarNode):
        return None if kind in ("seq", "map") else f"the tag `{node.tag}` is not read. Write the plain value."
    if kind not in _CONVERT:
        return f"the tag `{node.tag}` is not read. Write the plain value."
    odd = [letter for letter in node.value if unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t"]
    if odd:
        return f"holds the character U+{ord(odd[0]):04X}, which cannot be printed. Remove it."
    try:
        _CONVERT[kind](node.value)
    except ValueError:
        return f"`{node.value[:40]}` cannot be read as {kind}."
    return None


def scalar(node: ScalarNode) -> Any:
    """The value of a scalar that has no fault."""
    return _CONVERT[node.tag.removeprefix(_PREFIX)](node.value)


def resolves_to_number(text: str) -> bool:
    """Whether a text would have been a number without its quotes."""
    tag = _Loader("").resolve(ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return bool(tag in (_PREFIX + "int", _PREFIX + "float"))


def _syntax(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    said = (error.problem or error.context or "cannot be parsed").removeprefix("but ")
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    way_out = next((way for start, way in _WAYS_OUT.items() if start in f"{error.context} {said}"), "")
    return Problem(line=line, column=column, where="", message=f"this is not YAML: {said}. {way_out}".rstrip())
