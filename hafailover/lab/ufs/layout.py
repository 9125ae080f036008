r"""Where does what lie on the device?

::

    64 KiB   superblock and clean flag: the emulated kernel's, never touched here
    128 KiB  metadata slot 0
    384 KiB  metadata slot 1
    640 KiB  data block 0, 1, 2, ... of 4 KiB each

A slot is a header of 56 bytes and a text: magic ``HAFUFS1\0`` (8), sequence (u64), number of data
blocks (u32), length of the text (u32), SHA-256 over those 24 bytes and the text (32); integers are
little-endian. The two slots are written in turn, so that a torn write leaves the other one whole;
the valid slot of the higher sequence counts.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

RESERVED: Final = 128 * 1024
"""Bytes at the front that belong to the emulated kernel."""

BLOCK_SIZE: Final = 4096
SLOT_SIZE: Final = 256 * 1024
SLOT_OFFSETS: Final = (RESERVED, RESERVED + SLOT_SIZE)
DATA_OFFSET: Final = RESERVED + 2 * SLOT_SIZE

_MAGIC: Final = b"HAFUFS1\0"
_HEADER: Final = struct.Struct("<8sQII")
_DIGEST_SIZE: Final = 32
HEADER_SIZE: Final = _HEADER.size + _DIGEST_SIZE
TEXT_LIMIT: Final = SLOT_SIZE - HEADER_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One state of the whole tree."""

    sequence: int
    """Grows by one with every commit."""
    data_blocks: int
    """Data blocks that the file system was formatted for."""
    text: bytes
    """The tree, as ``tree.Tree.encode`` wrote it."""

    @property
    def offset(self) -> int:
        """Byte offset on the device: even sequences in slot 0, odd ones in slot 1."""
        return SLOT_OFFSETS[self.sequence % 2]

    def encode(self, sector_size: int) -> bytes:
        """Return the slot's bytes, padded to whole sectors."""
        front = _HEADER.pack(_MAGIC, self.sequence, self.data_blocks, len(self.text))
        raw = front + hashlib.sha256(front + self.text).digest() + self.text
        return raw + bytes(-len(raw) % sector_size)


def decode_slot(raw: bytes) -> Slot | None:
    """Return the slot in ``raw``, or None for anything that is not a whole, intact one."""
    if len(raw) < HEADER_SIZE:
        return None
    magic, sequence, data_blocks, length = _HEADER.unpack_from(raw)
    if magic != _MAGIC or length > TEXT_LIMIT or HEADER_SIZE + length > len(raw):
        return None
    text = raw[HEADER_SIZE : HEADER_SIZE + length]
    if hashlib.sha256(raw[: _HEADER.size] + text).digest() != raw[_HEADER.size : HEADER_SIZE]:
        return None
    return Slot(sequence=sequence, data_blocks=data_blocks, text=text)


def newest(slots: tuple[Slot | None, ...]) -> Slot | None:
    """Return the intact slot of the highest sequence."""
    intact = [slot for slot in slots if slot is not None]
    return max(intact, key=lambda slot: slot.sequence, default=None)


def block_offset(block: int) -> int:
    """Return the byte offset of data block ``block``."""
    return DATA_OFFSET + block * BLOCK_SIZE


def data_blocks_on(size: int) -> int:
    """Return how many data blocks fit on a device of ``size`` bytes."""
    return max(0, (size - DATA_OFFSET) // BLOCK_SIZE)
