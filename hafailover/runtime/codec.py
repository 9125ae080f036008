"""How do the package's values become JSON and come back, without a word about any of them here?

Everything is derived from the types: frozen dataclasses become objects with their fields in
order, enums the lower-case name of their member, tuples arrays, bytes hexadecimal text, IP
addresses and networks their usual text, ``None`` null. Where a type is a union of dataclasses,
the object carries the class name under ``is``.

Decoding is strict: what does not fit the type raises ``CodecError`` with the path to it. Whether
unknown fields are refused or passed over is the reader's choice; a missing field takes the
default of the dataclass only for a reader that passes over unknown ones too, since both mean a
writer of a neighbouring version.
"""

from typing import Any, TypeVar, cast

from hafailover.runtime.decoding import decoder
from hafailover.runtime.encoding import encoder

_T = TypeVar("_T")


def encode(declared: Any, value: object) -> Any:
    """Return ``value``, which is of the type ``declared``, as JSON-ready objects."""
    return encoder(declared)(value)


def decode(declared: type[_T], document: object, *, strict: bool = True) -> _T:
    """Return the value of the type ``declared`` that ``document`` holds.

    Args:
        declared: A dataclass, or any other type this module knows.
        document: What ``json.loads`` returned.
        strict: Whether unknown and missing fields are refused.

    Raises:
        CodecError: The document does not fit.
    """
    return cast("_T", decode_any(declared, document, strict=strict))


def decode_any(declared: Any, document: object, *, strict: bool = True) -> Any:
    """Do what ``decode`` does, for unions, which are no ``type`` to a type checker."""
    return decoder(declared, strict)(document)
