"""What do ggatec and ggated say to each other, and ggatec to its kernel?

ggate's protocol (sbin/ggate/shared/ggate.h), packed, big-endian, version 0:
version packet: magic 16, version 2, error 2. Client's hello: path 1025 (NUL padded), flags 8,
connections 2, token 4. Server's hello: flags 1, mediasize 8, sectorsize 4, error 2. Request and
answer: command 1, offset 8, length 4, sequence 8, error 2, then the data of a write or a read.

The frames between ggatec and the emulated kernel are ours, with the same header.
"""

import socket
import struct
from typing import Final

PORT: Final = 3080
MAGIC: Final = b"GEOM_GATE       "
VERSION: Final = struct.Struct(">16sHH")
CLIENT: Final = struct.Struct(">1025sQHI")
SERVER: Final = struct.Struct(">BQIH")
HEADER: Final = struct.Struct(">BQIQH")

READ_ONLY: Final = 1
WRITE_ONLY: Final = 2
SENDS: Final = 4
"""The server sends on this connection."""
RECEIVES: Final = 8
"""The server receives on this connection."""

READ: Final = 0
WRITE: Final = 1
FLUSH: Final = 3

CANCEL: Final = 250
"""ggatec to kernel: take back all that I fetched; kernel to ggatec: done."""
ENDED: Final = 251
"""Kernel to ggatec: the device is gone."""

LIMIT: Final = 1 << 24
"""No request is longer than this many bytes."""


class LostError(Exception):
    """The other side hung up, or the connection broke."""


def receive(connection: socket.socket, length: int) -> bytes:
    """Return exactly ``length`` bytes; raises ``LostError``."""
    chunks = bytearray()
    while len(chunks) < length:
        try:
            chunk = connection.recv(length - len(chunks))
        except OSError as error:
            raise LostError(str(error)) from error
        if not chunk:
            raise LostError("closed")
        chunks += chunk
    return bytes(chunks)


def send(connection: socket.socket, data: bytes) -> None:
    """Send everything; raises ``LostError``."""
    try:
        connection.sendall(data)
    except OSError as error:
        raise LostError(str(error)) from error
