"""What stands in the last sector of an image?

Either zeros, or gmirror metadata, or the agent's own marker, or something that nobody here wrote.

gmirror metadata version 4 and 3 (sys/geom/mirror/g_mirror.h), little-endian, the rest zero::

    0  16 magic    "GEOM::MIRROR", NUL padded      58  1 balance
   16   4 version                                  59  8 size of the mirror
   20  16 name of the mirror, NUL padded           67  4 sector size
   36   4 mirror id                                71  8 sync offset
   40   4 disk id                                  79  8 flags of the mirror
   44   1 number of components                     87  8 flags of the disk
   45   4 genid                                    95 16 hard-coded provider, or NULs
   49   4 syncid                                  111  8 size of the component
   53   1 priority                                119 16 MD5 of bytes 0-118
   54   4 slice

The marker (own format), big-endian, the rest zero::

    0  16 magic    "HAFAILOVER::TAIL"
   16   2 version  1
   18   2 length of the close id
   20  64 close id, ASCII, NUL padded
   84  32 SHA-256 of bytes 0-83

No class of GEOM tastes the marker's magic: an image that carries it starts nothing when attached.
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

from hafailover.storage.facts import MirrorMetadata, TailKind

SECTOR_SIZE: Final = 512
ZERO_SECTOR: Final = bytes(SECTOR_SIZE)
CLOSE_ID_LENGTH_MAX: Final = 64
MARKER_VERSION: Final = 1

_MIRROR_MAGIC: Final = b"GEOM::MIRROR\0\0\0\0"
_MIRROR: Final = struct.Struct("<16s I 16s I I B I I B I B Q I Q Q Q 16s Q")
_MIRROR_VERSIONS: Final = frozenset({3, 4})
_MARKER_MAGIC: Final = b"HAFAILOVER::TAIL"
_MARKER: Final = struct.Struct(f">16s H H {CLOSE_ID_LENGTH_MAX}s")
_SHA256_LENGTH: Final = 32
_MD5_LENGTH: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The content of a last sector; ``metadata`` and ``marker`` are there only for their kind."""

    kind: TailKind
    metadata: MirrorMetadata | None = None
    marker: str = ""


def decode_tail(sector: bytes) -> Tail:
    """Say what a sector of 512 bytes holds.

    Magic alone proves nothing: a torn or altered sector, or a version of another layout, is
    foreign.
    """
    assert len(sector) == SECTOR_SIZE  # noqa: S101 - the caller read exactly one sector
    if sector == ZERO_SECTOR:
        return Tail(kind=TailKind.ZERO)
    metadata = _decode_metadata(sector)
    if metadata is not None:
        return Tail(kind=TailKind.MIRROR, metadata=metadata)
    marker = _decode_marker(sector)
    if marker:
        return Tail(kind=TailKind.MARKER, marker=marker)
    return Tail(kind=TailKind.FOREIGN)


def encode_marker(close_id: str) -> bytes:
    """Return the sector that marks an image as closed under ``close_id`` (printable ASCII)."""
    text = close_id.encode("ascii")
    assert 0 < len(text) <= CLOSE_ID_LENGTH_MAX  # noqa: S101 - the agent makes the id itself
    assert close_id.isprintable()  # noqa: S101
    body = _MARKER.pack(_MARKER_MAGIC, MARKER_VERSION, len(text), text)
    return (body + hashlib.sha256(body).digest()).ljust(SECTOR_SIZE, b"\0")


def _decode_metadata(sector: bytes) -> MirrorMetadata | None:
    body = sector[: _MIRROR.size]
    digest = sector[_MIRROR.size : _MIRROR.size + _MD5_LENGTH]
    fields = _MIRROR.unpack(body)
    if fields[0] != _MIRROR_MAGIC or fields[1] not in _MIRROR_VERSIONS:
        return None
    if hashlib.md5(body, usedforsecurity=False).digest() != digest:
        return None
    return MirrorMetadata(
        name=_name(fields[2]),
        mirror_id=fields[3],
        disk_id=fields[4],
        components=fields[5],
        genid=fields[6],
        syncid=fields[7],
        priority=fields[8],
        media_size=fields[11],
        flags=fields[15],
        hardcoded=_name(fields[16]),
    )


def _decode_marker(sector: bytes) -> str:
    body = sector[: _MARKER.size]
    magic, version, length, padded = _MARKER.unpack(body)
    if magic != _MARKER_MAGIC or version != MARKER_VERSION:
        return ""
    end = _MARKER.size + _SHA256_LENGTH
    if hashlib.sha256(body).digest() != sector[_MARKER.size : end] or any(sector[end:]):
        return ""
    return bytes(padded[:length]).decode("ascii", "backslashreplace")


def _name(padded: bytes) -> str:
    return padded.partition(b"\0")[0].decode("ascii", "backslashreplace")
