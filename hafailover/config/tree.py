"""What does a YAML text say, and on which line and column?

Only plain data is read: no anchors, no aliases, no tags, one document. Scalars are kept as
written, so that ``no`` is a word, ``0644`` four digits and ``12:30`` a time of day; what a scalar
means is the schema's business, not the guess of YAML 1.1.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import yaml

from hafailover.config.problems import START, Mark, Problem

TEXT_MAX: Final = 1 << 20
"""Characters; a configuration file beyond that is a mistake."""

DEPTH_MAX: Final = 20
"""Levels of nesting; the schema needs eight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalarNode:
    """One value, as written."""

    text: str
    is_plain: bool
    """Whether it stood without quotes."""
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNode:
    """A sequence."""

    items: tuple["Node", ...]
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class MapNode:
    """A mapping, in the order of the file, duplicates included."""

    entries: tuple[tuple[ScalarNode, "Node"], ...]
    mark: Mark


Node: TypeAlias = ScalarNode | ListNode | MapNode


class UnreadableError(Exception):
    """The text is not YAML, or more of YAML than is read here."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.text)


def parse_yaml(text: str) -> Node:
    """Return the tree of the one document in ``text``.

    Raises:
        UnreadableError: with the place where reading stopped.
    """
    if len(text) > TEXT_MAX:
        raise _unreadable(START, f"the file is longer than {TEXT_MAX} characters")
    try:
        _refuse_what_is_not_plain_data(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        reason = error.problem or error.context or "not YAML"
        raise _unreadable(_mark(place) if place else START, f"not YAML: {reason}") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # The scanner lets chr() complain about an escape beyond Unicode; control characters come
        # as a ReaderError that knows no line.
        reason = str(error).splitlines()[0]
        raise _unreadable(START, f"not YAML: {reason}") from error
    if root is None:
        raise _unreadable(START, "the file is empty")
    return _convert(root)


def _refuse_what_is_not_plain_data(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        mark = _mark(event.start_mark) if event.start_mark else START
        if isinstance(event, yaml.AliasEvent):
            raise _unreadable(mark, "aliases (*name) are not read here; write the value out")
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise _unreadable(mark, "anchors (&name) are not read here; write the value out")
        if getattr(event, "tag", None) is not None:
            raise _unreadable(mark, "tags (!name) are not read here")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_MAX:
            raise _unreadable(mark, f"nested deeper than {DEPTH_MAX} levels")


def _convert(node: Any) -> Node:
    mark = _mark(node.start_mark)
    if isinstance(node, yaml.MappingNode):
        entries = tuple((_convert_key(key), _convert(value)) for key, value in node.value)
        return MapNode(entries=entries, mark=mark)
    if isinstance(node, yaml.SequenceNode):
        return ListNode(items=tuple(_convert(item) for item in node.value), mark=mark)
    return ScalarNode(text=node.value, is_plain=node.style is None, mark=mark)


def _convert_key(node: Any) -> ScalarNode:
    key = _convert(node)
    if not isinstance(key, ScalarNode):
        raise _unreadable(key.mark, "a key must be a word")
    return key


def _mark(mark: Any) -> Mark:
    return Mark(line=mark.line + 1, column=mark.column + 1)


def _unreadable(mark: Mark, text: str) -> UnreadableError:
    return UnreadableError(Problem(mark=mark, key="", text=text))
