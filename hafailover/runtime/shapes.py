"""Which types can the codec carry, and how does it see them?"""

import dataclasses
import types
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

TAG: Final = "is"
"""The key under which a member of a union of dataclasses carries its class name."""

SCALARS: Final = (int, str, bool, float, types.NoneType)
"""What JSON has itself."""

TEXTUAL: Final[dict[type, Callable[[str], object]]] = {
    IPv4Address: IPv4Address,
    IPv6Address: IPv6Address,
    IPv4Interface: IPv4Interface,
    IPv6Interface: IPv6Interface,
}
"""Types whose ``str`` says everything, with what reads it back."""


class CodecError(ValueError):
    """JSON does not fit the type it is read as; the text begins with the path to the culprit."""


def _plain(declared: Any) -> Any:
    """Return what a ``NewType`` stands for."""
    while hasattr(declared, "__supertype__"):
        declared = declared.__supertype__
    return declared


def members_of(declared: Any) -> tuple[Any, ...]:
    """Return the members of a union, nested ones resolved; a single type stands alone."""
    declared = _plain(declared)
    if get_origin(declared) in (Union, types.UnionType):
        return tuple(member for part in get_args(declared) for member in members_of(part))
    return (declared,)


def is_dataclass(declared: Any) -> bool:
    """Say whether ``declared`` is a dataclass (and not an instance of one)."""
    return isinstance(declared, type) and dataclasses.is_dataclass(declared)


def field_types(kind: Any) -> tuple[tuple[str, Any], ...]:
    """Return the fields of a dataclass in order, each with its resolved type."""
    hints = get_type_hints(kind)
    return tuple((field.name, hints[field.name]) for field in dataclasses.fields(kind))
