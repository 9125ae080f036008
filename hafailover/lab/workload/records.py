"""What does the workload write, and which of it is missing?

A record is 64 bytes of text: its number, who wrote it, when (nanoseconds of the machine's
monotonic clock), a CRC-32 over these, filled with dots and ended by a newline. Record ``n`` stands
at byte ``64 * n``.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

RECORD_SIZE: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One numbered record."""

    number: int
    writer: str
    """Node and process that wrote it, such as ``A-17``: unique in one run of the lab."""
    written_ns: int

    def encode(self) -> bytes:
        """Return the 64 bytes of the record."""
        front = f"{self.number} {self.writer} {self.written_ns} "
        text = f"{front}{zlib.crc32(front.encode()):08x} "
        return text.ljust(RECORD_SIZE - 1, ".").encode() + b"\n"


def decode(raw: bytes) -> Record | None:
    """Return the record in 64 bytes, or None if they are none."""
    words = raw.decode("ascii", "replace").split(" ")
    if len(raw) != RECORD_SIZE or len(words) != 5:
        return None
    front = " ".join(words[:3]) + " "
    if words[3] != f"{zlib.crc32(front.encode()):08x}":
        return None
    return Record(number=int(words[0]), writer=words[1], written_ns=int(words[2]))


def last_number(content: bytes) -> int:
    """Return the number of the last whole record of a file; -1 if there is none."""
    for number in range(len(content) // RECORD_SIZE - 1, -1, -1):
        record = decode(content[number * RECORD_SIZE : (number + 1) * RECORD_SIZE])
        if record is not None and record.number == number:
            return number
    return -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """The promise that a record is durable: fsync returned."""

    number: int
    writer: str
    begun_ns: int
    """When the write was begun."""
    acknowledged_ns: int
    """When fsync returned."""

    def encode(self) -> bytes:
        """Return one line of the log."""
        return f"{self.number} {self.writer} {self.begun_ns} {self.acknowledged_ns}\n".encode()


def decode_acknowledgements(log: str) -> list[Acknowledgement]:
    """Return the acknowledgements in a log; a last line that is not whole does not count."""
    found = []
    for line in log.splitlines(keepends=True):
        words = line.split()
        if line.endswith("\n") and len(words) == 4:
            found.append(
                Acknowledgement(
                    number=int(words[0]),
                    writer=words[1],
                    begun_ns=int(words[2]),
                    acknowledged_ns=int(words[3]),
                )
            )
    return found


def lost(acknowledged: Iterable[Acknowledgement], content: bytes) -> list[Acknowledgement]:
    """Return the acknowledged records that ``content``, the surviving file, does not hold."""
    missing = []
    for promise in acknowledged:
        at = promise.number * RECORD_SIZE
        record = decode(content[at : at + RECORD_SIZE])
        if record is None or (record.number, record.writer) != (promise.number, promise.writer):
            missing.append(promise)
    return missing
