r"""How does what only a discarded copy held stand in a file, and how is it read again?

::

    hafailover-kept 1 <length of the next line>\n
    {"group", "volume", "node", "kept", "reason", "wall_s", "size_bytes", "block_bytes"}\n
    offset (8 bytes, big-endian)  length (4)  that many bytes of the image, from that offset
    ... one such piece after the other, offsets growing ...
    2^64 - 1 (8)                  32 (4)      SHA-256 of everything before this piece

A file without its last piece is not whole. Nothing but the operator removes one.
"""

# A worker loads this module too: neither pathlib nor typing is imported (see ``worker_process``).
# ruff: noqa: PTH123

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, BinaryIO, Final

MAGIC: Final = b"hafailover-kept 1 "
END: Final = (1 << 64) - 1
SUFFIX: Final = ".kept"
UNFINISHED: Final = ".part"
PIECE_HEAD: Final = 12
"""Bytes before the data of a piece: where it lies, and how long it is."""
_DIGEST: Final = 32
_PIECE_BYTES_MAX: Final = 1 << 24
_HEADER_BYTES_MAX: Final = 1 << 16


class KeptFileError(ValueError):
    """The file is not one of these, or it is not whole."""


def encode_header(header: Mapping[str, Any]) -> bytes:
    """Return the beginning of a file."""
    line = json.dumps(dict(header), sort_keys=True).encode() + b"\n"
    return MAGIC + str(len(line)).encode() + b"\n" + line


def encode_piece(offset: int, data: bytes) -> bytes:
    """Return one piece."""
    return offset.to_bytes(8, "big") + len(data).to_bytes(4, "big") + data


def read_header(stream: BinaryIO) -> dict[str, Any]:
    """Return the header of an open file, and leave it at the first piece.

    Raises:
        KeptFileError: It has none.
    """
    first = stream.readline(len(MAGIC) + 16)
    length = first[len(MAGIC) :].strip()
    if not first.startswith(MAGIC) or not length.isdigit() or int(length) > _HEADER_BYTES_MAX:
        raise KeptFileError("not a file of kept blocks")
    try:
        header = json.loads(stream.read(int(length)))
    except ValueError as error:
        raise KeptFileError(f"the header is damaged: {error}") from error
    if not isinstance(header, dict):
        raise KeptFileError("the header is damaged")
    return header


def read_pieces(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, data) of a file that is open at its very beginning; at the end it is known to be whole.

    Raises:
        KeptFileError: It is damaged, or it ends too early. What was yielded before counts for nothing then.
    """
    import hashlib  # noqa: PLC0415 - most workers live without it

    digest = hashlib.sha256()
    stream.seek(0)
    read_header(stream)
    begin = stream.tell()
    stream.seek(0)
    digest.update(stream.read(begin))
    while True:
        head = stream.read(PIECE_HEAD)
        if len(head) < PIECE_HEAD:
            raise KeptFileError("the file ends in the middle: it is not whole")
        offset, length = int.from_bytes(head[:8], "big"), int.from_bytes(head[8:], "big")
        data = stream.read(length) if length <= _PIECE_BYTES_MAX else b""
        if len(data) != length:
            raise KeptFileError("the file ends in the middle: it is not whole")
        if offset == END:
            if data != digest.digest():
                raise KeptFileError("the checksum does not fit: the file is damaged")
            return
        digest.update(head)
        digest.update(data)
        yield offset, data


def describe(path: str) -> dict[str, Any]:
    """Return the header of a kept file with ``path``, ``bytes`` (of data) and ``problem``; never raises."""
    row: dict[str, Any] = {"path": path, "bytes": 0, "problem": ""}
    try:
        with open(path, "rb") as stream:
            row.update(read_header(stream))
            for _, data in read_pieces(stream):
                row["bytes"] += len(data)
    except (OSError, KeptFileError) as error:
        row["problem"] = str(error)
    return row
