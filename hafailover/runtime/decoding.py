"""How does JSON become a value of this package, and what is wrong with it if it does not?"""

from collections.abc import Callable
from enum import Enum
from functools import cache
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    ip_address,
    ip_interface,
)
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

_Decoder = Callable[[Any], Any]


@cache
def decoder(declared: Any, strict: bool) -> _Decoder:  # noqa: FBT001
    """Return the function that decodes documents into the type ``declared``."""
    members = members_of(declared)
    if len(members) > 1:
        return _union_decoder(members, strict=strict)
    return _single_decoder(members[0], strict=strict)


def _single_decoder(kind: Any, *, strict: bool) -> _Decoder:
    origin = get_origin(kind)
    if origin is tuple:
        return _tuple_decoder(get_args(kind), strict=strict)
    if origin is frozenset:
        item = decoder(get_args(kind)[0], strict)
        return lambda document: frozenset(_each(item, _array(document)))
    if is_dataclass(kind):
        return _dataclass_decoder(kind, strict=strict)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum_decoder(kind)
    if kind is bytes:
        return lambda document: _convert(bytes.fromhex, document, "hexadecimal text")
    if kind in TEXTUAL:
        return lambda document: _convert(TEXTUAL[kind], document, kind.__name__)
    if isinstance(kind, type) and issubclass(kind, PurePath):
        return lambda document: _convert(kind, document, "a path")
    if kind in SCALARS:
        return _scalar_decoder(kind)
    raise CodecError(f"no JSON form for the type {kind!r}")


def _convert(make: _Decoder, document: object, wanted: str) -> Any:
    if not isinstance(document, str):
        raise CodecError(f": expected {wanted}, found {_shown(document)}")
    try:
        return make(document)
    except ValueError as error:
        raise CodecError(f": expected {wanted}, found {_shown(document)}") from error


def _scalar_decoder(kind: type) -> _Decoder:
    wanted = (int, float) if kind is float else (kind,)

    def decode_scalar(document: object) -> object:
        # ``type`` and not ``isinstance``: JSON's true is no number here, though Python's is.
        if type(document) not in wanted:
            raise CodecError(f": expected {kind.__name__}, found {_shown(document)}")
        return document

    return decode_scalar


def _enum_decoder(kind: type[Enum]) -> _Decoder:
    words = {member.name.lower(): member for member in kind}

    def decode_word(document: object) -> Enum:
        if not isinstance(document, str) or document not in words:
            raise CodecError(f": expected a {kind.__name__}, found {_shown(document)}")
        return words[document]

    return decode_word


def _array(document: object) -> list[Any]:
    if not isinstance(document, list):
        raise CodecError(f": expected an array, found {_shown(document)}")
    return document


def _each(item: _Decoder, documents: list[Any]) -> tuple[Any, ...]:
    return tuple(_at(f"[{place}]", item, document) for place, document in enumerate(documents))


def _at(place: str, part: _Decoder, document: object) -> Any:
    try:
        return part(document)
    except CodecError as error:
        raise CodecError(f"{place}{error}") from error.__cause__


def _tuple_decoder(arguments: tuple[Any, ...], *, strict: bool) -> _Decoder:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        item = decoder(arguments[0], strict)
        return lambda document: _each(item, _array(document))
    items = tuple(decoder(argument, strict) for argument in arguments)

    def decode_items(document: object) -> tuple[Any, ...]:
        found = _array(document)
        if len(found) != len(items):
            raise CodecError(f": expected {len(items)} items, found {len(found)}")
        pairs = zip(items, found, strict=True)
        return tuple(_at(f"[{place}]", item, part) for place, (item, part) in enumerate(pairs))

    return decode_items


def _dataclass_decoder(kind: Any, *, strict: bool) -> _Decoder:
    parts: dict[str, _Decoder] = {}

    def decode_fields(document: object) -> Any:
        if not isinstance(document, dict):
            raise CodecError(f": expected a {kind.__name__}, found {_shown(document)}")
        if not parts:
            parts.update((name, decoder(hint, strict)) for name, hint in field_types(kind))
        if strict:
            _refuse_difference(kind, parts.keys(), document.keys() - {TAG})
        values = {
            name: _at(f".{name}", part, document[name])
            for name, part in parts.items()
            if name in document
        }
        try:
            return kind(**values)
        except (TypeError, ValueError) as error:
            raise CodecError(f": {error}") from error

    return decode_fields


def _refuse_difference(kind: Any, wanted: Any, found: Any) -> None:
    if unknown := found - wanted:
        raise CodecError(f": {kind.__name__} has no field {min(unknown)!r}")
    if missing := wanted - found:
        raise CodecError(f": {kind.__name__} lacks the field {min(missing)!r}")


def _union_decoder(members: tuple[Any, ...], *, strict: bool) -> _Decoder:
    classes = {kind.__name__: kind for kind in members if is_dataclass(kind)}
    others = tuple(kind for kind in members if not is_dataclass(kind))
    if len(classes) > 1:
        made = {name: _single_decoder(kind, strict=strict) for name, kind in classes.items()}
    else:
        made = {}
        others = members
    makers = tuple(_single_decoder(kind, strict=strict) for kind in others)
    addresses = _textual_union(members)

    def decode_member(document: object) -> Any:
        if isinstance(document, dict) and made:
            name = document.get(TAG)
            if not isinstance(name, str) or name not in made:
                raise CodecError(f": expected one of {sorted(made)}, found {_shown(name)}")
            return made[name](document)
        if addresses is not None and isinstance(document, str):
            return _convert(addresses, document, "an address")
        return _first_that_fits(makers, document)

    return decode_member


def _textual_union(members: tuple[Any, ...]) -> _Decoder | None:
    kinds = set(members)
    if {IPv4Address, IPv6Address} <= kinds:
        return ip_address
    if {IPv4Interface, IPv6Interface} <= kinds:
        return ip_interface
    return None


def _first_that_fits(makers: tuple[_Decoder, ...], document: object) -> Any:
    problem = CodecError(f": nothing is expected here, found {_shown(document)}")
    for maker in makers:
        try:
            return maker(document)
        except CodecError as error:
            # The message of the last member that is no null says most.
            problem = error if not str(error).startswith(": expected NoneType") else problem
    raise problem


def _shown(document: object) -> str:
    text = repr(document)
    return text if len(text) <= 60 else f"{text[:57]}..."
