"""What does a UFS2 say of itself, in its first bytes?"""

from dataclasses import dataclass
from typing import Final

OFFSET: Final = 65536
"""Where the superblock of UFS2 begins."""
LENGTH: Final = 1376
_AT_FRAGMENT: Final = 52
_AT_CLEAN: Final = 209
_AT_MOUNT: Final = 212
_AT_LABEL: Final = 680
_AT_COUNT: Final = 1080
_AT_MAGIC: Final = 1372
_MAGIC: Final = (0x19540119).to_bytes(4, "little")


@dataclass(frozen=True, slots=True, kw_only=True)
class Superblock:
    """What a UFS2 says of itself at its beginning."""

    size_bytes: int
    is_clean: bool
    last_mount: str
    """Where it was mounted last; empty if it never was."""


def decode_superblock(block: bytes) -> Superblock | None:
    """Return what the sectors at byte ``OFFSET`` of a device say; None = that is no UFS2.

    Spec: struct fs in sys/ufs/ffs/fs.h, on a little-endian host.
    """
    if len(block) < LENGTH or block[_AT_MAGIC:LENGTH] != _MAGIC:
        return None
    fragment = int.from_bytes(block[_AT_FRAGMENT : _AT_FRAGMENT + 4], "little")
    count = int.from_bytes(block[_AT_COUNT : _AT_COUNT + 8], "little")
    return Superblock(
        size_bytes=count * fragment,
        is_clean=block[_AT_CLEAN] != 0,
        last_mount=block[_AT_MOUNT:_AT_LABEL].partition(b"\0")[0].decode(errors="replace"),
    )
