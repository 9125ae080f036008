"""What did a checked file say: values by key, each with its place?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hafailover.config.problems import Mark

T = TypeVar("T")


class MissingError(Exception):
    """The value is not there because it was wrong, which has been reported already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerNodeValue:
    """One value for each node, or one for all."""

    shared: Any = None
    by_node: Mapping[str, Any] | None = None
    """None if the file gave one value for all."""
    marks: Mapping[str, Mark] = field(default_factory=dict)

    def of(self, node: str) -> Any:
        """Return the value for a node.

        Raises:
            MissingError: the file gave none, or a wrong one.
        """
        if self.by_node is None:
            return self.shared
        if node not in self.by_node:
            raise MissingError
        return self.by_node[node]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One section of the file after the check against its schema; defaults are filled in."""

    path: str
    mark: Mark
    values: Mapping[str, Any]
    """By key; a key whose value was wrong is not in it, an optional one left out is None."""
    marks: Mapping[str, Mark]
    """Where the values stand; a key that the file left out is not in it."""

    def take(self, key: str, kind: type[T]) -> T:
        """Return a value that must be there.

        Raises:
            MissingError: it was wrong in the file.
        """
        if key not in self.values:
            raise MissingError
        value = self.values[key]
        return _of(kind, value)

    def maybe(self, key: str, kind: type[T]) -> T | None:
        """Return an optional value, or None where it was left out.

        Raises:
            MissingError: it was wrong in the file.
        """
        if key not in self.values:
            raise MissingError
        return None if self.values[key] is None else self.take(key, kind)

    def section(self, key: str) -> "Checked":
        """Return the section under a key.

        Raises:
            MissingError: it was wrong in the file.
        """
        return self.take(key, Checked)

    def sections(self, key: str) -> Mapping[str, "Checked"]:
        """Return the named sections under a key.

        Raises:
            MissingError: they were wrong in the file.
        """
        named: Mapping[str, Checked] = self.take(key, dict)
        return named

    def items(self, key: str, kind: type[T]) -> tuple[T, ...]:
        """Return the list under a key.

        Raises:
            MissingError: it was wrong in the file.
        """
        return tuple(_of(kind, item) for item in self.take(key, tuple))

    def at_node(self, key: str, node: str, kind: type[T]) -> T:
        """Return the value that a per-node key has for one node.

        Raises:
            MissingError: the file gave none, or a wrong one.
        """
        return _of(kind, self.take(key, PerNodeValue).of(node))

    def is_given(self, key: str) -> bool:
        """Whether the file itself gave the key."""
        return key in self.marks

    def place(self, key: str, node: str = "") -> Mark:
        """Return where the value of a key stands, or the section if it was left out."""
        value = self.values.get(key)
        if node and isinstance(value, PerNodeValue) and node in value.marks:
            return value.marks[node]
        return self.marks.get(key, self.mark)


def _of(kind: type[T], value: object) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is not {kind.__name__}: the schema and its reader disagree")
    return value
