"""What shape has a configuration file: keys, sections, lists, and what may stand in them?

A schema is a value made of these classes. Everything else is derived from it: the check of a file,
the annotated sample, the reference table and the manual page.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from hafailover.config.kinds import ScalarKind


class Presence(Enum):
    """What it means when a key is left out and has no default text."""

    REQUIRED = auto()
    """It is an error."""
    OPTIONAL = auto()
    """There is no value."""
    EMPTY = auto()
    """As if an empty section or list stood there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One value."""

    kind: ScalarKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PerNode:
    """One value for both nodes, or a mapping of node name to value."""

    kind: ScalarKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf:
    """A sequence of values or sections."""

    item: "Shape"
    low: int = 0
    high: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A mapping of the user's own words to text, handed on as it is."""

    word: ScalarKind
    kind: ScalarKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A mapping of the user's own names to sections."""

    name: ScalarKind
    section: "Section"
    low: int = 0
    high: int = 256
    is_per_node: bool = False
    """Whether the names are those of the nodes."""
    samples: tuple[str, ...] = ()
    """The names in the annotated sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A mapping with known keys."""

    keys: tuple["Key", ...]

    def key(self, name: str) -> "Key":
        """Return the key of that name, which must exist."""
        return next(key for key in self.keys if key.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A mapping whose keys depend on the word under one of them."""

    tag: str
    text: str
    sections: tuple[tuple[str, Section], ...]

    def words(self) -> tuple[str, ...]:
        """Return the words that choose."""
        return tuple(word for word, _ in self.sections)


Shape: TypeAlias = Scalar | PerNode | ListOf | Options | Named | Section | Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a section."""

    name: str
    shape: Shape
    text: str
    """What it is for, in one or two sentences."""
    default: str | Presence = Presence.REQUIRED
    """The text that stands for a key left out (scalars only), or what its absence means."""
    remark: str = ""
    """What the reference says instead of a default, for values that follow from others."""
    is_secret: bool = False
    """Whether only a hash of the value may leave this host, or be shown."""
    sample: str = ""
    """An example for the annotated sample, where there is no default to show; ``{n}`` and
    ``{letter}`` count the entries of a mapping of names."""
