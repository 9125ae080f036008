"""How does a value of this package become JSON?"""

from collections.abc import Callable
from enum import Enum
from functools import cache
from pathlib import PurePath
from typing import Any, get_args, get_origin

from hafailover.runtime.shapes import (
    SCALARS,
    TAG,
    TEXTUAL,
    CodecError,
    field_types,
    is_dataclass,
    members_of,
)

_Encoder = Callable[[Any], Any]


@cache
def encoder(declared: Any) -> _Encoder:
    """Return the function that encodes values of the type ``declared``."""
    members = members_of(declared)
    if len(members) > 1:
        return _union_encoder(members)
    return _single_encoder(members[0])


def _single_encoder(kind: Any) -> _Encoder:
    origin = get_origin(kind)
    if origin is tuple:
        return _tuple_encoder(get_args(kind))
    if origin is frozenset:
        item = encoder(get_args(kind)[0])
        return lambda value: sorted(item(element) for element in value)
    if is_dataclass(kind):
        return _dataclass_encoder(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value: value.name.lower()
    if kind is bytes:
        return lambda value: value.hex()
    if kind in TEXTUAL or (isinstance(kind, type) and issubclass(kind, PurePath)):
        return str
    if kind in SCALARS:
        return lambda value: value
    raise CodecError(f"no JSON form for the type {kind!r}")


def _tuple_encoder(arguments: tuple[Any, ...]) -> _Encoder:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        item = encoder(arguments[0])
        return lambda value: [item(element) for element in value]
    items = tuple(encoder(argument) for argument in arguments)
    return lambda value: [item(element) for item, element in zip(items, value, strict=True)]


def _dataclass_encoder(kind: Any) -> _Encoder:
    # Made on first use: a dataclass may contain itself.
    parts: list[tuple[str, _Encoder]] = []

    def encode_fields(value: Any) -> dict[str, Any]:
        if not parts:
            parts.extend((name, encoder(hint)) for name, hint in field_types(kind))
        return {name: part(getattr(value, name)) for name, part in parts}

    return encode_fields


def _union_encoder(members: tuple[Any, ...]) -> _Encoder:
    tagged = {kind for kind in members if is_dataclass(kind)}
    if len(tagged) < 2:
        tagged = set()
    by_kind: dict[type, _Encoder] = {}
    for member in members:
        by_kind[get_origin(member) or member] = _single_encoder(member)

    def encode_member(value: Any) -> Any:
        kind = type(value)
        body = by_kind[kind](value)
        return {TAG: kind.__name__, **body} if kind in tagged else body

    return encode_member
