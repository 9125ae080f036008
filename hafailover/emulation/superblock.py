"""What does the emulated UFS keep about itself on its device?

A superblock at byte 65536, its fields where UFS2 on a little-endian host has them (struct fs in
ufs/ffs/fs.h): block and fragment size 48 and 52, the two words of the id 144, the clean byte 209, the
directory of the last mount 212, the volume label 680, the size in fragments 1080, flags 1312, the magic
1372. Everything else is zero, but for what stands where UFS2 has spare words: the size in bytes at 904,
and at 888 an MD5 over all the rest.
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

OFFSET: Final = 65536
LENGTH: Final = 1536
"""Whole sectors that hold the 1376 bytes."""
FRAGMENT: Final = 4096
"""Bytes per fragment; a device may be larger than its file system by less than one."""
BLOCK: Final = 32768

_MAGIC: Final = 0x19540119
_SIZES: Final = struct.Struct("<ii")
_ID: Final = struct.Struct("<II")
_COUNT: Final = struct.Struct("<q")
_WORD: Final = struct.Struct("<I")
_AT_SIZES: Final = 48
_AT_ID: Final = 144
_AT_CLEAN: Final = 209
_AT_MOUNT: Final = 212
_MOUNT_BYTES: Final = 468
_AT_LABEL: Final = 680
_LABEL_BYTES: Final = 32
_AT_DIGEST: Final = 888
_DIGEST_BYTES: Final = 16
_AT_BYTES: Final = 904
_AT_COUNT: Final = 1080
_AT_FLAGS: Final = 1312
_AT_MAGIC: Final = 1372

UNCLEAN: Final = 1
"""Was mounted dirty: only fsck makes it clean again."""
SOFT_UPDATES: Final = 2
NEEDS_FULL_CHECK: Final = 4
"""Damaged beyond what preening may repair."""
JOURNAL: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Superblock:
    """The state of one file system."""

    fs_id: tuple[int, int]
    size: int
    flags: int = 0
    clean: bool = True
    last_mount: str = ""
    label: str = ""

    def encode(self) -> bytes:
        """Return the sectors."""
        block = bytearray(LENGTH)
        _SIZES.pack_into(block, _AT_SIZES, BLOCK, FRAGMENT)
        _ID.pack_into(block, _AT_ID, *self.fs_id)
        block[_AT_CLEAN] = self.clean
        _put(block, _AT_MOUNT, self.last_mount, _MOUNT_BYTES)
        _put(block, _AT_LABEL, self.label, _LABEL_BYTES)
        _COUNT.pack_into(block, _AT_COUNT, self.size // FRAGMENT)
        _COUNT.pack_into(block, _AT_BYTES, self.size)
        _WORD.pack_into(block, _AT_FLAGS, self.flags)
        _WORD.pack_into(block, _AT_MAGIC, _MAGIC)
        block[_AT_DIGEST : _AT_DIGEST + _DIGEST_BYTES] = _digest(bytes(block))
        return bytes(block)

    def fits(self, mediasize: int) -> bool:
        """Whether a device of ``mediasize`` bytes may be this file system's."""
        return 0 <= mediasize - self.size < FRAGMENT

    @property
    def journaled(self) -> bool:
        """Whether it has soft updates with a journal (SU+J)."""
        return bool(self.flags & JOURNAL)

    @property
    def soft(self) -> bool:
        """Whether it has soft updates."""
        return bool(self.flags & SOFT_UPDATES)

    @property
    def damaged(self) -> bool:
        """Whether preening has to give up."""
        return bool(self.flags & NEEDS_FULL_CHECK)

    @property
    def usage(self) -> str:
        """The counts that fsck prints for an almost empty file system."""
        fragments = self.size // FRAGMENT
        free = fragments - fragments // 26 - 5 - (1024 if self.journaled else 0)
        blocks, rest = divmod(free - 21, 8)
        return f"{free} free ({21 + rest} frags, {blocks} blocks, 0.1% fragmentation)"


def decode(sectors: bytes) -> Superblock | None:
    """Return what the sectors say, or None if there is no (intact) file system."""
    if len(sectors) < LENGTH or _WORD.unpack_from(sectors, _AT_MAGIC)[0] != _MAGIC:
        return None
    digest = sectors[_AT_DIGEST : _AT_DIGEST + _DIGEST_BYTES]
    blank = sectors[:_AT_DIGEST] + bytes(_DIGEST_BYTES) + sectors[_AT_DIGEST + _DIGEST_BYTES :]
    if _digest(blank[:LENGTH]) != digest:
        return None
    first, second = _ID.unpack_from(sectors, _AT_ID)
    return Superblock(
        fs_id=(first, second),
        size=_COUNT.unpack_from(sectors, _AT_BYTES)[0],
        flags=_WORD.unpack_from(sectors, _AT_FLAGS)[0],
        clean=bool(sectors[_AT_CLEAN]),
        last_mount=_get(sectors, _AT_MOUNT, _MOUNT_BYTES),
        label=_get(sectors, _AT_LABEL, _LABEL_BYTES),
    )


def _put(block: bytearray, at: int, text: str, length: int) -> None:
    content = text.encode()[: length - 1]
    block[at : at + len(content)] = content


def _get(sectors: bytes, at: int, length: int) -> str:
    return sectors[at : at + length].partition(b"\0")[0].decode()


def _digest(block: bytes) -> bytes:
    return hashlib.md5(block, usedforsecurity=False).digest()
