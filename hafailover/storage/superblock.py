"""What does a UFS say of itself: through dumpfs(8), and in its first bytes?

One of the lines of dumpfs is ``cgrotor N fmod N ronly N clean N``.
"""

import re
from dataclasses import dataclass
from typing import Final

from hafailover.storage.observation import ObservationError

_CLEAN: Final = re.compile(
    r"^cgrotor\t[0-9]+\tfmod\t[0-9]+\tronly\t[0-9]+\tclean\t([0-9]+)$", re.MULTILINE
)

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


def parse_clean(text: str) -> bool:
    """Return whether the clean byte is set: it is zeroed by a read-write mount, set by an unmount.

    Raises:
        ObservationError: If the line is not there exactly once (no superblock, or a cut text).
    """
    found = _CLEAN.findall(text)
    if len(found) != 1:
        raise ObservationError("dumpfs(8), clean", f"{len(found)} such lines")
    return bool(found[0] != "0")


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
