"""What does the emulated UFS keep about itself on its device?

One sector at byte 8192 of the device, big-endian: magic 0-7, fs id 8 and 12 (4 bytes each),
size in bytes 16 (8), flags 24 (1), clean 25 (1), directory of the last mount 26-153, volume label
154-185, MD5 of bytes 0-185 at 186. The layout is ours; what the fields mean is UFS's.
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

OFFSET: Final = 8192
LENGTH: Final = 512
FRAGMENT: Final = 4096
"""Bytes per fragment; a device may be larger than its file system by less than one."""

_MAGIC: Final = b"HAFUFS2\0"
_BODY: Final = struct.Struct(">8sIIQBB128s32s")

SOFT_UPDATES: Final = 1
JOURNAL: Final = 2
UNCLEAN: Final = 4
"""Was mounted dirty: only fsck makes it clean again."""
NEEDS_FULL_CHECK: Final = 8
"""Damaged beyond what preening may repair."""


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
        """Return the sector."""
        body = _BODY.pack(
            _MAGIC,
            *self.fs_id,
            self.size,
            self.flags,
            self.clean,
            self.last_mount.encode()[:127],
            self.label.encode()[:31],
        )
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        return (body + digest).ljust(LENGTH, b"\0")

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


def decode(sector: bytes) -> Superblock | None:
    """Return what the sector says, or None if there is no (intact) file system."""
    body = sector[: _BODY.size]
    digest = sector[_BODY.size : _BODY.size + 16]
    if not sector.startswith(_MAGIC):
        return None
    if hashlib.md5(body, usedforsecurity=False).digest() != digest:
        return None
    _, first, second, size, flags, clean, last_mount, label = _BODY.unpack(body)
    return Superblock(
        fs_id=(first, second),
        size=size,
        flags=flags,
        clean=bool(clean),
        last_mount=last_mount.rstrip(b"\0").decode(),
        label=label.rstrip(b"\0").decode(),
    )
