"""Does a tree fit the schema: every key known, given once, and its value allowed?

All that is wrong is collected; a value that was wrong is left out of the result, so that later
checks skip what depends on it and everything else is still checked.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from hafailover.config.checked import Checked, PerNodeValue
from hafailover.config.kinds import Boolean, Choice, Integer, ScalarKind
from hafailover.config.problems import START, Mark, Problem, suggestion
from hafailover.config.shape import (
    Key,
    ListOf,
    Named,
    Options,
    PerNode,
    Presence,
    Scalar,
    Section,
    Shape,
    Variant,
)
from hafailover.config.tree import ListNode, MapNode, Node, ScalarNode

WRONG: Final = object()
"""Stands for a value that was wrong and has been reported."""

_SHOWN_MAX: Final = 60


@dataclass(slots=True, kw_only=True)
class Reading:
    """One pass over a file; ``problems`` grows while it lasts."""

    nodes: tuple[str, ...]
    """The names of the nodes, as far as the file gives any."""
    problems: list[Problem] = field(default_factory=list)

    def read(self, section: Section, root: Node) -> Checked | None:
        """Return what the file says, or None if it is no mapping at all."""
        if not isinstance(root, MapNode):
            self._complain(root.mark, "", f"found {describe(root)}, allowed is a mapping of keys")
            return None
        return self._section(section, root, "")

    def _section(self, section: Section, node: MapNode, path: str) -> Checked:
        given = self._entries(node, path, tuple(key.name for key in section.keys))
        values: dict[str, Any] = {}
        for key in section.keys:
            where = join(path, key.name)
            if key.name in given:
                value = self._value(key.shape, given[key.name], where)
            else:
                value = self._absent(key, node.mark, where)
            if value is not WRONG:
                values[key.name] = value
        marks = {name: value.mark for name, value in given.items()}
        return Checked(path=path, mark=node.mark, values=values, marks=marks)

    def _entries(self, node: MapNode, path: str, known: tuple[str, ...] | None) -> dict[str, Node]:
        """Return the entries that are known and come first, and complain about the others."""
        given: dict[str, Node] = {}
        for key, value in node.entries:
            where = join(path, key.text)
            if known is not None and key.text not in known:
                hint = suggestion(key.text, known) or "; known here: " + ", ".join(known)
                self._complain(key.mark, where, f"unknown key{hint}")
            elif key.text in given:
                first = given[key.text].mark.line
                self._complain(key.mark, where, f"given twice, first on line {first}")
            else:
                given[key.text] = value
        return given

    def _absent(self, key: Key, mark: Mark, where: str) -> Any:
        if isinstance(key.default, str):
            return self._value(
                key.shape, ScalarNode(text=key.default, is_plain=True, mark=mark), where
            )
        if key.default is Presence.OPTIONAL:
            return None
        if key.default is Presence.REQUIRED:
            self._complain(mark, where, f"missing: {key.text.rstrip('.')}")
            return WRONG
        if isinstance(key.shape, Section):
            return self._section(key.shape, MapNode(entries=(), mark=mark), where)
        return () if isinstance(key.shape, ListOf) else {}

    def _value(self, shape: Shape, node: Node, path: str) -> Any:
        match shape:
            case Scalar():
                return self._scalar(shape.kind, node, path)
            case PerNode():
                return self._per_node(shape.kind, node, path)
            case ListOf():
                return self._list(shape, node, path)
            case Options():
                return self._options(shape, node, path)
            case Named():
                return self._named(shape, node, path)
            case Section():
                if isinstance(node, MapNode):
                    return self._section(shape, node, path)
                return self._misshapen(node, path, "a mapping of keys")
            case Variant():
                return self._variant(shape, node, path)

    def _scalar(self, kind: ScalarKind, node: Node, path: str) -> Any:
        if not isinstance(node, ScalarNode):
            return self._misshapen(node, path, kind.allowed)
        if node.is_plain and node.text in {"", "~", "null"}:
            return self._misshapen(node, path, kind.allowed)
        if not node.is_plain and isinstance(kind, Boolean | Integer):
            return self._misshapen(node, path, f"{kind.allowed}, without quotes")
        try:
            return kind.parse(node.text)
        except ValueError as error:
            detail = f" ({error})" if str(error) else ""
            hint = suggestion(node.text, kind.words) if isinstance(kind, Choice) else ""
            found = describe(node)
            self._complain(
                node.mark, path, f"found {found}{detail}, allowed is {kind.allowed}{hint}"
            )
            return WRONG

    def _per_node(self, kind: ScalarKind, node: Node, path: str) -> Any:
        if not isinstance(node, MapNode):
            value = self._scalar(kind, node, path)
            return value if value is WRONG else PerNodeValue(shared=value)
        given = self._entries(node, path, self.nodes)
        for name in self.nodes:
            if name not in given:
                self._complain(
                    node.mark, join(path, name), f"missing; each node needs {kind.allowed}"
                )
        values = {
            name: self._scalar(kind, value, join(path, name)) for name, value in given.items()
        }
        return PerNodeValue(
            by_node={name: value for name, value in values.items() if value is not WRONG},
            marks={name: value.mark for name, value in given.items()},
        )

    def _list(self, shape: ListOf, node: Node, path: str) -> Any:
        if not isinstance(node, ListNode):
            return self._misshapen(node, path, "a list, each item after a dash or in brackets")
        count = len(node.items)
        if not shape.low <= count <= shape.high:
            few = f"{shape.low} to {shape.high}" if shape.low < shape.high else str(shape.low)
            items = "item" if count == 1 else "items"
            self._complain(node.mark, path, f"found {count} {items}, allowed are {few}")
            return WRONG
        values = [
            self._value(shape.item, item, f"{path}[{index}]")
            for index, item in enumerate(node.items)
        ]
        return WRONG if WRONG in values else tuple(values)

    def _options(self, shape: Options, node: Node, path: str) -> Any:
        if not isinstance(node, MapNode):
            return self._misshapen(node, path, "a mapping of words to values")
        values: dict[str, Any] = {}
        for word, value in self._entries(node, path, None).items():
            where = join(path, word)
            key = ScalarNode(text=word, is_plain=True, mark=value.mark)
            pair = self._scalar(shape.word, key, where), self._scalar(shape.kind, value, where)
            if WRONG not in pair:
                values[word] = pair[1]
        return values

    def _named(self, shape: Named, node: Node, path: str) -> Any:
        if isinstance(node, ListNode) and not node.items:
            # None at all looks alike either way, and brackets are what people write first.
            node = MapNode(entries=(), mark=node.mark)
        if not isinstance(node, MapNode):
            return self._misshapen(node, path, "a mapping of names to sections")
        given = self._entries(node, path, self.nodes if shape.is_per_node else None)
        if not shape.low <= len(given) <= shape.high:
            limits = f"{shape.low} to {shape.high}"
            self._complain(node.mark, path, f"found {len(given)} entries, allowed are {limits}")
        values: dict[str, Checked] = {}
        marks = {key.text: key.mark for key, _ in node.entries}
        for name, value in given.items():
            where = join(path, name)
            word = ScalarNode(text=name, is_plain=False, mark=marks[name])
            if self._scalar(shape.name, word, where) is WRONG:
                continue
            if isinstance(value, MapNode):
                values[name] = self._section(shape.section, value, where)
            else:
                self._misshapen(value, where, "a mapping of keys")
        return values

    def _variant(self, shape: Variant, node: Node, path: str) -> Any:
        if not isinstance(node, MapNode):
            return self._misshapen(node, path, f"a mapping with the key {shape.tag}")
        kind = Choice(words=shape.words())
        tags = [value for key, value in node.entries if key.text == shape.tag]
        if not tags:
            self._complain(node.mark, join(path, shape.tag), f"missing: {shape.text.rstrip('.')}")
            return WRONG
        word = self._scalar(kind, tags[0], join(path, shape.tag))
        if word is WRONG:
            return WRONG
        section = dict(shape.sections)[word]
        tag = Key(name=shape.tag, shape=Scalar(kind=kind), text=shape.text)
        return self._section(Section(keys=(tag, *section.keys)), node, path)

    def _misshapen(self, node: Node, path: str, allowed: str) -> object:
        self._complain(node.mark, path, f"found {describe(node)}, allowed is {allowed}")
        return WRONG

    def _complain(self, mark: Mark, key: str, text: str) -> None:
        self.problems.append(Problem(mark=mark, key=key, text=text))


def read_nodes(root: Node) -> tuple[str, ...]:
    """Return the names of the nodes before anything is checked; keys elsewhere refer to them."""
    if not isinstance(root, MapNode):
        return ()
    for key, value in root.entries:
        if key.text == "nodes" and isinstance(value, MapNode):
            return tuple(dict.fromkeys(name.text for name, _ in value.entries))
    return ()


def describe(node: Node) -> str:
    """Return what stands in the file, short and quoted."""
    match node:
        case ScalarNode(text="", is_plain=True):
            return "nothing"
        case ScalarNode():
            text = (
                node.text if len(node.text) <= _SHOWN_MAX else node.text[: _SHOWN_MAX - 3] + "..."
            )
            return f'"{text}"'
        case ListNode():
            return "a list"
        case MapNode():
            return "a mapping"


def join(path: str, key: str) -> str:
    """Return the path of a key in a section."""
    return f"{path}.{key}" if path else key


def empty_root() -> MapNode:
    """Return the tree of a file without any key."""
    return MapNode(entries=(), mark=START)
